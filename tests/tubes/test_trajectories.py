"""Tests of what boxes alone tell of a tube."""

import numpy as np

from wsstad_jax.core.records import NO_PLACE_XYXY, Tube, TubeKind, VideoFacts
from wsstad_jax.tubes import trajectories

FACTS = VideoFacts('a.mp4', 300, 400, 10.0, 100)  # diagonal 500 pixels


def features(boxes_xyxy, facts=FACTS):
  tube = Tube(0, np.array(boxes_xyxy, np.float32), TubeKind.UNARY)
  return trajectories.trajectory_features(tube, facts)


def unstandardised(boxes_xyxy, facts=FACTS):
  return features(boxes_xyxy, facts) * trajectories._SPREADS + trajectories._MEANS


def moving(num_frames=30, speed=5.0, width=20, height=40):
  left = speed * np.arange(num_frames)
  return np.stack([left, left * 0, left + width, left * 0 + height], axis=1)


def test_values_by_hand():
  # 5 pixels a frame are 50 a second: a tenth of a diagonal. Sides are 0.04 and 0.08 diagonals.
  speed = np.log(0.1 + 3e-3)
  expected = [speed, speed, speed - np.log(0.0032) / 2, np.log(0.04), np.log(0.08), np.log(0.5), 0, 0]
  np.testing.assert_allclose(unstandardised(moving()), expected, atol=1e-4)


def test_units_do_not_depend_on_resolution_or_frame_rate():
  twice = VideoFacts('a.mp4', 600, 800, 20.0, 200)
  boxes = np.repeat(moving() * 2, 2, axis=0)
  boxes[1::2, [0, 2]] += 5
  np.testing.assert_allclose(features(boxes, twice), features(moving()), atol=2e-2)


def test_a_fast_tube_stands_out_and_one_at_rest_is_finite():
  still, slow, fast = (features(moving(speed=speed))[0] for speed in (0, 2, 20))
  assert np.isfinite(features(moving(speed=0))).all()
  assert still < slow < fast and fast - slow > 2


def test_changing_size_shows():
  boxes = moving()
  boxes[:, 3] += np.arange(30)
  steady, growing = unstandardised(moving()), unstandardised(boxes)
  assert steady[7] == 0 and growing[7] > 0.1 and abs(growing[6]) < 1e-6


def test_a_single_box_and_no_place():
  assert np.isfinite(features(moving(num_frames=1))).all()
  assert not features(np.tile(NO_PLACE_XYXY, (20, 1))).any()
