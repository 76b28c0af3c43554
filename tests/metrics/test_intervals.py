"""Tests of bootstrap intervals: hand values, coverage on simulated data, degenerate inputs."""

import functools

import numpy as np
import pytest

from wsstad_jax.metrics import intervals
from wsstad_jax.metrics import ranking


def _mean_of(values):
  return lambda videos: float(np.mean(np.asarray(values)[videos]))


def test_two_videos_by_hand():
  # The four draws 00, 01, 10, 11 give 0, 0.5, 0.5 and 1, a quarter each.
  found = intervals.bootstrap_interval(_mean_of([0.0, 1.0]), 2, num_draws=1000)
  assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
  narrow = intervals.bootstrap_interval(_mean_of([0.0, 1.0]), 2, confidence=0.4, num_draws=1000)
  assert (narrow.low, narrow.high) == (0.5, 0.5)  # quantiles 0.3 and 0.7 lie in the middle half


def test_the_value_is_the_figure_of_all_videos_in_order():
  calls = []
  found = intervals.bootstrap_interval(
      lambda videos: calls.append(videos.tolist()) or float(videos[0]), 3, num_draws=5
  )
  assert found.value == 0.0
  assert [0, 1, 2] in calls
  assert all(len(call) == 3 for call in calls)


def test_a_mean_has_the_textbook_width():
  values = np.random.default_rng(1).normal(size=400)
  found = intervals.bootstrap_interval(_mean_of(values), 400)
  half = 1.96 * values.std() / np.sqrt(400)
  assert found.low == pytest.approx(values.mean() - half, abs=0.012)
  assert found.high == pytest.approx(values.mean() + half, abs=0.012)


def test_equal_seeds_give_equal_intervals():
  interval = functools.partial(intervals.bootstrap_interval, _mean_of(np.arange(9.0) ** 2), 9)
  assert interval(seed=3, num_draws=50) == interval(seed=3, num_draws=50)
  assert interval(seed=3, num_draws=50) != interval(seed=4, num_draws=50)


def test_strata_keep_their_numbers():
  labels = np.array([1, 0, 0, 1, 0])
  interval = functools.partial(intervals.bootstrap_interval, _mean_of(labels), 5, num_draws=200)
  stratified, free = interval(strata=labels), interval()
  assert stratified.low == stratified.high == stratified.value == pytest.approx(0.4)
  assert free.low < 0.4 < free.high


def test_strata_keep_a_roc_area_defined():
  labels, scores = np.array([1, 0, 0, 0]), np.array([0.5, 0.4, 0.6, 0.1])
  area = ranking.create_ranking(labels[:, None], scores[:, None]).roc_auc
  found = intervals.bootstrap_interval(
      area, 4, strata=labels, confidence=0.98, num_draws=600
  )
  # The abnormal video wins against two of three normal ones, of which 1/27 of the draws
  # hold the third one alone, 8/27 only the others.
  assert (found.value, found.low, found.high) == (pytest.approx(2 / 3), 0.0, 1.0)


def test_intervals_cover_the_truth_as_often_as_they_say():
  rng = np.random.default_rng(0)
  hits = 0
  for trial in range(200):
    found = intervals.bootstrap_interval(
        _mean_of(rng.exponential(size=60)), 60, confidence=0.9, num_draws=200, seed=trial
    )
    hits += found.low <= 1.0 <= found.high
  assert 0.82 <= hits / 200 <= 0.96


def test_draws_without_a_value_are_left_out_unless_they_are_most():
  def undefined_without(number):
    return lambda videos: 1.0 if number <= np.unique(videos).size else np.nan

  found = intervals.bootstrap_interval(undefined_without(3), 5)  # all but about 10 %
  assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
  rare = intervals.bootstrap_interval(undefined_without(5), 5)  # defined in about 4 %
  assert rare.value == 1.0
  assert np.isnan([rare.low, rare.high]).all()


@pytest.mark.parametrize('num_videos, value', [(0, np.nan), (1, 0.7)])
def test_too_few_videos_have_no_interval(num_videos, value):
  found = intervals.bootstrap_interval(_mean_of([0.7]), num_videos)
  np.testing.assert_equal((found.value, found.low, found.high), (value, np.nan, np.nan))
  difference = intervals.paired_difference([_mean_of([0.7])], [_mean_of([0.0])], num_videos)
  np.testing.assert_equal(
      (difference.value, difference.low, difference.probability), (value, np.nan, np.nan)
  )


