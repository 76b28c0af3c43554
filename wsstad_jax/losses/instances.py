"""The instance that stands for its bag in multiple instance learning."""

import jax
import jax.numpy as jnp


def max_instance(logits: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the row of the highest logit in each bag, the first of equals.

  Args:
    logits: [b, t].
    where: bool [b, t], True = real.

  Returns:
    int32 [b]; 0 for a bag without instances.
  """
  return jnp.argmax(jnp.where(where, logits, -jnp.inf), axis=-1).astype(jnp.int32)
