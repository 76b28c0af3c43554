"""Tests of the cross-entropy against equation 7 written out."""

import jax
import jax.numpy as jnp
import numpy as np

from wsstad_jax.losses.classification import cross_entropy, cross_entropy_of_scores


def test_equals_the_equation():
  rng = np.random.default_rng(0)
  logits, label = rng.standard_normal(9), rng.integers(0, 2, 9)
  where = rng.random(9) < 0.7
  positive, negative = [], []
  for logit, bag_label, real in zip(logits, label, where):
    p = 1 / (1 + np.exp(-logit))
    if real and bag_label:
      positive.append(-np.log(p))
    elif real:
      negative.append(-np.log(1 - p))
  expected = sum(positive) / len(positive) + sum(negative) / len(negative)
  np.testing.assert_allclose(cross_entropy(logits, label, where=where), expected, rtol=1e-5)


def test_by_hand_without_mask():
  # p = 0.5 for both: -log 0.5 - log 0.5.
  loss = cross_entropy(jnp.zeros(2), jnp.array([1, 0]))
  np.testing.assert_allclose(loss, 2 * np.log(2), rtol=1e-6)


def test_large_logits_stay_finite():
  loss, gradient = jax.value_and_grad(cross_entropy)(jnp.array([-1e4, 1e4]), jnp.array([1, 0]))
  np.testing.assert_allclose(loss, 2e4)
  np.testing.assert_allclose(gradient, [-1, 1])


def test_all_masked_is_zero_with_zero_gradient():
  value, gradient = jax.value_and_grad(
      lambda logits: cross_entropy(logits, jnp.array([1, 0]), where=jnp.zeros(2, bool))
  )(jnp.array([-1e30, 1e30]))
  assert value == 0
  np.testing.assert_array_equal(gradient, [0, 0])


def test_scores_have_the_cross_entropy_of_their_logits():
  logits, label = np.array([-2.0, 0.5, 3.0]), np.array([0, 1, 1])
  scores = 1 / (1 + np.exp(-logits))
  where = np.array([True, True, False])
  np.testing.assert_allclose(
      cross_entropy_of_scores(scores, label, where=where),
      cross_entropy(logits, label, where=where), rtol=1e-5,
  )
  assert np.isfinite(cross_entropy_of_scores(np.array([1.0, 0.0]), np.array([0, 1])))
