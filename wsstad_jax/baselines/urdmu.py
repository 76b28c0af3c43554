"""UR-DMU's head: dual memories with uncertainty (Zhou 2023), on tubes.

Losses, factors and sizes follow the authors' code. Its transformer block is one attention over
the bag, half of it by likeness and half by nearness in time, as theirs is global and local.
"""

import dataclasses

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import optax

from wsstad_jax.losses.classification import cross_entropy_of_scores
from wsstad_jax.losses.reduction import masked_mean
from wsstad_jax.models.attention import MultiHeadSelfAttention
from wsstad_jax.models.branches import Instances
from wsstad_jax.models.gcn import temporal_graph
from wsstad_jax.training.method import Learner
from wsstad_jax.training.step import read_instances

_TOP_DIVISOR = 16  # t // 16 + 1 entries stand for a bag, 60 // 16 + 1 for a memory


@flax.struct.dataclass
class Reading:
  """What the network says of a batch: [b, t] for scalars, [b, t, d] for features.

  Attributes:
    logits: of abnormality.
    features: of instances in their bag.
    normal_recall: in (0, 1), how well the normal memory knows an instance.
    anomaly_recall: likewise.
    normal_mean: mean of the distribution of what the normal memory recalls.
    normal_log_variance: its log variance.
    normal_sample: drawn from it in training, else its mean.
    anomaly_mean: the same encoding of what the anomaly memory recalls.
  """

  logits: jax.Array
  features: jax.Array
  normal_recall: jax.Array
  anomaly_recall: jax.Array
  normal_mean: jax.Array
  normal_log_variance: jax.Array
  normal_sample: jax.Array
  anomaly_mean: jax.Array


class Memory(nn.Module):
  """A table of `slots` features that instances are compared with."""

  slots: int

  @nn.compact
  def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the mean of the best matches, [b, t], and what is recalled, [b, t, d]."""
    table = self.param('table', nn.initializers.glorot_uniform(), (self.slots, x.shape[-1]))
    matches = jax.nn.sigmoid(x @ table.T * x.shape[-1] ** -0.5)  # [b, t, slots]
    best = jax.lax.top_k(matches, self.slots // _TOP_DIVISOR + 1)[0].mean(axis=-1)
    return best, matches @ table


class MemoryNetwork(nn.Module):
  """Instances in their bag, what two memories recall of them, and a scorer on both.

  Attributes:
    units: of features.
    slots: of each memory.
    num_heads: of the attention.
    dropout_rate: after the attention.
  """

  units: int
  slots: int
  num_heads: int
  dropout_rate: float

  @nn.compact
  def __call__(self, instances: Instances, label: jax.Array, *, train: bool = False) -> Reading:
    """Returns the reading of a batch; `label` [b] is looked at in training alone."""
    x = instances.prepare('none').features
    x = nn.relu(nn.Dense(self.units, name='embedding')(x))
    pairs = instances.mask[:, :, None] & instances.mask[:, None, :]
    alike = MultiHeadSelfAttention(self.num_heads, 1.0, name='global')(x, x, pairs)
    near = temporal_graph(instances.spans, instances.mask) @ nn.Dense(self.units, name='local')(x)
    x = nn.LayerNorm(name='norm')((alike + near) / 2 + x)
    x = nn.Dropout(self.dropout_rate, broadcast_dims=(1,), deterministic=not train)(x)
    normal_recall, normal = Memory(self.slots, name='normal')(x)
    anomaly_recall, anomaly = Memory(self.slots, name='anomaly')(x)
    encode = nn.Dense(self.units, name='mean')
    spread = nn.Dense(self.units, name='log_variance')
    mean, log_variance = nn.relu(encode(normal)), nn.relu(spread(normal))
    sample = mean
    if train:  # of normal bags alone is the normal memory's answer uncertain
      noise = jax.random.normal(self.make_rng('dropout'), mean.shape)
      noise = jnp.where((label == 0)[:, None, None], noise, 0)
      sample = mean + noise * jnp.exp(log_variance / 2)
    anomaly_mean = nn.relu(encode(anomaly))
    both = jnp.concatenate([x, sample + anomaly_mean], axis=-1)
    logits = nn.Dense(1, name='score')(nn.relu(nn.Dense(128, name='scorer')(both)))[..., 0]
    return Reading(
        logits, x, normal_recall, anomaly_recall, mean, log_variance, sample, anomaly_mean
    )


@dataclasses.dataclass(frozen=True)
class Urdmu(Learner):
  """Stores what is normal and what is not in two memories, and scores by both.

  Attributes:
    network: see there.
    memory: factor of each term on recalls.
    triplet: factor of the term that parts abnormal from normal features.
    divergence: factor of the KL term.
    distance: factor of the term that parts the lengths of what is recalled.
    margin: of these lengths.
  """

  network: MemoryNetwork
  memory: float
  triplet: float
  divergence: float
  distance: float
  margin: float

  @property
  def optimizer(self):
    return optax.adamw(self.learning_rate, weight_decay=5e-5)

  def init(self, rng, instances):
    return {'tube': self.network.init(rng, instances, jnp.zeros(1, jnp.int32))['params']}

  def loss(self, params, batch, *, rng, **_):
    regions, *_ = read_instances(batch)
    label, mask = batch['label'], regions.mask
    reading = self.network.apply(
        {'params': params['tube']}, regions, label, train=True, rngs={'dropout': rng}
    )
    real = mask.any(axis=-1)
    positive, negative = real & (label == 1), real & (label == 0)
    scores = jax.nn.sigmoid(reading.logits)
    told = cross_entropy_of_scores(
        masked_mean(scores, top_part(scores, mask), axis=-1), label, where=real
    )
    parts = {
        'memory': memory_loss(reading, mask, positive, negative),
        'triplet': triplet_loss(reading, mask, positive, negative),
        'divergence': divergence(reading, mask & negative[:, None]),
        'distance': distance_loss(reading, mask, positive, negative, self.margin),
    }
    return told + sum(getattr(self, name) * part for name, part in parts.items()), parts

  def bag_logits(self, *, params, batch):
    regions, *_ = read_instances(batch)
    return {'tube': self.network.apply({'params': params['tube']}, regions, batch['label']).logits}


def top_part(values: jax.Array, where: jax.Array) -> jax.Array:
  """Returns which n // 16 + 1 of the n real entries of a row are the highest, bool [b, t]."""
  count = where.sum(axis=-1, keepdims=True) // _TOP_DIVISOR + 1
  order = jnp.argsort(jnp.where(where, -values, jnp.inf), axis=-1)
  return where & (jnp.argsort(order, axis=-1) < count)


