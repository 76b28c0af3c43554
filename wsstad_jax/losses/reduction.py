"""Means that leave padding out."""

import jax
import jax.numpy as jnp


def masked_mean(values: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the mean of the values where True, 0 if there is none, whatever the others are."""
  return jnp.sum(jnp.where(where, values, 0)) / jnp.maximum(jnp.sum(where), 1)
