"""Multi-head self-attention among the instances of a bag (paper, eq. 1-3)."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from wsstad_jax.core.errors import UserError

_MANY_QUERIES = 32  # a bag; a processor's caches hold the weights of one bag, not those of all


class MultiHeadSelfAttention(nn.Module):
  """Adds to instances what they attend to in their bag.

  As eq. 2 has it: no biases, and no projection after the heads are put side by side.

  Attributes:
    num_heads: H, divides the size of the features.
    value_scale: factor on the initial W^V; how loud the bag speaks beside the instance itself
      before anything is learned.
  """

  num_heads: int = 8
  value_scale: float = 1.0

  @nn.compact
  def __call__(self, queries: jax.Array, instances: jax.Array, pairs: jax.Array) -> jax.Array:
    """Relates some instances, or all, to their bag, in products of the dtype of the instances.

    Args:
      queries: [b, q, d], the instances to be enriched.
      instances: [b, t, d], all of the bag.
      pairs: bool [b, q, t], which instances a query attends to; none leaves it as it is.

    Returns:
      [b, q, d].
    """
    size = queries.shape[-1]
    if size % self.num_heads:
      raise UserError(
          f'config.model.num_heads={self.num_heads} does not divide the features, which have '
          f'{size} numbers; give --config.model.num_heads={math.gcd(size, self.num_heads)} or '
          'another divisor.'
      )
    shape = (size, self.num_heads, size // self.num_heads)
    glorot = nn.initializers.glorot_normal(in_axis=0, out_axis=(1, 2))
    query = self.param('query', glorot, shape)
    key = self.param('key', glorot, shape)
    value = self.param('value', lambda *args: self.value_scale * glorot(*args), shape)

    query, key, value = (weight.astype(instances.dtype) for weight in (query, key, value))

    def attend(queries, instances, pairs):
      # einsum orders the products by their cost, which is another order for one query than for
      # all: a single query needs no key and no value of any instance.
      logits = jnp.einsum('bqd,dhc,ehc,bte->bhqt', queries, query, key, instances)
      logits = shape[-1] ** -0.5 * logits.astype(jnp.float32)
      pairs = pairs[:, None]  # [b, 1, q, t]
      weights = jax.nn.softmax(jnp.where(pairs, logits, jnp.finfo(logits.dtype).min))
      weights = jnp.where(pairs, weights, 0)  # a query without any pair has uniform ones
      weights = weights.astype(instances.dtype)
      heads = jnp.einsum('bhqt,bte,ehc->bqhc', weights, instances, value)
      return heads.reshape(queries.shape) + queries

    def attend_in_turn(*arrays):
      return lax.map(lambda bag: attend(*(array[None] for array in bag))[0], arrays)

    if queries.shape[1] < _MANY_QUERIES:
      return attend(queries, instances, pairs)
    return lax.platform_dependent(
        queries, instances, pairs, cpu=attend_in_turn, default=attend
    )
