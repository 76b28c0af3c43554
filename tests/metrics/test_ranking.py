"""Tests of areas over drawn videos: hand values, and plain references on random scores."""

import numpy as np
import pytest
from sklearn import metrics

from wsstad_jax.metrics import ranking


def drawn_rows(labels, scores, videos):
  return (
      np.concatenate([labels[video] for video in videos]),
      np.concatenate([scores[video] for video in videos]),
  )


def test_by_hand():
  # Highest first: 0.9 (positive), 0.5 (one of each), 0.1 (negative).
  ranked = ranking.create_ranking([[1, 0], [1, 0]], [[0.9, 0.5], [0.5, 0.1]])
  both = np.array([0, 1])
  # Pairs: 0.9 wins twice, 0.5 has a tie and a win.
  assert ranked.roc_auc(both) == (1 + 1 + 0.5 + 1) / 4
  # Precision 1 at half of the recall, 2/3 at the rest.
  assert ranked.average_precision(both) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
  positives, negatives = ranked.counts(both)
  assert positives.tolist() == [1, 2, 2] and negatives.tolist() == [0, 1, 2]


def test_equals_sklearn_on_drawn_rows_with_ties():
  rng = np.random.default_rng(0)
  for _ in range(10):
    sizes = rng.integers(1, 20, 6)
    labels = [rng.integers(0, 2, size) for size in sizes]
    scores = [rng.integers(0, 6, size) / 5 for size in sizes]
    labels[0][0], labels[1][0] = 0, 1
    ranked = ranking.create_ranking(labels, scores)
    videos = np.append(rng.integers(0, 6, 6), [0, 1])
    rows = drawn_rows(labels, scores, videos)
    assert ranked.roc_auc(videos) == pytest.approx(metrics.roc_auc_score(*rows))
    assert ranked.average_precision(videos) == pytest.approx(
        metrics.average_precision_score(*rows)
    )


def test_equal_rows_of_a_video_are_joined():
  ranked = ranking.create_ranking([[0, 1, 1] * 1000], [[0.2, 0.2, 0.7] * 1000])
  assert len(ranked.videos) == 2
  assert ranked.roc_auc(np.array([0])) == (0.5 + 0.5 * 0.5)


def test_what_is_not_defined_is_nan():
  ranked = ranking.create_ranking([[0], [1]], [[0.3], [0.4]])
  assert np.isnan(ranked.roc_auc(np.array([0, 0])))
  assert np.isnan(ranked.average_precision(np.array([0])))
  assert np.isnan(ranked.roc_auc(np.array([1])))
  empty = ranking.create_ranking([[]], [[]])
  assert np.isnan(empty.roc_auc(np.array([0])))
  assert np.isnan(empty.average_precision(np.array([0])))


def test_bad_rows_are_refused():
  with pytest.raises(ValueError, match='one label for each score'):
    ranking.create_ranking([[1, 0]], [[0.5]])
  with pytest.raises(ValueError, match='NaN'):
    ranking.create_ranking([[1]], [[np.nan]])
