"""Tests of bags."""

import ml_collections
import numpy as np
import pytest

from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoEntry
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.core.records import VideoTubes
from wsstad_jax.data import bags
from wsstad_jax.features import clip_plan
from wsstad_jax.features import store
from wsstad_jax.tubes.division import Division
from wsstad_jax.tubes.division import Instance
from wsstad_jax.tubes import trajectories
from wsstad_jax.video import clips

_SPEC = bags.BagSpec(max_instances=6, num_videolets=4, feature_dim=2)
_WHOLE = {'keep_whole': True}


def _tube(start, stop, kind=TubeKind.UNARY):
  frames = np.arange(start, stop, dtype=np.float32)
  return Tube(start, np.stack([frames, frames, frames + 9, frames + 9], axis=1), kind)


def _video(tubes, num_frames=48):
  facts = VideoFacts('v.mp4', 64, 48, 25.0, num_frames)
  return VideoTubes(facts, tuple(tubes), np.arange(num_frames) % 2 == 0)


def _features(video):
  """Region features are [tube, clip], image features [10 + clip, 0]."""
  starts = clips.clip_starts(video.facts.num_frames)
  pairs = clip_plan.plan_clips(video.tubes, starts)
  image = [[10 + clip, 0] for clip in range(len(starts))]
  return store.VideoFeatures(pairs, pairs.astype(np.float16), np.array(image, np.float16))


def _bag(video, truth=(), max_instances=6, num_videolets=4, **divided):
  settings = ml_collections.ConfigDict(
      {'max_instances': max_instances, 'num_videolets': num_videolets}
  )
  entry = VideoEntry('v', 'v.mp4', 'test', 1, 'crash', tuple(truth))
  return bags.create_bag(
      entry, video, _features(video), settings=settings,
      divided=ml_collections.ConfigDict(divided or _WHOLE),
  )


def test_instances_are_means_over_their_clips():
  # Clips 0:16, 16:32, 32:48. Tube 0 fills all three; tube 1 shares 12 frames with the
  # first and 8 with the second.
  video = _video([_tube(0, 48), _tube(4, 24)])
  instances = [Instance(0, 0, 48), Instance(0, 16, 32), Instance(0, 40, 46), Instance(1, 4, 24)]
  region, image = bags.pool_instances(instances, _features(video), clips.clip_starts(48))
  np.testing.assert_array_equal(region, [[0, 1], [0, 1], [0, 2], [1, 0.5]])
  np.testing.assert_array_equal(image, [[11, 0], [11, 0], [12, 0], [10.5, 0]])
  assert region[0].dtype == np.float16


def test_means_do_not_overflow_float16():
  assert bags.mean(np.full((40, 1), 60000, np.float16)) == np.float16(60000)


def test_bag_of_two_tubes_by_hand():
  truth = Tube(10, np.ones((3, 4), np.float32), TubeKind.TRUTH)
  bag = _bag(_video([_tube(0, 48), _tube(4, 24, TubeKind.MULTIVARIATE)]), [truth])
  assert bag['tube_mask'].tolist() == [True, True, False, False, False, False]
  assert bag['tube_spans'].tolist() == [[0, 48], [4, 24]] + [[0, 0]] * 4
  assert bag['tube_kinds'].tolist() == [0, 1, 0, 0, 0, 0]
  assert bag['tube_sources'].tolist() == [0, 1, -1, -1, -1, -1]
  assert bag['region_features'].tolist() == [[0, 1], [1, 0.5]] + [[0, 0]] * 4
  assert bag['image_features'].tolist() == [[11, 0], [10.5, 0]] + [[0, 0]] * 4
  trajectory = bag['trajectory_features']
  assert trajectory.shape == (6, trajectories.NUM_FEATURES) and not trajectory[2:].any()
  np.testing.assert_array_equal(
      trajectory[1],
      trajectories.trajectory_features(
          _tube(4, 24), bags.video_facts(bag)
      ).astype(np.float16),
  )
  assert bag['videolet_features'].tolist() == [[10, 0], [11, 0], [12, 0], [0, 0]]
  assert bag['videolet_spans'].tolist() == [[0, 16], [16, 32], [32, 48], [0, 0]]
  assert bag['videolet_mask'].tolist() == [True, True, True, False]
  assert bag['source_spans'].tolist() == [[0, 48], [4, 24]]
  assert bag['source_boxes_xyxy'].shape == (68, 4)
  assert bag['truth_spans'].tolist() == [[10, 13]] and bag['truth_boxes_xyxy'].shape == (3, 4)
  assert (bag['label'], bag['num_frames'], bag['width'], bag['height']) == (1, 48, 64, 48)


