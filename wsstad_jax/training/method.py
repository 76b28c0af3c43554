"""What a method is to the runs, and the training that methods of one loss share."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any, ClassVar, Protocol

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax
import optax

from wsstad_jax.models.branches import Instances
from wsstad_jax.training.state import Branch, create_optimizer

Batch = Mapping[str, jax.Array]
Params = dict[str, Any]
Metrics = dict[str, jax.Array]


class Method(Protocol):
  """A way to learn from the labels of bags how abnormal their instances are.

  Methods are frozen and hashable: equal ones share their compiled code. Whatever a state is, it
  has `step` (int32, steps done) and `params`, and is written to checkpoints as a whole.
  """

  def phase(self, step: int) -> str:
    """Returns the name of what the step after `step` steps trains, for the record of losses."""

  def create_state(self, *, rng: jax.Array, feature_dim: int) -> Any:
    """Returns the state before the first step."""

  def train_step(self, *, state: Any, batch: Batch) -> tuple[Any, Metrics]:
    """Returns the state after one step, and scalars of it, among them 'loss'."""

  def bag_logits(self, *, params: Params, batch: Batch) -> dict[str, jax.Array]:
    """Returns logits [b, T] of the tube instances by 'tube', 'temporal' or both (eq. 9)."""


@flax.struct.dataclass
class LearnerState:
  """The state of a `Learner`.

  Attributes:
    step: int32, steps done.
    rng: the key of all noise; never advanced, the noise of a step is folded in from `step`.
    branches: what learns, by name.
    memory: what the method remembers besides, see `Learner.remember`.
  """

  step: jax.Array
  rng: jax.Array
  branches: dict[str, Branch]
  memory: Any

  @property
  def params(self) -> Params:
    """The parameters of each branch."""
    return {name: branch.params for name, branch in self.branches.items()}


@dataclasses.dataclass(frozen=True)
class Learner:
  """A method that needs to say only how to start (`init`), its `loss` and its `bag_logits`.

  Attributes:
    learning_rate: constant.
    branches: names of what learns, one of them each step, in turn; the others rest to the bit.
  """

  learning_rate: float
  branches: ClassVar[tuple[str, ...]] = ('tube',)

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """That of each branch: Adam, if a method does not say otherwise."""
    return create_optimizer(self.learning_rate)

  def init(self, rng: jax.Array, instances: Instances) -> Params:
    """Returns the first parameters of each branch, given any instances."""
    raise NotImplementedError

  def loss(
      self, params: Params, batch: Batch, *, branch: str, rng: jax.Array, memory: Any
  ) -> tuple[jax.Array, Metrics]:
    """Returns what the branch is to make small, and other scalars of interest.

    Args:
      params: of all branches; the gradient is taken with respect to those of `branch`.
      batch: arrays by the names of `data.bags.MODEL_KEYS`; bags of both labels, in any order.
      branch: the name of what learns.
      rng: of the noise of this step.
      memory: see `remember`.
    """
    raise NotImplementedError

  def remember(self, state: LearnerState) -> Any:
    """Returns the memory of a state without one: before the first step and after each."""
    return state.memory

  def phase_index(self, step: jax.Array | int) -> jax.Array | int:
    """Returns the index of the branch that learns in the step after `step` steps."""
    return step % len(self.branches)

  def phase(self, step: int) -> str:
    """See `Method`."""
    return self.branches[self.phase_index(step)]

  def create_state(self, *, rng: jax.Array, feature_dim: int) -> LearnerState:
    """See `Method`."""
    init_rng, rng = jax.random.split(rng)
    params = self.init(init_rng, create_instances(feature_dim))
    branches = {name: Branch(own, self.optimizer.init(own)) for name, own in params.items()}
    state = LearnerState(jnp.zeros((), jnp.int32), rng, branches, memory={})
    return state.replace(memory=self.remember(state))

  def train_step(self, *, state: LearnerState, batch: Batch) -> tuple[LearnerState, Metrics]:
    """See `Method`."""
    rng = jax.random.fold_in(state.rng, state.step)

    def update(name):
      branch = state.branches[name]

      def loss_fn(own):
        params = state.params | {name: own}
        return self.loss(params, batch, branch=name, rng=rng, memory=state.memory)

      (loss, metrics), grads = jax.value_and_grad(loss_fn, has_aux=True)(branch.params)
      updates, opt_state = self.optimizer.update(grads, branch.opt_state, branch.params)
      learned = Branch(optax.apply_updates(branch.params, updates), opt_state)
      return state.branches | {name: learned}, {'loss': loss, **metrics}

    updates = [functools.partial(update, name) for name in self.branches]
    branches, metrics = lax.switch(self.phase_index(state.step), updates)
    state = state.replace(step=state.step + 1, branches=branches)
    return state.replace(memory=self.remember(state)), metrics


def create_instances(feature_dim: int) -> Instances:
  """Returns a bag of one instance without content, from which networks learn their shapes."""
  return Instances(
      features=jnp.zeros((1, 1, feature_dim)),
      mask=jnp.ones((1, 1), bool),
      spans=jnp.zeros((1, 1, 2), jnp.int32),
  )
