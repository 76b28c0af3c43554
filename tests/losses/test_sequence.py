"""Tests of the terms on scores in the order of time."""

import jax
import numpy as np

from wsstad_jax.losses.sequence import smoothness, sparsity

SCORES = np.float32([[0.5, 0.1, 0.7, np.nan]])
SPANS = np.int32([[[16, 32], [0, 32], [0, 16], [0, 0]]])  # in time: 0.7, 0.1, 0.5
WHERE = np.array([[True, True, True, False]])


def test_by_hand():
  np.testing.assert_allclose(sparsity(SCORES, WHERE), [1.3], rtol=1e-6)
  np.testing.assert_allclose(smoothness(SCORES, SPANS, WHERE), [0.36 + 0.16], rtol=1e-6)


def test_masked_entries_have_no_gradient():
  gradient = jax.grad(lambda scores: smoothness(scores, SPANS, WHERE).sum())(SCORES)
  # 2 * (0.5 - 0.1), 2 * (0.1 - 0.7) - 2 * (0.5 - 0.1), -2 * (0.1 - 0.7)
  np.testing.assert_allclose(gradient, [[0.8, -2.0, 1.2, 0]], rtol=1e-5)
  assert smoothness(SCORES, SPANS, np.zeros((1, 4), bool)) == 0