def test_one_video_of_each_label_has_no_interval():
  found = intervals.bootstrap_interval(_mean_of([0.2, 0.6]), 2, strata=np.array([0, 1]))
  np.testing.assert_equal((found.value, found.low, found.high), (0.4, np.nan, np.nan))


def test_a_figure_that_is_not_defined_has_no_interval():
  found = intervals.bootstrap_interval(lambda videos: np.nan, 4, num_draws=10)
  assert np.isnan([found.value, found.low, found.high]).all()


@pytest.mark.parametrize('confidence', [0.0, 1.0, 95.0, -0.5])
def test_a_confidence_out_of_range_is_refused(confidence):
  with pytest.raises(ValueError, match='confidence is'):
    intervals.bootstrap_interval(_mean_of([1, 2]), 2, confidence=confidence, num_draws=3)


def test_strata_of_another_length_are_refused():
  with pytest.raises(ValueError, match=r'strata of shape \(3,\) for 2 videos'):
    intervals.bootstrap_interval(_mean_of([1, 2]), 2, strata=np.zeros(3))


def test_pairing_removes_what_makes_videos_hard_for_both():
  rng = np.random.default_rng(2)
  difficulty = rng.normal(size=50)
  ours, theirs = difficulty + 0.1, difficulty + rng.normal(scale=0.01, size=50)
  found = intervals.paired_difference([_mean_of(ours)], [_mean_of(theirs)], 50)
  assert found.value == pytest.approx(ours.mean() - theirs.mean())
  assert found.low > 0.09 and found.high < 0.11  # each mean alone is known to +-0.28
  assert found.probability == 1.0


def test_exchanged_methods_change_the_sign():
  rng = np.random.default_rng(5)
  first, second = _mean_of(rng.random(30)), _mean_of(rng.random(30))
  there = intervals.paired_difference([first], [second], 30)
  back = intervals.paired_difference([second], [first], 30)
  assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
  assert back.probability == pytest.approx(1 - there.probability)


def test_a_method_equals_itself():
  figure = _mean_of([0.1, 0.9, 0.4])
  found = intervals.paired_difference([figure], [figure], 3, num_draws=100)
  assert found == intervals.Difference(0.0, 0.0, 0.0, 0.5)


def test_the_value_averages_runs_and_the_draws_take_one_fewer():
  # Constant videos: only runs are drawn. Of two runs one is drawn: 0 or 1, half each.
  constant = lambda value: (lambda videos: value)
  found = intervals.paired_difference([constant(0.0), constant(1.0)], [constant(0.25)], 4)
  assert (found.value, found.low, found.high) == (0.25, -0.25, 0.75)
  assert found.probability == pytest.approx(0.5, abs=0.05)
  # Of three runs two are drawn: 0, 1.5 or 3 with probabilities 4/9, 4/9, 1/9.
  found = intervals.paired_difference([constant(0.0)] * 2 + [constant(3.0)], [constant(1.0)], 4)
  assert (found.value, found.low, found.high) == (0.0, -1.0, 2.0)
  assert found.probability == pytest.approx(5 / 9, abs=0.05)


def test_a_difference_covers_the_truth_over_videos_and_seeds():
  rng = np.random.default_rng(4)
  hits = 0
  for trial in range(100):
    videos = rng.normal(size=40)
    runs = [
        [_mean_of(videos + offset + rng.normal(scale=0.3) + rng.normal(size=40)) for _ in range(6)]
        for offset in (0.2, 0.0)
    ]
    found = intervals.paired_difference(
        *runs, 40, confidence=0.9, num_draws=100, seed=trial
    )
    hits += found.low <= 0.2 <= found.high
  assert 0.78 <= hits / 100 <= 0.97


@pytest.mark.parametrize('ours, theirs', [(0, 1), (1, 0)])
def test_a_method_without_runs_is_refused(ours, theirs):
  with pytest.raises(ValueError, match='each method needs at least one'):
    intervals.paired_difference([len] * ours, [len] * theirs, 2)