def memory_loss(
    reading: Reading, mask: jax.Array, positive: jax.Array, negative: jax.Array
) -> jax.Array:
  """Returns what the memories should know, four cross-entropies.

  Something of an anomalous bag is known to the anomaly memory and unknown to the normal one; all
  of a normal bag is known to the normal memory and nothing of it to the anomaly one.
  """

  def some(recall):
    return masked_mean(recall, top_part(recall, mask), axis=-1)

  every = mask & negative[:, None]
  return (
      masked_mean(_minus_log(some(reading.anomaly_recall)), positive)
      + masked_mean(_minus_log(some(1 - reading.normal_recall)), positive)
      + masked_mean(_minus_log(reading.normal_recall), every)
      + masked_mean(_minus_log(1 - reading.anomaly_recall), every)
  )


def triplet_loss(
    reading: Reading, mask: jax.Array, positive: jax.Array, negative: jax.Array
) -> jax.Array:
  """Returns the mean over pairs of max(0, 1 + |n - p| - |n - a|).

  n is the mean feature of what the normal memory knows best of a normal bag, p the same of an
  anomalous bag, a of what the anomaly memory knows best of that; all of length 1. Every pair of
  bags counts; in the code those of equal place do.
  """
  known = _unit(_mean_feature(reading.features, top_part(reading.normal_recall, mask)))
  strange = _unit(_mean_feature(reading.features, top_part(reading.anomaly_recall, mask)))
  pairs = 1 + _distances(known, known) - _distances(known, strange)  # [normal bag, anomalous bag]
  return masked_mean(jnp.maximum(pairs, 0), negative[:, None] & positive[None, :])


def divergence(reading: Reading, where: jax.Array) -> jax.Array:
  """Returns the KL divergence of what is recalled from a standard normal, a mean over `where`."""
  mean, log_variance = reading.normal_mean, reading.normal_log_variance
  terms = 1 + log_variance - mean**2 - jnp.exp(log_variance)
  return masked_mean(-0.5 * terms.sum(axis=-1), where)


def distance_loss(
    reading: Reading, mask: jax.Array, positive: jax.Array, negative: jax.Array, margin: float
) -> jax.Array:
  """Returns the mean over pairs of max(0, margin - |what a recalls| + |what n recalls|)."""
  strange = _mean_feature(reading.anomaly_mean, top_part(reading.anomaly_recall, mask))
  known = _mean_feature(reading.normal_sample, top_part(reading.normal_recall, mask))
  pairs = margin - _length(strange)[:, None] + _length(known)[None, :]
  return masked_mean(jnp.maximum(pairs, 0), positive[:, None] & negative[None, :])


def _mean_feature(features, chosen):
  count = jnp.maximum(chosen.sum(axis=-1, keepdims=True), 1)
  return jnp.sum(jnp.where(chosen[..., None], features, 0), axis=1) / count


def _length(x):
  return jnp.sqrt(jnp.sum(x**2, axis=-1) + 1e-12)


def _unit(x):
  return x / _length(x)[..., None]


def _distances(a, b):
  return _length(a[:, None] - b[None, :])


def _minus_log(x):
  return -jnp.log(jnp.maximum(x, 1e-6))


def create_method(config: ml_collections.ConfigDict) -> Urdmu:
  """Returns the method that a config describes."""
  settings = {**config.baseline}
  network = MemoryNetwork(
      units=settings.pop('units'),
      slots=settings.pop('slots'),
      num_heads=config.model.num_heads,
      dropout_rate=config.model.dropout_rate,
  )
  return Urdmu(learning_rate=config.train.learning_rate, network=network, **settings)
