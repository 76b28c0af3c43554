"""Tests of S_loc (eq. 10) and of what is derived from it."""

import numpy as np
import pytest

from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.metrics import localization

ALL_TEN = np.ones(10, bool)


def make_tube(start, stop, box=(0, 0, 10, 10)):
  return Tube(start, np.tile(np.float32(box), (stop - start, 1)), TubeKind.UNARY)


def random_tube(rng, num_frames):
  start = rng.integers(num_frames - 1)
  stop = rng.integers(start + 1, num_frames + 1)
  low = rng.uniform(0, 30, (stop - start, 2))
  boxes = np.concatenate([low, low + rng.uniform(5, 30, low.shape)], axis=1)
  return Tube(int(start), boxes.astype(np.float32), TubeKind.UNARY)


def plain_score(predicted, truth, detected_frames):
  """Eq. 10 read word by word: one frame, one number at a time."""
  gamma = []
  total = 0.0
  for frame, detected in enumerate(detected_frames):
    in_predicted = predicted.start <= frame < predicted.stop
    in_truth = truth.start <= frame < truth.stop
    if not detected or not (in_predicted or in_truth):
      continue
    gamma.append(frame)
    if in_predicted and in_truth:
      a = [float(side) for side in predicted.boxes_xyxy[frame - predicted.start]]
      b = [float(side) for side in truth.boxes_xyxy[frame - truth.start]]
      wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
      high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
      both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
      total += wide * high / (both - wide * high)
  return total / len(gamma) if gamma else 0.0


def test_score_by_hand():
  # Truth 2:6, predicted 4:8, so Gamma is 2..7: six frames. They share the frames 4 and 5.
  # There, [0, 10] x [0, 10] and [5, 15] x [0, 10]: 50 shared of 100 + 100 - 50: IoU 1/3.
  score = localization.spatio_temporal_score(
      make_tube(4, 8, (5, 0, 15, 10)), make_tube(2, 6), ALL_TEN
  )
  assert score == pytest.approx(2 * (1 / 3) / 6)


def test_gamma_leaves_out_frames_without_detections():
  # As above, but nothing was detected in 2, 3 and 5: Gamma is 4, 6, 7, with one IoU of 1/3.
  detected = ALL_TEN.copy()
  detected[[2, 3, 5]] = False
  score = localization.spatio_temporal_score(
      make_tube(4, 8, (5, 0, 15, 10)), make_tube(2, 6), detected
  )
  assert score == pytest.approx((1 / 3) / 3)


def test_mask_of_integers_is_a_mask():
  detected = np.array([1, 1, 0, 0], np.uint8)
  assert localization.spatio_temporal_score(make_tube(0, 4), make_tube(0, 2), detected) == 1


def test_empty_gamma_scores_zero():
  nothing = np.zeros(10, bool)
  assert localization.spatio_temporal_score(make_tube(2, 6), make_tube(2, 6), nothing) == 0


def test_score_equals_plain_reference():
  rng = np.random.default_rng(0)
  positive = 0
  for _ in range(300):
    predicted, truth = random_tube(rng, 20), random_tube(rng, 20)
    detected = rng.random(20) < 0.7
    score = localization.spatio_temporal_score(predicted, truth, detected)
    assert score == pytest.approx(plain_score(predicted, truth, detected), abs=1e-6)
    swapped = localization.spatio_temporal_score(truth, predicted, detected)
    assert score == pytest.approx(swapped, abs=1e-6)
    assert 0 <= score <= 1
    positive += score > 0
  assert positive > 100  # the comparison is not one of zeros


def test_perfect_prediction_scores_one():
  rng = np.random.default_rng(1)
  for _ in range(20):
    tube = random_tube(rng, 20)
    assert localization.spatio_temporal_score(tube, tube, np.ones(20, bool)) == 1


def test_disjoint_in_time_or_space_scores_zero():
  truth = make_tube(0, 5)
  assert localization.spatio_temporal_score(make_tube(5, 10), truth, ALL_TEN) == 0
  assert localization.spatio_temporal_score(make_tube(0, 5, (10, 0, 20, 10)), truth, ALL_TEN) == 0


def test_frames_beyond_the_event_are_punished_as_frames_missed():
  truth = make_tube(2, 6)
  assert localization.spatio_temporal_score(make_tube(2, 10), truth, ALL_TEN) == 4 / 8
  assert localization.spatio_temporal_score(make_tube(2, 4), truth, ALL_TEN) == 2 / 4


def test_tube_after_the_end_is_refused():
  with pytest.raises(ValueError, match='do not fit into 10 frames'):
    localization.spatio_temporal_score(make_tube(5, 11), make_tube(0, 2), ALL_TEN)


def test_best_of_several_events_counts():
  truths = [make_tube(0, 2), make_tube(6, 10)]
  tubes = [make_tube(0, 2), make_tube(6, 8), make_tube(2, 6)]
  scores = localization.best_scores(tubes, truths, ALL_TEN)
  np.testing.assert_allclose(scores, [1, 0.5, 0])


