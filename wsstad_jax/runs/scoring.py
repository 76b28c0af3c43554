"""A trained model and the scores it gives to bags, as evaluation and prediction share them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
import dataclasses
import itertools
import os
from typing import Any

import jax
import ml_collections
import numpy as np
import optax

from wsstad_jax.core.records import Tube
from wsstad_jax.data import bags
from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.models.c3d import C3D
from wsstad_jax.training.checkpoints import Checkpoints
from wsstad_jax.training.state import Networks, TrainState, create_optimizer, create_state
from wsstad_jax.training.step import bag_logits

_BAGS_A_CALL = 8
# One for all parameters: validation scores with new ones again and again.
_logits_fn = jax.jit(bag_logits, static_argnames='networks')


@dataclasses.dataclass(frozen=True)
class Scores:
  """Of every real instance of a bag: float64 [t], in (0, 1).

  Attributes:
    fused: the mean of both branches (eq. 9).
    tube: by the tube branch, from the region.
    temporal: by the temporal branch, from the whole image.
  """

  fused: np.ndarray
  tube: np.ndarray
  temporal: np.ndarray


# From bags to pairs (bag, its scores), in order.
ScoreFn = Callable[[Iterable[bags.Bag]], Iterator[tuple[bags.Bag, Scores]]]


def create_training(
    config: ml_collections.ConfigDict,
) -> tuple[Networks, optax.GradientTransformation, TrainState]:
  """Returns what training starts with: networks, optimizer and the state before the first step."""
  networks = Networks(tube=BranchNetwork(**config.model), temporal=BranchNetwork(**config.model))
  optimizer = create_optimizer(config.train.learning_rate, weight_decay=config.train.weight_decay)
  state = create_state(
      networks,
      optimizer,
      rng=jax.random.key(config.seed),
      feature_dim=C3D(config.c3d.width).feature_dim,
  )
  return networks, optimizer, state


def open_checkpoints(workdir: str) -> Checkpoints:
  """Returns the checkpoints of a run."""
  return Checkpoints(os.path.join(workdir, 'checkpoints'))


def restore_score_fn(config: ml_collections.ConfigDict, workdir: str) -> ScoreFn:
  """Returns the scores by the best checkpoint of a run.

  Raises:
    UserError: there is none, or it is damaged or of another architecture.
  """
  networks, _, state = create_training(config)
  with open_checkpoints(workdir) as checkpoints:
    return create_score_fn(networks, checkpoints.restore_best(state).params)


def create_score_fn(networks: Networks, params: Mapping[str, Any]) -> ScoreFn:
  """Returns a function that scores bags with these parameters."""

  def score_fn(bags_in_order):
    bags_in_order = iter(bags_in_order)
    while chunk := list(itertools.islice(bags_in_order, _BAGS_A_CALL)):
      filled = chunk + chunk[-1:] * (_BAGS_A_CALL - len(chunk))  # one shape for all calls
      logits = _logits_fn(params=params, batch=bags.stack_bags(filled), networks=networks)
      logits = jax.tree.map(np.asarray, logits)
      for row, bag in enumerate(chunk):
        real = np.flatnonzero(bag['tube_mask'])
        # Eq. 9, in float64: there the sigmoids of sure branches still differ.
        tube, temporal = (
            1 / (1 + np.exp(-logits[name][row, real].astype(np.float64)))
            for name in ('tube', 'temporal')
        )
        yield bag, Scores((tube + temporal) / 2, tube, temporal)

  return score_fn


def scored_tubes(bag: bags.Bag, scores: Scores) -> list[Tube]:
  """Returns the instances of a bag with their fused scores."""
  return [
      dataclasses.replace(bags.instance_tube(bag, index), score=float(score))
      for index, score in enumerate(scores.fused)
  ]
