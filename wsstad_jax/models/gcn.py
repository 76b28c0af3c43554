"""Graph convolutions over the instances of a bag (Zhong 2019), with graphs that nobody learns.

Both graphs are of the authors' code: one of similar features, one of neighbouring times. The
code numbers the snippets of a video; tubes lie anywhere in time, so here the distance is that of
the middles of spans, in clips of 16 frames, which for snippets is the same number.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

_CLIP_LENGTH = 16  # frames


def similarity_graph(features: jax.Array, mask: jax.Array) -> jax.Array:
  """Returns A_ij = exp(x_i . x_j - max_j x_i . x_j) among real instances, normalised.

  Args:
    features: float32 [b, t, d].
    mask: bool [b, t], True = real.

  Returns:
    float32 [b, t, t]; 0 wherever either is padding.
  """
  pairs = mask[:, :, None] & mask[:, None, :]
  products = jnp.where(pairs, jnp.einsum('bid,bjd->bij', features, features), -jnp.inf)
  largest = jnp.max(products, axis=-1, keepdims=True)
  largest = jnp.where(jnp.isfinite(largest), largest, 0)  # rows of padding
  return normalize_graph(jnp.exp(products - lax.stop_gradient(largest)))


def temporal_graph(spans: jax.Array, mask: jax.Array) -> jax.Array:
  """Returns A_ij = exp(-distance of i and j in time) among real instances, normalised.

  Args:
    spans: int32 [b, t, 2], frames start, stop.
    mask: bool [b, t], True = real.

  Returns:
    float32 [b, t, t]; 0 wherever either is padding.
  """
  middles = spans.sum(axis=-1) / (2 * _CLIP_LENGTH)  # [b, t], clips
  distances = jnp.abs(middles[:, :, None] - middles[:, None, :])
  pairs = mask[:, :, None] & mask[:, None, :]
  return normalize_graph(jnp.where(pairs, jnp.exp(-distances), 0))


def normalize_graph(adjacency: jax.Array) -> jax.Array:
  """Returns D^-1/2 A D^-1/2 of [b, t, t], where D has the sums of the rows; 0 for empty rows."""
  degrees = adjacency.sum(axis=-1)
  scales = jnp.where(degrees > 0, lax.rsqrt(jnp.where(degrees > 0, degrees, 1)), 0)
  return scales[:, :, None] * adjacency * scales[:, None, :]


class GraphConvolution(nn.Module):
  """Two layers of A x W without bias, the first with ReLU and dropout.

  Attributes:
    hidden: units of the first layer.
    units: of the second.
    dropout_rate: after the first.
  """

  hidden: int
  units: int
  dropout_rate: float = 0.0

  @nn.compact
  def __call__(self, x: jax.Array, adjacency: jax.Array, *, train: bool = False) -> jax.Array:
    """Returns [b, t, units] for x [b, t, d] and a graph [b, t, t]."""
    glorot = nn.initializers.glorot_normal()
    x = nn.relu(adjacency @ nn.Dense(self.hidden, use_bias=False, kernel_init=glorot)(x))
    x = nn.Dropout(self.dropout_rate, broadcast_dims=(1,), deterministic=not train)(x)
    return adjacency @ nn.Dense(self.units, use_bias=False, kernel_init=glorot)(x)


class GraphRelation(nn.Module):
  """Adds to instances what both graphs bring them from their bag: Table 4's rival of attention.

  The paper names the graphs alone. Their use is a reconstruction: two layers on each graph with
  a bottleneck of 128 units, as in Zhong 2019, averaged, in a residual connection as in eq. 3.
  """

  hidden: int = 128

  @nn.compact
  def __call__(self, features: jax.Array, spans: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns [b, t, d] for features [b, t, d], spans [b, t, 2] and mask [b, t]."""
    size = features.shape[-1]
    similar = GraphConvolution(self.hidden, size, name='similarity')(
        features, similarity_graph(features, mask)
    )
    near = GraphConvolution(self.hidden, size, name='time')(features, temporal_graph(spans, mask))
    return features + (similar + near) / 2
