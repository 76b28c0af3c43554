"""A trained model and the scores it gives to bags, as evaluation and prediction share them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
import dataclasses
import itertools
from typing import Any

import jax
import ml_collections
import numpy as np

from wsstad_jax.core.records import Tube
from wsstad_jax.data import bags
from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training.state import Networks
from wsstad_jax.training.step import score_bags

_BAGS_A_CALL = 8


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


def create_networks(config: ml_collections.ConfigDict) -> Networks:
  """Returns the functions of both branches."""
  return Networks(tube=BranchNetwork(**config.model), temporal=BranchNetwork(**config.model))


def create_score_fn(networks: Networks, params: Mapping[str, Any]) -> ScoreFn:
  """Returns a function that scores bags with these parameters."""
  compiled = jax.jit(lambda params, batch: score_bags(params=params, batch=batch, networks=networks))

  def score_fn(bags_in_order):
    bags_in_order = iter(bags_in_order)
    while chunk := list(itertools.islice(bags_in_order, _BAGS_A_CALL)):
      filled = chunk + chunk[-1:] * (_BAGS_A_CALL - len(chunk))  # one shape for all calls
      logits = jax.tree.map(np.asarray, compiled(params, bags.stack_bags(filled)))
      for row, bag in enumerate(chunk):
        real = np.flatnonzero(bag['tube_mask'])
        # In float64 the sigmoids of sure branches still differ, so that the best stands out.
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
