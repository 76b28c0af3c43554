"""Tests of linking on drawn tracks."""

import numpy as np
import pytest

from wsstad_jax.core.records import Detections, TubeKind
from wsstad_jax.tubes.linking import Linking, link_detections


def detections_of(tracks, missed=()) -> Detections:
  """Returns the boxes of tracks {name: (first frame, boxes [f, 4])}, in shuffled order."""
  rows = [
      (first + step, tuple(box), 0.5)
      for name, (first, boxes_xyxy) in tracks.items()
      for step, box in enumerate(boxes_xyxy)
      if (name, first + step) not in missed
  ]
  np.random.default_rng(0).shuffle(rows)
  rows.sort(key=lambda row: row[0])
  return Detections(
      frames=np.array([row[0] for row in rows], np.int32),
      boxes_xyxy=np.array([row[1] for row in rows], np.float32).reshape(-1, 4),
      scores=np.array([row[2] for row in rows], np.float32),
  )


def moving(x: float, y: float, dx: float, dy: float, num_frames: int, side: float = 20):
  steps = np.arange(num_frames)[:, None]
  centres = np.array([x, y]) + steps * np.array([dx, dy])
  return np.concatenate([centres - side / 2, centres + side / 2], 1).astype(np.float32)


def test_objects_enter_and_leave():
  tracks = {'a': (0, moving(20, 20, 2, 0, 50)), 'b': (30, moving(200, 100, -2, 1, 40))}
  tubes = link_detections(detections_of(tracks), num_frames=80)
  assert [(tube.start, tube.stop) for tube in tubes] == [(0, 50), (30, 70)]
  for tube, (_, boxes_xyxy) in zip(tubes, tracks.values()):
    np.testing.assert_allclose(tube.boxes_xyxy, boxes_xyxy)
    assert tube.boxes_xyxy.dtype == np.float32
    assert tube.kind == TubeKind.UNARY and tube.score == 0.5


def test_crossing_objects_keep_their_identity():
  tracks = {'a': (0, moving(50, 100, 3, 0, 40)), 'b': (0, moving(110, 41, 0, 3, 40))}
  tubes = link_detections(detections_of(tracks), num_frames=40)
  assert len(tubes) == 2
  for tube in tubes:
    assert min(np.abs(tube.boxes_xyxy - boxes).max() for _, boxes in tracks.values()) == 0


def test_a_lost_object_is_found_again_and_the_gap_is_filled():
  tracks = {'a': (0, moving(20, 20, 3, 1, 40))}
  missed = [('a', frame) for frame in range(15, 25)]
  (tube,) = link_detections(detections_of(tracks, missed), num_frames=40)
  np.testing.assert_allclose(tube.boxes_xyxy, tracks['a'][1], rtol=1e-5)


def test_a_longer_gap_ends_the_tube():
  tracks = {'a': (0, moving(20, 20, 0, 0, 60))}
  linking = Linking(max_gap=12)
  for gap, spans in [(11, [(0, 60)]), (12, [(0, 60)]), (13, [(0, 20), (33, 60)])]:
    missed = [('a', frame) for frame in range(20, 20 + gap)]
    found = detections_of(tracks, missed)
    tubes = link_detections(found, num_frames=60, linking=linking)
    assert [(tube.start, tube.stop) for tube in tubes] == spans, gap


def test_small_fast_objects_are_followed_without_overlap():
  tracks = {'a': (0, moving(20, 20, 8, 0, 20, side=6))}
  (tube,) = link_detections(detections_of(tracks), num_frames=20)
  np.testing.assert_allclose(tube.boxes_xyxy, tracks['a'][1])


def test_short_tubes_are_noise():
  tracks = {'a': (0, moving(20, 20, 0, 0, 7)), 'b': (20, moving(20, 20, 0, 0, 8))}
  tubes = link_detections(detections_of(tracks), num_frames=60)
  assert [(tube.start, tube.stop) for tube in tubes] == [(20, 28)]


def test_no_detections_give_no_tubes():
  assert link_detections(detections_of({}), num_frames=100) == []


@pytest.mark.parametrize('seed', range(3))
def test_tubes_are_well_formed_on_random_boxes(seed):
  rng = np.random.default_rng(seed)
  low = rng.uniform(0, 200, [400, 2])
  found = Detections(
      frames=np.sort(rng.integers(0, 100, 400)).astype(np.int32),
      boxes_xyxy=np.concatenate([low, low + rng.uniform(1, 60, [400, 2])], 1).astype(np.float32),
      scores=rng.uniform(0, 1, 400).astype(np.float32),
  )
  tubes = link_detections(found, num_frames=100)
  detected = {
      (frame, *box) for frame, box in zip(found.frames.tolist(), found.boxes_xyxy.tolist())
  }
  for tube in tubes:
    assert 0 <= tube.start < tube.stop <= 100 and 0 <= tube.score <= 1
    assert np.isfinite(tube.boxes_xyxy).all()
    for frame in (tube.start, tube.stop - 1):
      assert (frame, *tube.boxes_xyxy[frame - tube.start].tolist()) in detected
