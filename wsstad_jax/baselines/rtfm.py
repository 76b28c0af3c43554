"""RTFM's head: robust temporal feature magnitude learning (Tian 2021), on tubes.

Losses, factors and layers follow the authors' code, with two exceptions for want of a row of
snippets: attention over the bag takes the place of convolutions over time, and sparsity is the
mean score of anomalous bags, not a norm over the bags of a batch at each time.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from wsstad_jax.losses.classification import cross_entropy_of_scores
from wsstad_jax.losses.reduction import masked_mean
from wsstad_jax.losses.sequence import smoothness
from wsstad_jax.models.attention import MultiHeadSelfAttention
from wsstad_jax.models.branches import Instances
from wsstad_jax.training.method import Learner
from wsstad_jax.training.step import read_instances


class MagnitudeNetwork(nn.Module):
  """Features whose length tells the abnormal ones, and a scorer of 512, 128 and 1 units.

  Attributes:
    units: of the features.
    num_heads: of the attention.
    dropout_rate: 0.7 in the authors' code.
  """

  units: int
  num_heads: int
  dropout_rate: float

  @nn.compact
  def __call__(
      self, instances: Instances, *, train: bool = False
  ) -> tuple[jax.Array, jax.Array]:
    """Returns logits [b, t] and the features [b, t, units], both float32."""
    x = instances.prepare('none').features
    x = nn.relu(nn.Dense(self.units, name='embedding')(x))
    pairs = instances.mask[:, :, None] & instances.mask[:, None, :]
    x = nn.relu(MultiHeadSelfAttention(self.num_heads, 0.1, name='context')(x, x, pairs))
    features = x = self._drop(x, train)
    for units in (512, 128):
      x = self._drop(nn.relu(nn.Dense(units)(x)), train)
    return nn.Dense(1)(x)[..., 0], features

  def _drop(self, x, train):
    return nn.Dropout(self.dropout_rate, broadcast_dims=(1,), deterministic=not train)(x)


@dataclasses.dataclass(frozen=True)
class Rtfm(Learner):
  """Pushes the largest magnitudes of anomalous and normal bags apart, and scores those instances.

  Attributes:
    network: see there.
    margin: between the magnitudes.
    magnitude: factor of their loss.
    sparsity: factor of the mean score in anomalous bags.
    smoothness: factor of the squared differences of neighbours in time, summed over them.
  """

  network: MagnitudeNetwork
  margin: float
  magnitude: float
  sparsity: float
  smoothness: float

  def init(self, rng, instances):
    return {'tube': self.network.init(rng, instances)['params']}

  def loss(self, params, batch, *, rng, **_):
    regions, *_ = read_instances(batch)
    logits, features = self.network.apply(
        {'params': params['tube']}, regions, train=True, rngs={'dropout': rng}
    )
    scores, label = jax.nn.sigmoid(logits), batch['label']
    real = regions.mask.any(axis=-1)
    positive, negative = real & (label == 1), real & (label == 0)
    chosen = top_tenth(jnp.sum(features**2, axis=-1), regions.mask)
    told = cross_entropy_of_scores(masked_mean(scores, chosen, axis=-1), label, where=real)
    apart = magnitude_loss(features, chosen, positive, negative, self.margin)
    few = masked_mean(scores, regions.mask & positive[:, None])
    slow = smoothness(scores, regions.spans, regions.mask)
    slow = jnp.sum(jnp.where(positive, slow, 0))
    loss = told + self.magnitude * apart + self.sparsity * few + self.smoothness * slow
    return loss, {'magnitude': apart}

  def bag_logits(self, *, params, batch):
    regions, *_ = read_instances(batch)
    return {'tube': self.network.apply({'params': params['tube']}, regions)[0]}


def top_tenth(values: jax.Array, where: jax.Array) -> jax.Array:
  """Returns which instances are the tenth of their bag with the highest values, bool [b, t].

  Args:
    values: [b, t].
    where: bool [b, t], True = real; at least one of a bag is chosen.
  """
  count = jnp.maximum(where.sum(axis=-1, keepdims=True) // 10, 1)
  order = jnp.argsort(jnp.where(where, -values, jnp.inf), axis=-1)
  return where & (jnp.argsort(order, axis=-1) < count)


def magnitude_loss(
    features: jax.Array,
    chosen: jax.Array,
    positive: jax.Array,
    negative: jax.Array,
    margin: float,
) -> jax.Array:
  """Returns the mean over pairs of (|margin - |X_a|| + |X_n|)^2, X the mean chosen feature.

  Every anomalous bag makes a pair with every normal one; in the code those of equal place do.

  Args:
    features: [b, t, d].
    chosen: bool [b, t], which instances stand for their bag.
    positive: bool [b], which bags are anomalous.
    negative: bool [b], which are normal.
    margin: 100 in the code.
  """
  count = jnp.maximum(chosen.sum(axis=-1), 1)
  means = jnp.sum(jnp.where(chosen[..., None], features, 0), axis=1) / count[:, None]
  lengths = jnp.sqrt(jnp.sum(means**2, axis=-1) + 1e-12)  # [b]
  pairs = (jnp.abs(margin - lengths[:, None]) + lengths[None, :]) ** 2
  return masked_mean(pairs, positive[:, None] & negative[None, :])


def create_method(config: ml_collections.ConfigDict) -> Rtfm:
  """Returns the method that a config describes."""
  settings = {**config.baseline}
  network = MagnitudeNetwork(
      units=settings.pop('units'),
      num_heads=config.model.num_heads,
      dropout_rate=config.model.dropout_rate,
  )
  return Rtfm(learning_rate=config.train.learning_rate, network=network, **settings)
