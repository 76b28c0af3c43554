"""Tests of all figures of a set of videos together."""

import dataclasses

import numpy as np
import pytest

from wsstad_jax.core.records import NO_PLACE_XYXY, Detections, Tube, TubeKind
from wsstad_jax.metrics import figures
from wsstad_jax.metrics import intervals

BOX = np.float32([10, 10, 30, 30])


def tube(start, stop, score=1.0, box=BOX):
  return Tube(start, np.tile(box, (stop - start, 1)), TubeKind.UNARY, score)


def outcome(video_id, label, predicted=(), truths=(), num_frames=100, **changes):
  """Returns a video of ten frames a second, whose frame scores are those of the tubes."""
  curve = np.zeros(num_frames)
  for part in predicted:
    curve[part.start : part.stop] = np.maximum(curve[part.start : part.stop], part.score)
  video = figures.Outcome(
      video_id=video_id, label=label, category='crash' * label, frames_per_second=10.0,
      frame_scores=curve, tubes=predicted, regions=figures.regions_of(predicted), truths=truths,
      detected_frames=np.ones(num_frames, bool),
  )
  return dataclasses.replace(video, **changes)


def value_of(videos):
  every = np.arange(len(videos))
  return {name: figure(every) for name, figure in figures.create_figures(videos).items()}


def test_a_perfect_prediction():
  videos = [
      outcome('a', 1, [tube(20, 60, 0.9)], [tube(20, 60)]),
      outcome('b', 1, [tube(0, 50, 0.8)], [tube(0, 50)]),
      outcome('c', 0),
  ]
  values = value_of(videos)
  for cost in figures.COSTS:
    for recall in figures.RECALLS:
      assert values.pop(f'{cost}@{recall}') == 0.0
  assert set(values.values()) == {100.0}
  assert {'vauc', 'miou', 'iou@0.5', 'frame_auc', 'frame_ap', 'frame_auc_within',
          'frame_auc:crash', 'tiou', 'rbdc', 'tbdc'} <= values.keys()


def test_by_hand():
  videos = [
      # Found for half of its time, with as many frames before it.
      outcome('a', 1, [tube(0, 40, 0.9)], [tube(20, 60)]),
      outcome('b', 1, [], [tube(0, 50)]),
      outcome('c', 0, [tube(0, 10, 0.4)]),
  ]
  values = value_of(videos)
  assert values['vauc'] == pytest.approx(50.0)  # a above c above b
  assert values['miou'] == pytest.approx(100 * (20 / 60 + 0) / 2)
  assert values['miou_truth_frames'] == pytest.approx(100 * (20 / 40 + 0) / 2)
  assert values['iou@0.3'] == 50.0 and values['iou@0.5'] == 0.0
  # Clips at 20, 36, 52 of a (two with the tube) and at 0, 16, 32, 48 of b.
  assert values['tiou'] == pytest.approx(100 * 2 / 7)
  assert values['tiou_boxed'] == 100.0
  # Within a: 20 of 40 positives and 20 of 60 negatives at 0.9, the others at 0; b: all equal.
  within = 0.5 * (40 / 60) + 0.5 * 0.5 * (20 / 60) + 0.5 * 0.5 * (40 / 60)
  assert values['frame_auc_within'] == pytest.approx(100 * (within + 0.5) / 2)
  # 20 of 90 regions; false are 20 of a at 0.9 with the hits, then 10 of c, in 300 frames.
  share, rate = 20 / 90, 20 / 300
  assert values['rbdc'] == pytest.approx(100 * (rate * share / 2 + (1 - rate) * share))
  # At 0.9 one of two events is noticed at once; the run touches it, so nothing is false.
  assert values['false_alarms_per_hour@0.5'] == 0.0
  assert values['seconds_to_detection@0.5'] == 0.0
  assert np.isnan(values['false_alarms_per_hour@0.8'])


def test_the_detector_decides_which_frames_count():
  seen = np.arange(100) >= 40
  video = outcome('a', 1, [tube(0, 60, 0.9)], [tube(40, 60)], detected_frames=seen)
  values = value_of([video, outcome('b', 0)])
  assert values['miou'] == 100.0
  assert values['miou_all_frames'] == pytest.approx(100 * 20 / 60)


def test_a_second_event_found_is_as_good_as_the_first():
  truths = [tube(0, 10), tube(50, 60)]
  assert value_of([outcome('a', 1, [tube(50, 60, 0.9)], truths)])['miou'] == 100.0


