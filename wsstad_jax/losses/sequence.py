"""Terms on the scores of one bag as a sequence in time (Sultani 2018, eq. 6)."""

import jax
import jax.numpy as jnp


def sparsity(scores: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the sum of the scores of each bag, [b], for scores and real ones `where` [b, t]."""
  return jnp.sum(jnp.where(where, scores, 0), axis=-1)


def smoothness(scores: jax.Array, spans: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the sum of the squared differences of scores that follow each other in time, [b].

  Segments of a video are in order already. Tubes are put in order of their first frame and,
  where that is equal, of their last one; our reading of the term for tubes.

  Args:
    scores: [b, t].
    spans: int32 [b, t, 2], frames start, stop.
    where: bool [b, t], True = real.
  """
  order = jnp.lexsort((spans[..., 1], spans[..., 0], ~where))  # padding last
  scores, where = (jnp.take_along_axis(array, order, axis=-1) for array in (scores, where))
  steps = jnp.where(where[:, :-1] & where[:, 1:], scores[:, 1:] - scores[:, :-1], 0)
  return jnp.sum(steps**2, axis=-1)
