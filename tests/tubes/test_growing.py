"""Tests of parts that grow along their tube."""

import numpy as np
import pytest

from wsstad_jax.tubes import growing

SOURCES = np.array([0, 0, 0, 1])
SPANS = np.array([[10, 20], [20, 30], [30, 40], [0, 8]])
SOURCE_SPANS = np.array([[5, 45], [0, 8]])


def odds(values):
  values = np.array(values, float)
  return values / (1 + values)


def grow(scores, ratio):
  return growing.grow_best_parts(SPANS, SOURCES, scores, SOURCE_SPANS, odds_ratio=ratio).tolist()


def test_a_part_grows_while_the_odds_are_high_enough():
  # Odds 4 of frames 5:20, 3 of 20:30, 1 of 30:45; before and after all parts the nearest counts.
  scores = odds([4, 3, 1, 2])
  assert grow(scores, 0.5) == [[5, 30], [20, 30], [30, 40], [0, 8]]
  assert grow(scores, 0.8) == [[5, 20], [20, 30], [30, 40], [0, 8]]
  assert grow(scores, 0.2) == [[5, 45], [20, 30], [30, 40], [0, 8]]


def test_a_ratio_of_one_changes_nothing():
  assert grow(odds([4, 4, 4, 4]), 1.0) == SPANS.tolist()


def test_a_gap_of_low_odds_is_not_crossed():
  assert grow(odds([4, 1, 3, 1]), 0.5)[0] == [5, 20]
  assert grow(odds([3, 1, 4, 1]), 0.5)[2] == [30, 45]


def test_overlapping_parts_are_averaged_by_one_over_their_length():
  spans = np.array([[0, 10], [0, 40]])
  scores = odds([8, 1])  # log odds 3 ln 2 and 0
  found = growing.grow_best_parts(
      spans, np.zeros(2, int), scores, np.array([[0, 40]]), odds_ratio=0.5
  )
  # Frames 0:10 have (3 / 10 + 0 / 40) / (1 / 10 + 1 / 40) ln 2 = 2.4 ln 2, the others 0.
  assert found.tolist() == [[0, 10], [0, 40]]


def test_the_part_itself_is_never_cut():
  spans = np.array([[0, 40], [30, 40]])
  found = growing.grow_best_parts(
      spans, np.zeros(2, int), odds([8, 0.01]), np.array([[0, 50]]), odds_ratio=0.9
  )
  assert found[0].tolist() == [0, 40]


@pytest.mark.parametrize('scores', [[0.0, 1.0, 0.5, 0.0], [1.0, 1.0, 1.0, 1.0]])
def test_sure_scores_are_no_trouble(scores):
  found = np.array(grow(np.array(scores), 0.5))
  assert (found[:, 0] <= SPANS[:, 0]).all() and (found[:, 1] >= SPANS[:, 1]).all()


def test_spans_stay_within_their_tube_and_hold_their_part():
  rng = np.random.default_rng(0)
  for _ in range(50):
    source_spans = np.array([[3, 60], [10, 90]])
    sources = rng.integers(0, 2, 12)
    starts = np.array([rng.integers(*(source_spans[s] - [0, 8])) for s in sources])
    spans = np.stack([starts, starts + 8], axis=1)
    found = growing.grow_best_parts(spans, sources, rng.random(12), source_spans, odds_ratio=0.3)
    assert (found[:, 0] <= spans[:, 0]).all() and (found[:, 1] >= spans[:, 1]).all()
    assert (found[:, 0] >= source_spans[sources, 0]).all()
    assert (found[:, 1] <= source_spans[sources, 1]).all()
    for source in np.unique(sources):
      assert np.count_nonzero((found != spans).any(axis=1) & (sources == source)) <= 1