def test_scores_below_the_threshold_have_no_tiou():
  video = outcome('a', 1, [tube(0, 50, 0.49)], [tube(0, 50)])
  assert value_of([video])['tiou'] == 0.0


def test_categories_are_set_against_all_normal_videos():
  videos = [
      outcome('a', 1, [tube(0, 50, 0.9)], [tube(0, 50)], category='crash'),
      outcome('b', 1, [tube(50, 100, 0.9)], [tube(0, 50)], category='fight'),
      outcome('c', 0),
  ]
  values = value_of(videos)
  assert values['frame_auc:crash'] == 100.0
  # 50 positives at 0; of 150 negatives 50 are above them and 100 equal.
  assert values['frame_auc:fight'] == pytest.approx(100 * 0.5 * 100 / 150)


def test_a_video_drawn_twice_counts_twice():
  rng = np.random.default_rng(0)
  videos = [random_outcome(rng, str(number), number % 2) for number in range(6)]
  drawn = np.array([1, 1, 4, 5, 0, 0])
  again = [videos[index] for index in drawn]
  found = figures.create_figures(videos)
  for name, value in value_of(again).items():
    assert found[name](drawn) == pytest.approx(value, nan_ok=True), name


def random_outcome(rng, video_id, label):
  def random_tube(score):
    start, x = rng.integers(0, 60), rng.uniform(0, 20)
    return tube(start, start + rng.integers(5, 40), score, np.float32([x, 5, x + 20, 30]))

  predicted = [random_tube(score) for score in sorted(rng.uniform(size=3), reverse=True)]
  return outcome(video_id, label, predicted, [random_tube(1.0)] * label)


def test_intervals_hold_the_value_and_shrink_with_more_videos():
  rng = np.random.default_rng(1)
  few, many = (
      figures.measure([random_outcome(rng, str(number), number % 2) for number in range(count)],
                      num_draws=60)
      for count in (8, 80)
  )
  for name in ('vauc', 'miou', 'frame_auc', 'rbdc'):
    assert few[name].low <= few[name].value <= few[name].high
    assert many[name].high - many[name].low < few[name].high - few[name].low


def test_a_run_does_not_differ_from_itself():
  rng = np.random.default_rng(2)
  videos = [random_outcome(rng, str(number), number % 2) for number in range(6)]
  for name, found in figures.compare(videos, videos, num_draws=20).items():
    if not np.isnan(found.value):
      assert found == intervals.Difference(0.0, 0.0, 0.0, 0.5), name


def test_other_videos_cannot_be_paired():
  with pytest.raises(ValueError, match='other videos'):
    figures.compare([outcome('a', 0)], [outcome('b', 0)])


def test_regions_are_sorted_by_frame():
  found = figures.regions_of([tube(5, 7, 0.9), tube(4, 6, 0.5)])
  assert isinstance(found, Detections)
  assert found.frames.tolist() == [4, 5, 5, 6]
  assert found.scores.tolist() == [0.5, 0.9, 0.5, 0.9]
  assert len(figures.regions_of([])) == 0


def test_an_abnormal_video_without_events_counts_for_vauc_alone():
  known = [outcome('a', 1, [tube(20, 60, 0.9)], [tube(20, 50)]), outcome('b', 0, [tube(0, 9, 0.4)])]
  unknown = outcome('c', 1, [tube(0, 50, 0.3)])
  without, with_it = value_of(known), value_of([*known, unknown])
  assert (without.pop('vauc'), with_it.pop('vauc')) == (100.0, 50.0)
  assert with_it == pytest.approx(without, nan_ok=True)
  assert with_it['false_alarms_per_hour@0.5'] == 0.0


def test_events_without_a_place_are_told_in_time_alone():
  event = tube(20, 60, box=np.float32(NO_PLACE_XYXY))
  values = value_of([outcome('a', 1, [tube(20, 60, 0.9)], [event]), outcome('b', 0)])
  assert values['frame_auc'] == values['frame_auc_within'] == 100.0
  assert values['seconds_to_detection@0.5'] == 0.0
  for name in ('miou', 'iou@0.1', 'miou_all_frames', 'miou_truth_frames', 'tiou', 'rbdc', 'tbdc'):
    assert np.isnan(values[name]), name
