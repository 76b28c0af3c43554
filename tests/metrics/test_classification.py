"""Tests of the ROC area."""

import numpy as np
import pytest

from wsstad_jax.metrics import classification


def plain_auc(labels, scores):
  """The chance that an abnormal video scores above a normal one; ties count half."""
  pairs = [
      (abnormal, normal)
      for abnormal, label in zip(scores, labels) if label
      for normal, other in zip(scores, labels) if not other
  ]
  return sum((a > n) + 0.5 * (a == n) for a, n in pairs) / len(pairs)


def test_by_hand():
  # Pairs (abnormal, normal): (.8, .4) and (.8, .5) right, (.4, .4) a tie, (.4, .5) wrong.
  auc = classification.roc_auc(np.array([1, 1, 0, 0]), np.array([0.8, 0.4, 0.4, 0.5]))
  assert auc == (1 + 1 + 0.5 + 0) / 4


def test_equals_plain_reference_with_ties():
  rng = np.random.default_rng(0)
  for _ in range(30):
    labels = np.append(rng.integers(0, 2, 18), [0, 1])
    scores = rng.integers(0, 5, 20) / 4
    auc = classification.roc_auc(labels, scores)
    assert auc == pytest.approx(plain_auc(labels, scores))
    assert classification.roc_auc(labels, -scores) == pytest.approx(1 - auc)


def test_one_label_is_undefined():
  assert np.isnan(classification.roc_auc(np.ones(3), np.arange(3)))
  assert np.isnan(classification.roc_auc(np.array([]), np.array([])))


def test_scores_that_are_no_numbers_are_refused():
  with pytest.raises(ValueError, match='NaN'):
    classification.roc_auc(np.array([0, 1]), np.array([0.5, np.nan]))
