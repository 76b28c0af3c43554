"""Ranking losses between the max instances of positive and negative bags (paper, eq. 4-6)."""

import jax
import jax.numpy as jnp
from jax import lax

from wsstad_jax.losses.reduction import masked_mean


def ranking_loss(
    positive_scores: jax.Array,
    negative_scores: jax.Array,
    guidance: jax.Array | None = None,
    *,
    pairing: str = 'all_pairs',
    where_positive: jax.Array | None = None,
    where_negative: jax.Array | None = None,
) -> jax.Array:
  """Returns the mean over pairs of max(0, guidance * (1 - positive + negative)).

  The paper does not say which bags make a pair: every positive with every negative one, as in
  Sultani 2018 (whose pairs are 'all_pairs' too), uses a batch best.

  Args:
    positive_scores: [p] in [0, 1].
    negative_scores: [n] in [0, 1].
    guidance: [p], scores by the other branch, without gradient; None for 1, that is L_Rank.
    pairing: 'all_pairs', or 'one_to_one' for the k-th real positive with the k-th real negative.
    where_positive: bool [p], True = real; None for all.
    where_negative: bool [n].

  Returns:
    A scalar; 0 without any pair.
  """
  weights = jnp.ones_like(positive_scores) if guidance is None else lax.stop_gradient(guidance)
  positive_real = _mask(positive_scores, where_positive)
  negative_real = _mask(negative_scores, where_negative)
  margins = weights[:, None] * (1 - positive_scores[:, None] + negative_scores[None, :])  # [p, n]
  pairs = positive_real[:, None] & negative_real[None, :]
  if pairing == 'one_to_one':
    pairs &= jnp.cumsum(positive_real)[:, None] == jnp.cumsum(negative_real)[None, :]
  return masked_mean(jnp.maximum(0, margins), pairs)


def _mask(scores, where):
  return jnp.ones(scores.shape, bool) if where is None else where
