"""A branch of the paper's model: from the instances of bags to their abnormality."""

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from wsstad_jax.models.attention import MultiHeadSelfAttention
from wsstad_jax.models.gcn import GraphRelation
from wsstad_jax.tubes.trajectories import NUM_FEATURES as NUM_TRAJECTORY_FEATURES


@flax.struct.dataclass
class Instances:
  """The instances of a batch of bags, of one kind.

  Attributes:
    features: [b, t, d], any float dtype.
    mask: bool [b, t], True = real.
    spans: int32 [b, t, 2], frames start, stop.
    trajectories: [b, t, 8], see `tubes.trajectories`; None where there are no boxes.
  """

  features: jax.Array
  mask: jax.Array
  spans: jax.Array
  trajectories: jax.Array | None = None

  def take(self, rows: jax.Array) -> 'Instances':
    """Returns the instances `rows`, int32 [b, q], of each bag."""
    return jax.tree.map(lambda array: take_rows(array, rows), self)

  def prepare(
      self,
      feature_normalization: str,
      trajectory_scale: float = 0.0,
      dtype: str = 'float32',
  ) -> 'Instances':
    """Returns the features as `dtype`, 0 for padding; of length 1 if 'l2', as given if 'none'.

    With a scale above 0, trajectories times the scale stand behind them, zeros if there are none.
    """
    features = self.features.astype(jnp.float32)
    features = jnp.where(self.mask[..., None], features, 0)
    normalize = _unit_length if feature_normalization == 'l2' else lambda array: array
    features = normalize(features)
    if trajectory_scale:
      shape = *features.shape[:-1], NUM_TRAJECTORY_FEATURES
      behind = jnp.zeros(shape) if self.trajectories is None else self.trajectories
      behind = jnp.where(self.mask[..., None], trajectory_scale * behind.astype(jnp.float32), 0)
      features = normalize(jnp.concatenate([features, behind], axis=-1))
    return self.replace(features=features.astype(dtype))


def _unit_length(features: jax.Array) -> jax.Array:
  square = jnp.sum(features**2, axis=-1, keepdims=True)
  return features * lax.rsqrt(jnp.maximum(square, 1e-12))


def take_rows(array: jax.Array, rows: jax.Array) -> jax.Array:
  """Returns [b, q, ...], the entries `rows`, int32 [b, q], of array [b, t, ...]."""
  return jax.vmap(lambda entries, row: entries[row])(array, rows)


class BranchNetwork(nn.Module):
  """Scores instances: features related to their bag, then a scorer of 512, 32 and 1 units.

  Attributes:
    relation: 'attention' (eq. 1-3), 'gcn' (the graphs of Zhong 2019, Table 4) or 'none'.
    relation_scope: what an instance attends to: the whole 'bag' as in the paper, or the
      instances that 'overlap' it in time, since objects meet only while both are there.
    num_heads: of the attention.
    value_scale: of the attention. The paper is silent; below 1 an instance stands out from its
      bag at the start, rather than all of them looking like the bag's mean.
    feature_normalization: 'l2' to length 1 (Sultani 2018) or 'none'.
    trajectory_scale: of the trajectories behind the features; 0 leaves them out, as the paper does.
    dropout_rate: in the scorer (Sultani 2018: 0.6).
    dtype: of what is multiplied and of all that has a number for each feature of each instance,
      'float32' or 'bfloat16'. Parameters, lengths of features, softmax and logits are float32.
  """

  relation: str = 'attention'
  relation_scope: str = 'bag'
  num_heads: int = 8
  value_scale: float = 0.1
  feature_normalization: str = 'l2'
  trajectory_scale: float = 0.0
  dropout_rate: float = 0.6
  dtype: str = 'float32'

  @nn.compact
  def __call__(
      self, instances: Instances, rows: jax.Array | None = None, *, train: bool = False
  ) -> jax.Array:
    """Returns the logits of all instances, or of some as members of their bags.

    Args:
      instances: of which padding has no influence, whatever it holds.
      rows: int32 [b, q], the instances to score; all if None. A few cost far less than all.
      train: whether there is dropout, from the rng 'dropout'.

    Returns:
      float32 [b, t] or [b, q]; a sigmoid makes them scores. Those of padding mean nothing.
    """
    instances = instances.prepare(
        self.feature_normalization, self.trajectory_scale, self.dtype
    )
    if self.relation == 'gcn':
      related = GraphRelation(name='relation')(
          instances.features.astype(jnp.float32), instances.spans, instances.mask
      )
      instances = instances.replace(features=related.astype(self.dtype))
    queries = instances if rows is None else instances.take(rows)
    x = queries.features
    if self.relation == 'attention':
      pairs = queries.mask[:, :, None] & instances.mask[:, None, :]
      if self.relation_scope == 'overlap':
        pairs &= overlap(queries.spans, instances.spans)
      x = MultiHeadSelfAttention(self.num_heads, self.value_scale, name='relation')(
          x, instances.features, pairs
      )
    return Scorer(self.dropout_rate, self.dtype, name='scorer')(x, train=train)


class Scorer(nn.Module):
  """Three dense layers of 512, 32 and 1 units; the second is linear (Sultani 2018).

  Dropout strikes the same units for all instances of a bag: their maximum is then that of one
  thinned network, not of the luckiest of as many networks as there are instances.
  """

  dropout_rate: float
  dtype: str = 'float32'

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Returns float32 logits [b, q] for features [b, q, d]."""
    glorot = nn.initializers.glorot_normal()
    for units, activation in ((512, nn.relu), (32, lambda y: y)):
      x = activation(nn.Dense(units, dtype=self.dtype, kernel_init=glorot)(x))
      x = nn.Dropout(self.dropout_rate, broadcast_dims=(1,), deterministic=not train)(x)
    return nn.Dense(1, dtype=jnp.float32, kernel_init=glorot)(x)[..., 0]


def overlap(a_spans: jax.Array, b_spans: jax.Array) -> jax.Array:
  """Returns bool [b, q, t]: whether spans [b, q, 2] and [b, t, 2] share a frame."""
  a, b = a_spans[:, :, None], b_spans[:, None, :]
  return (a[..., 0] < b[..., 1]) & (b[..., 0] < a[..., 1])