def test_every_key_fits_the_specification():
  features = bags.create_features(_SPEC)
  bag = _bag(_video([_tube(0, 48)]))
  assert bag.keys() == features.keys()
  for key, feature in features.items():
    if key in ('video_id', 'video_path', 'category'):
      continue
    assert bag[key].dtype == feature.np_dtype, key
    assert len(bag[key].shape) == len(feature.shape), key
    assert all(a == b or b is None for a, b in zip(bag[key].shape, feature.shape)), key
  assert set(bags.MODEL_KEYS) < bag.keys()


def test_last_clip_overlaps_and_ends_the_last_videolet():
  bag = _bag(_video([_tube(0, 40)], num_frames=40), num_videolets=2)
  # Clips 0:16, 16:32, 24:40; edges round(linspace(0, 3, 3)) = 0, 2, 3.
  assert bag['videolet_spans'].tolist() == [[0, 32], [24, 40]]
  assert bag['videolet_features'].tolist() == [[10.5, 0], [12, 0]]


def test_more_room_only_adds_padding():
  video = _video([_tube(0, 48), _tube(4, 24)])
  small, large = _bag(video), _bag(video, max_instances=9, num_videolets=7)
  for key in bags.MODEL_KEYS:
    if key != 'label':
      real = len(small[key])
      np.testing.assert_array_equal(large[key][:real], small[key])
      assert (large[key][real:] == (-1 if key == 'tube_sources' else 0)).all()


def test_tubes_shorter_than_every_part_are_kept_whole():
  tubes = [_tube(0, 4), _tube(30, 35)]
  divided = Division(keep_whole=False, part_lengths=(32,), min_frames=8)
  found = bags.create_instances(tubes, divided, 10)
  assert found == [Instance(0, 0, 4), Instance(1, 30, 35)]


def test_tubes_of_instances_come_back():
  video = _video([_tube(0, 48), _tube(4, 24, TubeKind.MULTIVARIATE), _tube(9, 45)])
  bag = _bag(video, max_instances=40, keep_whole=True, even_parts=(2, 3))
  count = np.count_nonzero(bag['tube_mask'])
  assert count > 6
  for index in range(count):
    source = video.tubes[bag['tube_sources'][index]]
    expected = source.part(*bag['tube_spans'][index].tolist())
    found = bags.instance_tube(bag, index)
    assert (found.start, found.kind) == (expected.start, expected.kind)
    np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)


def test_sources_come_back_whole():
  video = _video([_tube(0, 48), _tube(4, 24, TubeKind.MULTIVARIATE)])
  found = bags.source_tubes(_bag(video, max_instances=1))
  assert [(tube.start, tube.kind) for tube in found] == [(0, 0), (4, 1)]
  np.testing.assert_array_equal(found[1].boxes_xyxy, video.tubes[1].boxes_xyxy)


def test_truth_comes_back():
  events = [_tube(3, 9, TubeKind.TRUTH), _tube(20, 24, TubeKind.TRUTH)]
  found = bags.truth_tubes(_bag(_video([_tube(0, 48)]), events))
  assert [(tube.start, tube.stop, tube.kind) for tube in found] == [(3, 9, 2), (20, 24, 2)]
  np.testing.assert_array_equal(found[1].boxes_xyxy, events[1].boxes_xyxy)
  assert not bags.truth_tubes(_bag(_video([_tube(0, 48)])))


@pytest.mark.parametrize('count, length', [(3, 40), (40, 40), (41, 80), (95, 100)])
def test_stacks_are_cut_to_few_lengths(count, length):
  video = _video([_tube(0, 48) for _ in range(count)])
  few = _bag(_video([_tube(0, 48)]), max_instances=100)
  stack = bags.stack_bags([few, _bag(video, max_instances=100)])
  assert stack.keys() == set(bags.MODEL_KEYS)
  assert stack['region_features'].shape == (2, length, 2)
  assert stack['videolet_features'].shape == (2, 4, 2)
  assert stack['tube_mask'].sum(axis=1).tolist() == [1, count]
