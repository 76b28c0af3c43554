"""What training changes: the parameters and optimizer state of each branch."""

import dataclasses
import math
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from wsstad_jax.models.branches import BranchNetwork, Instances


@flax.struct.dataclass
class Branch:
  """What one branch has learned, and its optimizer's memory of it."""

  params: Any
  opt_state: optax.OptState


@flax.struct.dataclass
class TrainState:
  """The whole state of training, but for the position in the data.

  Attributes:
    step: int32, steps done.
    rng: the key of all noise; never advanced, the noise of a step is folded in from `step`.
    tube: sees the regions of tubes.
    temporal: sees videolets and whole images.
  """

  step: jax.Array
  rng: jax.Array
  tube: Branch
  temporal: Branch

  @property
  def params(self) -> dict[str, Any]:
    """The parameters of both branches, as `bag_logits` takes them."""
    return {'tube': self.tube.params, 'temporal': self.temporal.params}


@dataclasses.dataclass(frozen=True)
class Networks:
  """The functions of both branches; their parameters are in `TrainState`."""

  tube: BranchNetwork
  temporal: BranchNetwork


def create_optimizer(
    learning_rate: float = 5e-4, *, weight_decay: float = 0.0, max_norm: float = math.inf
) -> optax.GradientTransformation:
  """Returns Adam (paper: 5e-4).

  Args:
    learning_rate: constant.
    weight_decay: of kernels, decoupled from the gradient; biases do not decay.
    max_norm: longer gradients of a branch are shortened to it.
  """
  adam = optax.adamw(
      learning_rate,
      weight_decay=weight_decay,
      mask=lambda params: jax.tree.map(lambda array: array.ndim > 1, params),
  )
  return adam if math.isinf(max_norm) else optax.chain(optax.clip_by_global_norm(max_norm), adam)


def create_state(
    networks: Networks,
    optimizer: optax.GradientTransformation,
    *,
    rng: jax.Array,
    feature_dim: int,
) -> TrainState:
  """Returns the state before the first step; the branches start from different weights."""
  one_bag = Instances(
      features=jnp.zeros((1, 1, feature_dim)),
      mask=jnp.ones((1, 1), bool),
      spans=jnp.zeros((1, 1, 2), jnp.int32),
  )
  tube_rng, temporal_rng, rng = jax.random.split(rng, 3)

  def create_branch(network, branch_rng):
    params = network.init(branch_rng, one_bag)['params']
    return Branch(params=params, opt_state=optimizer.init(params))

  return TrainState(
      step=jnp.zeros((), jnp.int32),
      rng=rng,
      tube=create_branch(networks.tube, tube_rng),
      temporal=create_branch(networks.temporal, temporal_rng),
  )
