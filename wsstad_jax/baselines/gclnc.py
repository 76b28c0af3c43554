"""GCLNC: a graph network cleans the labels that a classifier learns from (Zhong 2019).

Layers, graphs, the shares and the alternation follow the authors' code. Three things had to be
replaced: their action classifier by the scorer of all methods here, as features are given; ten
crops by passes with different dropout; the running mean of each snippet's own past by what a
running mean of the cleaner's weights says, so that batches need no memory of their videos.
"""

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import optax

from wsstad_jax.losses.instances import share_of_highest
from wsstad_jax.losses.reduction import masked_mean
from wsstad_jax.models.branches import BranchNetwork, Instances
from wsstad_jax.models.gcn import GraphConvolution, similarity_graph, temporal_graph
from wsstad_jax.training.method import Learner
from wsstad_jax.training.step import read_instances


class Cleaner(nn.Module):
  """Two graph networks on compressed features, averaged; used in training alone.

  Attributes:
    feature_normalization: see `Instances.prepare`.
    dropout_rate: of both dense layers.
  """

  feature_normalization: str
  dropout_rate: float

  @nn.compact
  def __call__(self, instances: Instances, *, train: bool = False) -> jax.Array:
    """Returns logits, float32 [b, t]."""
    x = instances.prepare(self.feature_normalization).features
    for units in (512, 128):
      x = nn.relu(nn.Dense(units, kernel_init=nn.initializers.glorot_normal())(x))
      x = nn.Dropout(self.dropout_rate, broadcast_dims=(1,), deterministic=not train)(x)
    graphs = similarity_graph(x, instances.mask), temporal_graph(instances.spans, instances.mask)
    both = [GraphConvolution(32, 1)(x, graph, train=train)[..., 0] for graph in graphs]
    return sum(both) / 2


@dataclasses.dataclass(frozen=True)
class Gclnc(Learner):
  """Trains the classifier on labels of bags, then in turn the cleaner and, on cleaned ones, it.

  Attributes:
    classifier: all that is used at test.
    cleaner: learns to agree with the classifier where that is sure.
    stage_steps: steps between changes of who learns.
    confident_share: of the instances of a bag, the least varying are what the cleaner learns.
    num_passes: with dropout, over which scores vary.
    past_weight: of staying near its own past in the loss of the cleaner.
    past_decay: of the running mean of the cleaner's weights.
    momentum: of SGD.
    weight_decay: of kernels, added to the gradient.
  """

  classifier: BranchNetwork
  cleaner: Cleaner
  stage_steps: int
  confident_share: float
  num_passes: int
  past_weight: float
  past_decay: float
  momentum: float
  weight_decay: float
  branches: ClassVar[tuple[str, ...]] = ('tube', 'cleaner')

  @property
  def optimizer(self):
    decay = optax.add_decayed_weights(
        self.weight_decay, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)
    )
    return optax.chain(decay, optax.sgd(self.learning_rate, self.momentum))

  def phase_index(self, step):
    return (step // self.stage_steps) % 2

  def init(self, rng, instances):
    tube_rng, cleaner_rng = jax.random.split(rng)
    return {
        'tube': self.classifier.init(tube_rng, instances)['params'],
        'cleaner': self.cleaner.init(cleaner_rng, instances)['params'],
    }

  def remember(self, state):
    """Returns the running mean of the cleaner's weights, and whether it has learned anything."""
    own = state.params['cleaner']
    if not state.memory:
      return {'cleaner': jax.tree.map(jnp.copy, own), 'cleaned': jnp.zeros((), bool)}
    learned = self.phase_index(state.step - 1) == 1
    decay = jnp.where(learned, self.past_decay, 1.0)
    past = jax.tree.map(lambda a, b: decay * a + (1 - decay) * b, state.memory['cleaner'], own)
    return {'cleaner': past, 'cleaned': state.memory['cleaned'] | learned}

  def loss(self, params, batch, *, branch, rng, memory):
    regions, *_ = read_instances(batch)
    if branch == 'tube':
      soft = soft_labels(self.cleaner.apply({'params': params['cleaner']}, regions), regions.mask)
      targets = jnp.where(memory['cleaned'], soft, 1) * (batch['label'] == 1)[:, None]
      logits = self._classify(params, regions, rng)
      return balanced_entropy(logits, targets, batch['label'], regions.mask), {}
    passes = jnp.stack([
        jax.nn.sigmoid(self._classify(params, regions, pass_rng))
        for pass_rng in jax.random.split(rng, self.num_passes)
    ])
    anomalous = regions.mask & (batch['label'] == 1)[:, None]
    sure = share_of_highest(-passes.var(axis=0), anomalous, self.confident_share)
    logits = self.cleaner.apply(
        {'params': params['cleaner']}, regions, train=True, rngs={'dropout': rng}
    )
    agreement = optax.sigmoid_binary_cross_entropy(logits, passes.mean(axis=0))
    past = jax.nn.sigmoid(self.cleaner.apply({'params': memory['cleaner']}, regions))
    change = masked_mean(jnp.abs(jax.nn.sigmoid(logits) - past), anomalous)
    return masked_mean(agreement, sure) + self.past_weight * change, {}

  def bag_logits(self, *, params, batch):
    regions, *_ = read_instances(batch)
    return {'tube': self.classifier.apply({'params': params['tube']}, regions)}

  def _classify(self, params, regions, rng):
    return self.classifier.apply(
        {'params': params['tube']}, regions, train=True, rngs={'dropout': rng}
    )


def soft_labels(logits: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the scores of each bag stretched to 0 .. 1, [b, t]; 1 if all are equal.

  Args:
    logits: [b, t], of the cleaner.
    where: bool [b, t], True = real.
  """
  scores = jax.nn.sigmoid(logits)
  low = jnp.min(jnp.where(where, scores, 1), axis=-1, keepdims=True)
  high = jnp.max(jnp.where(where, scores, 0), axis=-1, keepdims=True)
  stretched = (scores - low) / jnp.maximum(high - low, 1e-12)
  return jnp.where(where, jnp.where(high > low, stretched, 1), 0)


def balanced_entropy(
    logits: jax.Array, targets: jax.Array, label: jax.Array, where: jax.Array
) -> jax.Array:
  """Returns the cross-entropy with soft targets, a mean over the instances of either label.

  Args:
    logits: [b, t].
    targets: [b, t] in [0, 1].
    label: [b], 1 or 0.
    where: bool [b, t], True = real.
  """
  entropy = optax.sigmoid_binary_cross_entropy(logits, targets)
  positive = (label == 1)[:, None]
  return masked_mean(entropy, where & positive) + masked_mean(entropy, where & ~positive)


def create_method(config: ml_collections.ConfigDict) -> Gclnc:
  """Returns the method that a config describes."""
  settings = {**config.baseline}
  stages = 2 * settings.pop('num_rounds') + 1  # the classifier has the first word and the last
  return Gclnc(
      learning_rate=config.train.learning_rate,
      weight_decay=config.train.weight_decay,
      classifier=BranchNetwork(**{**config.model, 'relation': 'none'}),
      cleaner=Cleaner(config.model.feature_normalization, config.model.dropout_rate),
      stage_steps=-(-config.train.num_steps // stages),
      **settings,
  )
