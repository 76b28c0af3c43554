"""The instances that stand for their bag in multiple instance learning."""

import jax
import jax.numpy as jnp
from jax import lax


def max_instance(logits: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the row of the highest logit in each bag, the first of equals.

  Args:
    logits: [b, t].
    where: bool [b, t], True = real.

  Returns:
    int32 [b]; 0 for a bag without instances.
  """
  return jnp.argmax(jnp.where(where, logits, -jnp.inf), axis=-1).astype(jnp.int32)


def top_instances(
    logits: jax.Array, where: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
  """Returns the rows of the highest logits in each bag, best first, and which of them are real.

  Args:
    logits: [b, t].
    where: bool [b, t], True = real.
    count: k; a bag of fewer real instances has padding among its rows.

  Returns:
    int32 [b, k] and bool [b, k], with t in place of k if it is smaller.
  """
  count = min(count, logits.shape[-1])
  if count == 1:
    rows = max_instance(logits, where)[:, None]
  else:
    rows = lax.top_k(jnp.where(where, logits, -jnp.inf), count)[1].astype(jnp.int32)
  return rows, jnp.take_along_axis(where, rows, axis=-1)


def share_of_highest(values: jax.Array, where: jax.Array, share: float) -> jax.Array:
  """Returns which entries are among the highest of their row, bool [b, t].

  Args:
    values: [b, t].
    where: bool [b, t], True = real.
    share: of the real entries, in (0, 1], rounded up; at least one if there is any.
  """
  order = jnp.argsort(jnp.where(where, -values, jnp.inf), axis=-1)  # stable: first of equals
  ranks = jnp.argsort(order, axis=-1)
  return where & (ranks < jnp.ceil(share * where.sum(axis=-1, keepdims=True)))
