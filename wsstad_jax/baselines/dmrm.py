"""DMRM: deep multiple instance ranking (Sultani 2018), over tubes as in the paper's Table 1.

Follows the authors' code, whose bag of 32 segments is here the bag of tube instances.
"""

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections
import optax

from wsstad_jax.losses.ranking import ranking_loss
from wsstad_jax.losses.sequence import smoothness, sparsity
from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training.method import Learner
from wsstad_jax.training.step import read_instances


@dataclasses.dataclass(frozen=True)
class Dmrm(Learner):
  """Ranks the max instances of all pairs of bags; scores of a bag are few and change slowly.

  Attributes:
    network: dense layers of 512, 32 and 1 units on features of length 1.
    sparsity: factor of the sum of the scores of anomalous bags.
    smoothness: factor of the squared differences of scores of neighbours in time.
    kernel_l2: factor of the squared kernels.
  """

  network: BranchNetwork
  sparsity: float
  smoothness: float
  kernel_l2: float

  @property
  def optimizer(self):
    return optax.adagrad(self.learning_rate, initial_accumulator_value=0.0, eps=1e-8)

  def init(self, rng, instances):
    return {'tube': self.network.init(rng, instances)['params']}

  def loss(self, params, batch, *, rng, **_):
    regions, *_ = read_instances(batch)
    logits = self.network.apply(
        {'params': params['tube']}, regions, train=True, rngs={'dropout': rng}
    )
    loss = dmrm_loss(
        jax.nn.sigmoid(logits), regions.spans, batch['label'], regions.mask,
        sparsity_factor=self.sparsity, smoothness_factor=self.smoothness,
    )
    kernels = [leaf for leaf in jax.tree.leaves(params['tube']) if leaf.ndim > 1]
    return loss + self.kernel_l2 * sum(jnp.sum(kernel**2) for kernel in kernels), {}

  def bag_logits(self, *, params, batch):
    regions, *_ = read_instances(batch)
    return {'tube': self.network.apply({'params': params['tube']}, regions)}


def dmrm_loss(
    scores: jax.Array,
    spans: jax.Array,
    label: jax.Array,
    where: jax.Array,
    *,
    sparsity_factor: float,
    smoothness_factor: float,
) -> jax.Array:
  """Returns the loss of the authors' code without the L2 of kernels.

  1/n sum over normal bags, sum over anomalous bags of max(0, 1 - max s_a + max s_n), where n is
  the number of normal bags, plus sparsity and smoothness summed over anomalous bags.

  Args:
    scores: [b, t] in [0, 1].
    spans: int32 [b, t, 2], frames start, stop.
    label: [b], 1 = anomalous, 0 = normal.
    where: bool [b, t], True = real.
    sparsity_factor: 8e-5 in the code.
    smoothness_factor: 8e-5 in the code.
  """
  real = where.any(axis=-1)
  positive, negative = real & (label == 1), real & (label == 0)
  highest = jnp.max(jnp.where(where, scores, 0), axis=-1)
  pairs = ranking_loss(highest, highest, where_positive=positive, where_negative=negative)
  return (
      jnp.sum(positive) * pairs
      + sparsity_factor * jnp.sum(jnp.where(positive, sparsity(scores, where), 0))
      + smoothness_factor * jnp.sum(jnp.where(positive, smoothness(scores, spans, where), 0))
  )


def create_method(config: ml_collections.ConfigDict) -> Dmrm:
  """Returns the method that a config describes."""
  return Dmrm(
      learning_rate=config.train.learning_rate,
      network=BranchNetwork(**{**config.model, 'relation': 'none'}),
      **config.baseline,
  )
