"""Means that leave padding out."""

import jax
import jax.numpy as jnp


def masked_mean(values: jax.Array, where: jax.Array, *, axis: int | None = None) -> jax.Array:
  """Returns the mean of the values where True, 0 if there is none, whatever the others are.

  Args:
    values: [...].
    where: bool, of the same shape.
    axis: over which; None for all.
  """
  total = jnp.sum(jnp.where(where, values, 0), axis=axis)
  return total / jnp.maximum(jnp.sum(where, axis=axis), 1)
