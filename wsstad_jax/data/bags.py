"""Bags: all that training and evaluation know of a video, padded to fixed shapes.

This is the one place that knows how bags are padded. T is the number of instances of the
tube branch, S that of videolets, D the size of features; `tube_mask` and `videolet_mask`
tell real rows (True) from padding, whose features are 0 and whose spans are 0:0.
"""

from collections.abc import Mapping, Sequence
import dataclasses

import ml_collections
import numpy as np
import tensorflow_datasets as tfds

from wsstad_jax.core.records import Tube, TubeKind, VideoEntry, VideoFacts, VideoTubes
from wsstad_jax.features import clip_plan
from wsstad_jax.features import store
from wsstad_jax.tubes import division
from wsstad_jax.tubes import trajectories
from wsstad_jax.tubes import videolets
from wsstad_jax.video import clips

Bag = dict[str, np.ndarray]

# [T, ...] each, of the instances of the tube branch.
_INSTANCE_KEYS = (
    'region_features', 'image_features', 'trajectory_features', 'tube_mask', 'tube_spans',
    'tube_kinds', 'tube_sources',
)
# What a method computes with; the rest of a bag is for evaluation.
MODEL_KEYS = (
    'label', *_INSTANCE_KEYS, 'videolet_features', 'videolet_mask', 'videolet_spans',
)
_INSTANCES_STEP = 40  # a few compiled shapes serve all stacks


@dataclasses.dataclass(frozen=True)
class BagSpec:
  """The fixed sizes of bags: T, S and D."""

  max_instances: int
  num_videolets: int
  feature_dim: int


def create_features(spec: BagSpec) -> tfds.features.FeaturesDict:
  """Returns the features by which TFDS writes and reads a bag."""

  def array(dtype, *shape):
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding='bytes')

  t, s, d = spec.max_instances, spec.num_videolets, spec.feature_dim
  return tfds.features.FeaturesDict({
      'video_id': tfds.features.Text(),
      'video_path': tfds.features.Text(),
      'category': tfds.features.Text(),
      'label': array(np.int32),
      'num_frames': array(np.int32),
      'frames_per_second': array(np.float32),
      'width': array(np.int32),
      'height': array(np.int32),
      'region_features': array(np.float16, t, d),
      'image_features': array(np.float16, t, d),
      'trajectory_features': array(np.float16, t, trajectories.NUM_FEATURES),
      'tube_mask': array(np.bool_, t),
      'tube_spans': array(np.int32, t, 2),
      'tube_kinds': array(np.int32, t),
      'tube_sources': array(np.int32, t),
      'videolet_features': array(np.float16, s, d),
      'videolet_mask': array(np.bool_, s),
      'videolet_spans': array(np.int32, s, 2),
      'source_kinds': array(np.int32, None),
      'source_spans': array(np.int32, None, 2),
      'source_boxes_xyxy': array(np.float32, None, 4),
      'truth_spans': array(np.int32, None, 2),
      'truth_boxes_xyxy': array(np.float32, None, 4),
      'detected_frames': array(np.bool_, None),
  })


def create_bag(
    entry: VideoEntry,
    video: VideoTubes,
    features: store.VideoFeatures,
    *,
    settings: ml_collections.ConfigDict,
    divided: ml_collections.ConfigDict,
) -> Bag:
  """Returns the bag of one video.

  The features of an instance are the means of those of its clips: `region_features` over
  the windows of its tube, `image_features` over the whole images of the same clips; its
  `trajectory_features` are of its boxes.

  Args:
    entry: the video in its data set.
    video: its tubes.
    features: of the clips of tubes and images.
    settings: `config.bags`.
    divided: how tubes are divided, `settings.train_division` or `settings.test_division`.
  """
  starts = clips.clip_starts(video.facts.num_frames)
  instances = create_instances(
      video.tubes, division.Division(**divided), settings.max_instances
  )
  region, image = pool_instances(instances, features, starts)
  trajectory = [
      trajectories.trajectory_features(
          video.tubes[part.source].part(part.start, part.stop), video.facts
      )
      for part in instances
  ]
  clip_spans = videolets.create_videolets(len(starts), settings.num_videolets)
  videolet_spans = [
      (starts[first], starts[stop - 1] + clips.CLIP_LENGTH) for first, stop in clip_spans
  ]
  videolet_features = [mean(features.image[first:stop]) for first, stop in clip_spans]
  t, s = settings.max_instances, settings.num_videolets
  source_spans, source_boxes_xyxy = _flatten(video.tubes)
  truth_spans, truth_boxes_xyxy = _flatten(entry.truth)
  return {
      'video_id': entry.video_id,
      'video_path': entry.path,
      'category': entry.category,
      'label': np.int32(entry.label),
      'num_frames': np.int32(video.facts.num_frames),
      'frames_per_second': np.float32(video.facts.frames_per_second),
      'width': np.int32(video.facts.width),
      'height': np.int32(video.facts.height),
      'region_features': pad(region, t),
      'image_features': pad(image, t),
      'trajectory_features': pad(trajectory, t),
      'tube_mask': np.arange(t) < len(instances),
      'tube_spans': pad([(part.start, part.stop) for part in instances], t, np.int32),
      'tube_kinds': pad([video.tubes[part.source].kind for part in instances], t, np.int32),
      'tube_sources': pad([part.source for part in instances], t, np.int32, filling=-1),
      'videolet_features': pad(videolet_features, s),
      'videolet_mask': np.arange(s) < len(clip_spans),
      'videolet_spans': pad(videolet_spans, s, np.int32),
      'source_kinds': np.array([tube.kind for tube in video.tubes], np.int32),
      'source_spans': source_spans,
      'source_boxes_xyxy': source_boxes_xyxy,
      'truth_spans': truth_spans,
      'truth_boxes_xyxy': truth_boxes_xyxy,
      'detected_frames': video.detected_frames,
  }


