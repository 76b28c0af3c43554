"""From a video file to its candidate tubes: the first stage of preparation, without JAX."""

from collections.abc import Callable, Iterable

import ml_collections
import numpy as np

from wsstad_jax.core import processes
from wsstad_jax.core import times
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections, Tube, TubeKind, VideoFacts, VideoTubes
from wsstad_jax.detections.registry import create_detector
from wsstad_jax.features import store
from wsstad_jax.tubes import linking
from wsstad_jax.tubes import multivariate
from wsstad_jax.video import clips
from wsstad_jax.video import decode


def propose_tubes(
    path: str,
    config: ml_collections.ConfigDict,
    progress: Callable[..., Iterable[np.ndarray]] = times.silent,
) -> VideoTubes:
  """Detects objects in a video and links them to unary and multivariate tubes.

  Args:
    path: file of the video.
    config: `detector` and `tubes` are used.
    progress: passes on the frames and shows how many there have been, as `tqdm.tqdm` does.

  Raises:
    UserError: the video cannot be read or is shorter than a clip.
  """
  facts = decode.read_facts(path)
  try:
    clips.clip_starts(facts.num_frames)  # refuses what is too short, before the work
  except UserError as error:
    raise UserError(f'{path}: {error}') from None
  frames = progress(
      processes.read_ahead(decode.iterate_frames(path)),
      total=facts.num_frames, desc='Finding tubes', unit='frame',
  )
  detections = create_detector(config.detector, path).detect(frames)
  return tubes_of_detections(facts, detections, config)


def tubes_of_detections(
    facts: VideoFacts, detections: Detections, config: ml_collections.ConfigDict
) -> VideoTubes:
  """Links the detections of a video to unary and multivariate tubes.

  A video without any tube gets one that shows the whole image all the time, with score 0,
  so that every video has an instance and thereby an anomaly score.
  """
  unary = linking.link_detections(
      detections, num_frames=facts.num_frames, linking=linking.Linking(**config.tubes.linking)
  )
  joint = multivariate.create_multivariate(
      unary, intersecting=multivariate.Intersecting(**config.tubes.multivariate)
  )
  detected_frames = np.zeros(facts.num_frames, bool)
  detected_frames[detections.frames] = True
  return VideoTubes(facts, tuple(unary + joint) or (whole_image_tube(facts),), detected_frames)


def whole_image_tube(facts: VideoFacts) -> Tube:
  """Returns the tube that encloses every frame of a video whole."""
  boxes_xyxy = np.tile(np.float32([0, 0, facts.width, facts.height]), (facts.num_frames, 1))
  return Tube(start=0, boxes_xyxy=boxes_xyxy, kind=TubeKind.UNARY, score=0.0)


def write_proposals(video_path: str, path: str, config: ml_collections.ConfigDict) -> str | None:
  """Writes the tubes of a video to a file; returns what is wrong if it cannot be read."""
  try:
    store.write_tubes(path, propose_tubes(video_path, config))
    return None
  except UserError as error:
    return str(error)
