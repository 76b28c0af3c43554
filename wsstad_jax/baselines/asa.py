"""ASA: actors are supervised by attention (Escorcia 2020).

A reconstruction: the abstract names actor tubes, pooling over actors and attention, all learned
from video labels; the formulas here are the simplest of that kind.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from wsstad_jax.losses.classification import cross_entropy
from wsstad_jax.models.branches import Instances
from wsstad_jax.training.method import Learner
from wsstad_jax.training.step import read_instances


class ActorNetwork(nn.Module):
  """Features of each actor, from them how abnormal it is and how much it counts in its video.

  Attributes:
    units: of an actor's feature.
    feature_normalization: see `Instances.prepare`.
    dropout_rate: of an actor's feature.
  """

  units: int
  feature_normalization: str
  dropout_rate: float

  @nn.compact
  def __call__(
      self, instances: Instances, *, train: bool = False
  ) -> tuple[jax.Array, jax.Array]:
    """Returns logits and log attention, float32 [b, t] each; -inf for the attention of padding."""
    glorot = nn.initializers.glorot_normal()
    x = instances.prepare(self.feature_normalization).features
    x = nn.relu(nn.Dense(self.units, kernel_init=glorot, name='actor')(x))
    x = nn.Dropout(self.dropout_rate, broadcast_dims=(1,), deterministic=not train)(x)
    logits = nn.Dense(1, kernel_init=glorot, name='class')(x)[..., 0]
    votes = nn.Dense(1, kernel_init=glorot, name='attention')(x)[..., 0]
    votes = jnp.where(instances.mask, votes, jnp.finfo(votes.dtype).min)
    return logits, jnp.where(instances.mask, jax.nn.log_softmax(votes), -jnp.inf)


@dataclasses.dataclass(frozen=True)
class Asa(Learner):
  """The video's logit is the sum of attention times logit over its actors, here all tubes.

  A tube's score is attention times sigmoid of its logit. The attention is taken over the largest
  in its bag: that changes no arg max, and videos of many and of few tubes stay comparable.
  """

  network: ActorNetwork

  def init(self, rng, instances):
    return {'tube': self.network.init(rng, instances)['params']}

  def loss(self, params, batch, *, rng, **_):
    regions, *_ = read_instances(batch)
    logits, attention = self.network.apply(
        {'params': params['tube']}, regions, train=True, rngs={'dropout': rng}
    )
    video = jnp.sum(jnp.exp(attention) * logits, axis=-1)
    return cross_entropy(video, batch['label'], where=regions.mask.any(axis=-1)), {}

  def bag_logits(self, *, params, batch):
    regions, *_ = read_instances(batch)
    logits, attention = self.network.apply({'params': params['tube']}, regions)
    largest = jnp.max(attention, axis=-1, keepdims=True)
    return {'tube': logit_of_log(attention - largest + jax.nn.log_sigmoid(logits))}


def logit_of_log(log_score: jax.Array) -> jax.Array:
  """Returns the logit of a score in (0, 1) that is given by its logarithm."""
  log_score = jnp.minimum(log_score, -1e-7)
  return log_score - jnp.log(-jnp.expm1(log_score))


def create_method(config: ml_collections.ConfigDict) -> Asa:
  """Returns the method that a config describes."""
  network = ActorNetwork(
      units=config.baseline.units,
      feature_normalization=config.model.feature_normalization,
      dropout_rate=config.model.dropout_rate,
  )
  return Asa(learning_rate=config.train.learning_rate, network=network)