def create_instances(
    tubes: Sequence[Tube], divided: division.Division, max_instances: int
) -> list[division.Instance]:
  """Returns the instances of a video: at least one, even if every tube is too short."""
  undivided = division.Division(min_frames=1)
  return division.create_instances(
      tubes, division=divided, max_instances=max_instances
  ) or division.create_instances(tubes, division=undivided, max_instances=max_instances)


def pool_instances(
    instances: Sequence[division.Instance], features: store.VideoFeatures, starts: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
  """Returns the mean region and image features, float16 [d] each, of every instance.

  Args:
    instances: parts of tubes.
    features: of the clips that `plan_clips` chose for the undivided tubes.
    starts: int32 [c], first frames of the clips of the grid.
  """
  region, image = [], []
  for instance in instances:
    rows = np.flatnonzero(features.pairs[:, 0] == instance.source)
    span = np.array([[instance.start, instance.stop]])
    covering = clip_plan.covering_clips(span, starts[features.pairs[rows, 1]])[0]
    region.append(mean(features.region[rows[covering]]))
    image.append(mean(features.image[features.pairs[rows[covering], 1]]))
  return region, image


def mean(rows: np.ndarray) -> np.ndarray:
  """Returns the mean over the first axis, computed in float32, as float16."""
  return rows.mean(axis=0, dtype=np.float32).astype(np.float16)


def pad(rows: Sequence, length: int, dtype=np.float16, filling: float = 0) -> np.ndarray:
  """Returns the rows (at least one) as an array of `length` rows, filled up at the end."""
  rows = np.asarray(rows, dtype)
  widths = [(0, length - len(rows))] + [(0, 0)] * (rows.ndim - 1)
  return np.pad(rows, widths, constant_values=filling)


def instance_tube(bag: Mapping[str, np.ndarray], index: int) -> Tube:
  """Returns the boxes of instance `index` (a real one) over its own frames."""
  return source_part(bag, int(bag['tube_sources'][index]), *bag['tube_spans'][index])


def source_part(bag: Mapping[str, np.ndarray], source: int, start: int, stop: int) -> Tube:
  """Returns the undivided tube number `source` within the frames start .. stop - 1."""
  spans = bag['source_spans']
  first = (spans[:source, 1] - spans[:source, 0]).sum() - spans[source, 0]
  boxes_xyxy = bag['source_boxes_xyxy'][first + start : first + stop]
  return Tube(int(start), boxes_xyxy, TubeKind(bag['source_kinds'][source]))


def video_facts(bag: Mapping[str, np.ndarray]) -> VideoFacts:
  """Returns the facts of the video that a bag was made of."""
  return VideoFacts(
      bag['video_path'], int(bag['width']), int(bag['height']),
      float(bag['frames_per_second']), int(bag['num_frames']),
  )


def feature_dim(bag: Mapping[str, np.ndarray]) -> int:
  """Returns the size of the features of a bag."""
  return bag['region_features'].shape[-1]


def source_tubes(bag: Mapping[str, np.ndarray]) -> list[Tube]:
  """Returns the undivided tubes of a bag; instances are parts of them."""
  return _unflatten(bag['source_spans'], bag['source_boxes_xyxy'], bag['source_kinds'])


def truth_tubes(bag: Mapping[str, np.ndarray]) -> list[Tube]:
  """Returns the annotated events of a bag."""
  kinds = [TubeKind.TRUTH] * len(bag['truth_spans'])
  return _unflatten(bag['truth_spans'], bag['truth_boxes_xyxy'], kinds)


def select_instances(bag: Bag, instances: str) -> Bag:
  """Returns a bag with 'all' its instances or, if 'unary', without multivariate tubes (Table 4).

  Those kept come first, in their order. A bag of nothing else stays as it is.
  """
  unary = bag['tube_mask'] & (bag['tube_kinds'] != TubeKind.MULTIVARIATE)
  if instances == 'all' or not unary.any():
    return bag
  order = np.argsort(~unary, kind='stable')
  kept = {key: bag[key][order] for key in _INSTANCE_KEYS if key in bag}
  return {**bag, **kept, 'tube_mask': np.arange(len(unary)) < np.count_nonzero(unary)}


def stack_bags(bags: Sequence[Mapping[str, np.ndarray]]) -> Bag:
  """Returns what the model needs of bags as arrays [b, ...].

  Instances are cut to the largest number that a bag has, rounded up: attention over
  nothing but padding is slow, and results do not depend on padding.
  """
  most = max(np.count_nonzero(bag['tube_mask']) for bag in bags)
  length = min(-(-most // _INSTANCES_STEP) * _INSTANCES_STEP, len(bags[0]['tube_mask']))
  return {
      key: np.stack([bag[key][:length] if key in _INSTANCE_KEYS else bag[key] for bag in bags])
      for key in MODEL_KEYS
  }


def _flatten(tubes: Sequence[Tube]) -> tuple[np.ndarray, np.ndarray]:
  """Returns the spans [n, 2] of tubes and their boxes, one tube after the other."""
  spans = np.array([(tube.start, tube.stop) for tube in tubes], np.int32).reshape(-1, 2)
  boxes = [np.zeros((0, 4), np.float32), *(tube.boxes_xyxy for tube in tubes)]
  return spans, np.concatenate(boxes).astype(np.float32)


def _unflatten(spans, boxes_xyxy, kinds) -> list[Tube]:
  boxes = store.split_boxes(spans, boxes_xyxy)
  return [
      Tube(int(start), tube_boxes, TubeKind(kind))
      for (start, _), tube_boxes, kind in zip(spans, boxes, kinds)
  ]
