"""Tests of what detector and tubes got hold of."""

import numpy as np
import pytest

from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.metrics import detection


def make_detections(*rows):
  """Makes detections from rows of (frame, x_min, y_min, x_max, y_max)."""
  array = np.array(rows, np.float32).reshape(-1, 5)
  return Detections(array[:, 0].astype(np.int32), array[:, 1:], np.ones(len(array), np.float32))


def make_truth(start, stop, box=(0, 0, 10, 10)):
  return Tube(start, np.tile(np.float32(box), (stop - start, 1)), TubeKind.TRUTH)


def test_coverage_by_hand():
  detections = make_detections(
      (0, 0, 0, 10, 10),  # before the event
      (1, 0, 0, 4, 10),  # 40 of 100, and with the next, which overlaps it, 60
      (1, 2, 0, 6, 10),
      (2, 5, 5, 20, 20),  # 25 of 100 lie inside
      (3, 50, 50, 60, 60),  # elsewhere
  )
  # The frames 1 to 4 of the event; nothing is detected in 4.
  coverage = detection.truth_coverage(detections, make_truth(1, 5))
  assert coverage == pytest.approx((0.6 + 0.25 + 0 + 0) / 4)


def test_coverage_equals_counting_pixels():
  rng = np.random.default_rng(0)
  for _ in range(50):
    low = rng.integers(0, 20, (5, 2))
    found = np.concatenate([low, low + rng.integers(1, 10, (5, 2))], axis=1)
    picture = np.zeros((30, 30), bool)
    for x_min, y_min, x_max, y_max in found:
      picture[y_min:y_max, x_min:x_max] = True
    coverage = detection.truth_coverage(
        make_detections(*np.insert(found, 0, 3, axis=1)), make_truth(3, 4, (4, 6, 24, 16))
    )
    assert coverage == pytest.approx(picture[6:16, 4:24].mean())


def test_box_recall_by_hand():
  detections = make_detections(
      (0, 0, 0, 10, 5),  # IoU 50/100, which reaches the threshold
      (1, 0, 0, 10, 4),  # IoU 40/100
      (2, 0, 0, 4, 10),  # alone 40/100 each, the box around both is the event's
      (2, 6, 0, 10, 10),
      (3, 0, 0, 4, 10),  # the second lies outside with 90 of its 100 and does not count
      (3, 9, 0, 19, 10),
  )
  assert detection.box_recall(detections, make_truth(0, 5)) == 2 / 5
  assert detection.box_recall(detections, make_truth(0, 5), threshold=0.4) == 4 / 5


def test_half_inside_counts_as_inside():
  # 40 of the second box's 60 lie inside; the box around both has IoU 100/120.
  detections = make_detections((0, 0, 0, 4, 10), (0, 6, 0, 12, 10))
  assert detection.box_recall(detections, make_truth(0, 1), threshold=100 / 120 - 0.01) == 1


def test_a_good_box_is_not_lost_by_bad_neighbours():
  # Half of the others lies inside, so the box around all is [-10, 20] x [0, 10], IoU 1/3.
  neighbours = (0, -10, 0, 10, 10), (0, 0, 0, 20, 10)
  truth = make_truth(0, 1)
  assert detection.box_recall(make_detections(*neighbours), truth, threshold=0.9) == 0
  detections = make_detections((0, 0, 0, 10, 10), *neighbours)
  assert detection.box_recall(detections, truth, threshold=0.9) == 1


def test_an_empty_box_elsewhere_changes_nothing():
  found = (0, 0, 0, 4, 10), (0, 6, 0, 10, 10)
  assert detection.box_recall(make_detections(*found), make_truth(0, 1)) == 1
  assert detection.box_recall(make_detections(*found, (0, 90, 90, 90, 90)), make_truth(0, 1)) == 1


def test_nothing_detected():
  assert detection.truth_coverage(make_detections(), make_truth(0, 3)) == 0
  assert detection.box_recall(make_detections(), make_truth(0, 3)) == 0
  assert detection.tube_recall([], make_truth(0, 3)) == 0


def test_tube_recall_is_of_one_tube_and_ignores_frames_outside():
  truth = make_truth(4, 8)
  halves = [make_truth(0, 6), make_truth(6, 20)]
  assert detection.tube_recall(halves, truth) == 2 / 4
  assert detection.tube_recall([*halves, make_truth(0, 20)], truth) == 1
  # IoU 40/100 in every frame of the event.
  assert detection.tube_recall([make_truth(0, 20, (0, 0, 10, 4))], truth) == 0
