"""One branch of the paper's model without the other (Table 2)."""

import dataclasses

import jax.numpy as jnp
import ml_collections

from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training.method import Learner
from wsstad_jax.training.state import create_optimizer
from wsstad_jax.training.step import Objective, objective_fn, read_instances


@dataclasses.dataclass(frozen=True)
class SingleBranch(Learner):
  """Learns regions of tubes, or learns videolets and is shown whole images of tubes then.

  Nobody guides it: what would be guidance is 1, so that L_MG-Rank is L_Rank.

  Attributes:
    branch: 'tube' or 'temporal'.
    network: of the branch.
    objective: its loss.
    weight_decay: of kernels.
  """

  branch: str
  network: BranchNetwork
  objective: Objective
  weight_decay: float

  @property
  def branches(self):
    return (self.branch,)

  @property
  def optimizer(self):
    return create_optimizer(self.learning_rate, weight_decay=self.weight_decay)

  def init(self, rng, instances):
    return {self.branch: self.network.init(rng, instances)['params']}

  def loss(self, params, batch, *, rng, **_):
    regions, _, videolets = read_instances(batch)
    instances = regions if self.branch == 'tube' else videolets
    loss, metrics = objective_fn(
        params[self.branch], self.network, instances, batch['label'],
        _no_guide, rng, self.objective,
    )
    return loss, metrics

  def bag_logits(self, *, params, batch):
    regions, images, _ = read_instances(batch)
    shown = regions if self.branch == 'tube' else images
    return {self.branch: self.network.apply({'params': params[self.branch]}, shown)}


def _no_guide(rows, context):
  del context
  return jnp.ones(rows.shape)


def create_method(config: ml_collections.ConfigDict) -> SingleBranch:
  """Returns the method that a config describes."""
  return SingleBranch(
      branch=config.baseline.branch,
      network=BranchNetwork(**config.model),
      objective=Objective(**config.loss),
      learning_rate=config.train.learning_rate,
      weight_decay=config.train.weight_decay,
  )
