"""Tests of the ranking losses against equations 4-6 written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsstad_jax.losses.ranking import ranking_loss


def ranking_by_loops(positives, negatives, guidance, pairing, where_positive, where_negative):
  positives = [(w, s) for w, s, real in zip(guidance, positives, where_positive) if real]
  negatives = [s for s, real in zip(negatives, where_negative) if real]
  if pairing == 'all_pairs':
    pairs = [(w, p, n) for w, p in positives for n in negatives]
  else:
    pairs = [(w, p, n) for (w, p), n in zip(positives, negatives)]
  return sum(max(0, w * (1 - p + n)) for w, p, n in pairs) / max(len(pairs), 1)


@pytest.mark.parametrize('pairing', ['all_pairs', 'one_to_one'])
def test_equals_the_equations(pairing):
  rng = np.random.default_rng(0)
  for _ in range(10):
    positives, guidance, negatives = rng.random(6), rng.random(6), rng.random(4)
    where_positive, where_negative = rng.random(6) < 0.7, rng.random(4) < 0.7
    masks = dict(where_positive=where_positive, where_negative=where_negative)
    for weights in (guidance, None):
      loss = ranking_loss(positives, negatives, weights, pairing=pairing, **masks)
      weights = np.ones(6) if weights is None else weights
      expected = ranking_by_loops(positives, negatives, weights, pairing, *masks.values())
      np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_by_hand():
  # 0.5 * (1 - 0.9 + 0.2) = 0.15 and 1 * (1 - 0.4 + 0.2) = 0.8, of which the mean is 0.475.
  loss = ranking_loss(jnp.array([0.9, 0.4]), jnp.array([0.2]), jnp.array([0.5, 1.0]))
  np.testing.assert_allclose(loss, 0.475, rtol=1e-6)


def test_guidance_has_no_gradient_and_scores_have():
  scores, guidance = jnp.array([0.9, 0.4]), jnp.array([0.5, 1.0])
  to_scores, to_guidance = jax.grad(
      lambda s, g: ranking_loss(s, jnp.array([0.2]), g), (0, 1)
  )(scores, guidance)
  np.testing.assert_array_equal(to_guidance, [0, 0])
  np.testing.assert_allclose(to_scores, [-0.25, -0.5])


def test_all_masked_is_zero_with_zero_gradient():
  def loss(scores):
    return ranking_loss(scores, scores, where_positive=jnp.zeros(3, bool))

  value, gradient = jax.value_and_grad(loss)(jnp.array([0.1, jnp.nan, 0.3]))
  assert value == 0
  np.testing.assert_array_equal(gradient, [0, 0, 0])
