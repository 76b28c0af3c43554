"""Cross-entropy of what stands for a bag with the label of the bag (paper, eq. 7)."""

import jax
import jax.numpy as jnp

from wsstad_jax.losses.reduction import masked_mean


def cross_entropy(
    logits: jax.Array, label: jax.Array, *, where: jax.Array | None = None
) -> jax.Array:
  """Returns -log p of positive bags plus -log(1 - p) of negative bags, each a mean over bags.

  Args:
    logits: [b], of which p is the sigmoid.
    label: [b], 1 = positive, 0 = negative.
    where: bool [b], True = real; None for all.

  Returns:
    A scalar; 0 when all is masked.
  """
  real = True if where is None else where
  positive, negative = real & (label == 1), real & (label == 0)
  return masked_mean(jax.nn.softplus(-logits), positive) + masked_mean(
      jax.nn.softplus(logits), negative
  )


def cross_entropy_of_scores(
    scores: jax.Array, label: jax.Array, *, where: jax.Array | None = None
) -> jax.Array:
  """Returns the same for scores [b] in [0, 1], such as means, which no logits belong to.

  Args:
    scores: p.
    label: [b], 1 = positive, 0 = negative.
    where: bool [b], True = real; None for all.
  """
  inner = jnp.clip(scores, 1e-6, 1 - 1e-6)
  return cross_entropy(jnp.log(inner) - jnp.log1p(-inner), label, where=where)
