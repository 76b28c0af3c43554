"""The paper's method: two branches that learn in turn, each guided by the other."""

import dataclasses

import jax
import ml_collections

from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training import state as state_lib
from wsstad_jax.training import step as step_lib
from wsstad_jax.training.method import Batch, Metrics, Params

_PHASES = ('temporal', 'tube')  # by psi (eq. 6)


@dataclasses.dataclass(frozen=True)
class Mgpr:
  """Mutually-guided progressive refinement, a `Method`.

  Attributes:
    networks: of both branches.
    objective: the loss of each.
    learning_rate: of Adam.
    weight_decay: of kernels.
  """

  networks: state_lib.Networks
  objective: step_lib.Objective
  learning_rate: float
  weight_decay: float = 0.0

  @property
  def optimizer(self):
    """That of each branch."""
    return state_lib.create_optimizer(self.learning_rate, weight_decay=self.weight_decay)

  def phase(self, step: int) -> str:
    """Returns the branch that learns: the first step trains the temporal one (psi = 0)."""
    return _PHASES[step % 2]

  def create_state(self, *, rng: jax.Array, feature_dim: int) -> state_lib.TrainState:
    """Returns the state before the first step."""
    return state_lib.create_state(
        self.networks, self.optimizer, rng=rng, feature_dim=feature_dim
    )

  def train_step(
      self, *, state: state_lib.TrainState, batch: Batch
  ) -> tuple[state_lib.TrainState, Metrics]:
    """Lets the branch of `phase` learn."""
    return step_lib.train_step(
        state=state,
        batch=batch,
        psi=state.step % 2,
        networks=self.networks,
        optimizer=self.optimizer,
        objective=self.objective,
    )

  def bag_logits(self, *, params: Params, batch: Batch) -> dict[str, jax.Array]:
    """Returns what both branches say of every tube instance of every bag."""
    return step_lib.bag_logits(params=params, batch=batch, networks=self.networks)


def create_method(config: ml_collections.ConfigDict) -> Mgpr:
  """Returns the method that a config describes."""
  return Mgpr(
      networks=state_lib.Networks(
          tube=BranchNetwork(**config.model), temporal=BranchNetwork(**config.model)
      ),
      objective=step_lib.Objective(**config.loss),
      learning_rate=config.train.learning_rate,
      weight_decay=config.train.weight_decay,
  )