def test_best_scores_without_events_or_tubes():
  np.testing.assert_array_equal(localization.best_scores([make_tube(0, 2)], [], ALL_TEN), [0])
  assert localization.best_scores([], [make_tube(0, 2)], ALL_TEN).shape == (0,)


def test_iou_at_is_strict_and_mean_is_the_mean():
  scores = np.array([0.0, 0.1, 0.2, 0.7])
  assert localization.iou_at(scores, 0.1) == 2 / 4  # 0.1 itself is not larger
  assert localization.mean_iou(scores) == pytest.approx(1.0 / 4)


def test_no_videos_give_nan():
  assert np.isnan(localization.iou_at(np.array([]), 0.1))
  assert np.isnan(localization.mean_iou(np.array([])))


@pytest.mark.parametrize(
    'span, other, expected',
    [((0, 10), (0, 10), 1), ((0, 10), (5, 15), 5 / 15), ((0, 4), (4, 8), 0), ((0, 9), (3, 6), 1 / 3)],
)
def test_overlap_in_time(span, other, expected):
  assert localization.overlap_in_time(span, other) == pytest.approx(expected)
  assert localization.overlap_in_time(other, span) == pytest.approx(expected)


def test_overlap_in_space_leaves_out_what_is_beyond_the_event():
  truth = Tube(10, np.tile(np.float32([0, 0, 10, 10]), (4, 1)), TubeKind.TRUTH)
  half = Tube(0, np.tile(np.float32([0, 0, 10, 5]), (100, 1)), TubeKind.UNARY)  # IoU 1/2 in each
  exact = Tube(12, np.tile(np.float32([0, 0, 10, 10]), (50, 1)), TubeKind.UNARY)  # 2 of 4 frames
  better = Tube(11, np.tile(np.float32([0, 0, 10, 9]), (50, 1)), TubeKind.UNARY)  # 3 of 4, 0.9
  assert localization.overlap_in_space([half], truth) == pytest.approx(0.5)
  assert localization.overlap_in_space([half, exact, better], truth) == pytest.approx(0.675)
  assert localization.overlap_in_space([], truth) == 0


def test_truth_frames_alone_do_not_punish_what_is_beyond():
  truth = make_tube(2, 6)
  assert localization.truth_frames_score(make_tube(0, 10), truth) == 1.0
  assert localization.truth_frames_score(make_tube(4, 10), truth) == 0.5
  assert localization.truth_frames_score(make_tube(6, 10), truth) == 0.0


def test_truth_frames_alone_never_score_less_than_the_union():
  rng = np.random.default_rng(9)
  for _ in range(50):
    predicted, truth = random_tube(rng, 10), random_tube(rng, 10)
    assert localization.truth_frames_score(predicted, truth) >= (
        localization.spatio_temporal_score(predicted, truth, ALL_TEN) - 1e-12
    )


def test_clips_take_the_best_region_of_their_first_frame():
  half, whole = [0, 0, 10, 5], [0, 0, 10, 10]
  regions = Detections(
      np.array([3, 3, 7, 8]), np.float32([half, whole, half, whole]), np.array([0.9, 0.2, 0.5, 1.0])
  )
  frames, ious = localization.sampled_ious(regions, make_tube(3, 12), step=4)
  assert frames.tolist() == [3, 7, 11]
  np.testing.assert_allclose(ious, [0.5, 0.5, np.nan])


def test_clips_without_any_region():
  nothing = Detections(np.zeros(0, int), np.zeros((0, 4), np.float32), np.zeros(0))
  frames, ious = localization.sampled_ious(nothing, make_tube(0, 33))
  assert frames.tolist() == [0, 16, 32]
  assert np.isnan(ious).all()


def test_clips_equal_the_plain_reference():
  rng = np.random.default_rng(4)
  for _ in range(20):
    low = rng.uniform(0, 20, (30, 2))
    regions = Detections(
        np.sort(rng.integers(0, 20, 30)),
        np.concatenate([low, low + rng.uniform(1, 20, (30, 2))], axis=1),
        rng.integers(0, 4, 30) / 4,
    )
    truth = make_tube(int(rng.integers(0, 5)), 20)
    frames, ious = localization.sampled_ious(regions, truth, step=3)
    for frame, iou in zip(frames, ious, strict=True):
      rows = [row for row in range(30) if regions.frames[row] == frame]
      if not rows:
        assert np.isnan(iou)
        continue
      best = max(rows, key=lambda row: regions.scores[row])  # the first of equals
      x = max(min(regions.boxes_xyxy[best][2], 10) - regions.boxes_xyxy[best][0], 0)
      y = max(min(regions.boxes_xyxy[best][3], 10) - regions.boxes_xyxy[best][1], 0)
      width, height = regions.boxes_xyxy[best][2:] - regions.boxes_xyxy[best][:2]
      assert iou == pytest.approx(x * y / (width * height + 100 - x * y))
