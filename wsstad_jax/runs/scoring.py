"""A method and the scores it gives to bags, as training, evaluation and prediction share them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
import dataclasses
import functools
import importlib
import itertools
import os
from typing import Any, Protocol

import jax
import ml_collections
import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube
from wsstad_jax.data import bags
from wsstad_jax.training.checkpoints import Checkpoints
from wsstad_jax.training.method import Method
from wsstad_jax.tubes import agreement
from wsstad_jax.tubes import growing

_BAGS_A_CALL = 8


class Yardstick(Protocol):
  """What stands in for a method that learns nothing."""

  def score_bag(self, bag: bags.Bag) -> np.ndarray:
    """Returns the score [t] of each real instance, in [0, 1]."""


@dataclasses.dataclass(frozen=True)
class Scores:
  """Of every real instance of a bag: float64 [t], in (0, 1).

  Attributes:
    fused: the mean of both branches (eq. 9), or of those of `config.evaluate.branches`.
    tube: by the tube branch, from the region; `fused` itself of a method without that branch.
    temporal: by the temporal branch, from the whole image; likewise.
  """

  fused: np.ndarray
  tube: np.ndarray
  temporal: np.ndarray


# From bags to pairs (bag, its scores), in order. A bag may come back without instances that the
# config leaves out.
ScoreFn = Callable[[Iterable[bags.Bag]], Iterator[tuple[bags.Bag, Scores]]]


def create_method(config: ml_collections.ConfigDict) -> Method | Yardstick:
  """Returns the method of a config, made by the module `config.learner` below wsstad_jax.

  Raises:
    UserError: there is no such module.
  """
  try:
    module = importlib.import_module(f'wsstad_jax.{config.learner}')
  except ModuleNotFoundError as error:
    raise UserError(
        f'config.learner={config.learner!r} cannot be imported ({error}); see '
        'docs/add_a_method.md.'
    ) from error
  return module.create_method(config)


def create_state(method: Method, config: ml_collections.ConfigDict, feature_dim: int) -> Any:
  """Returns the state of a method before the first step."""
  return method.create_state(rng=jax.random.key(config.seed), feature_dim=feature_dim)


def open_checkpoints(workdir: str) -> Checkpoints:
  """Returns the checkpoints of a run."""
  return Checkpoints(os.path.join(workdir, 'checkpoints'))


def restore_score_fn(
    config: ml_collections.ConfigDict, workdir: str, feature_dim: int
) -> ScoreFn:
  """Returns the scores by the best checkpoint of a run, or of a method that learns nothing.

  Args:
    config: of the run.
    workdir: of the run.
    feature_dim: size of the features in the bags.

  Raises:
    UserError: there is none, or it is damaged or of another architecture.
  """
  method = create_method(config)
  if hasattr(method, 'score_bag'):
    return functools.partial(_measure, method, config.instances)
  shapes = jax.eval_shape(lambda: create_state(method, config, feature_dim))  # no state: quick
  place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  shapes = jax.tree.map(lambda leaf: leaf.update(sharding=place), shapes)
  with open_checkpoints(workdir) as checkpoints:
    params = checkpoints.restore_best(shapes).params
  return create_score_fn(method, params, config)


def create_score_fn(
    method: Method, params: Mapping[str, Any], config: ml_collections.ConfigDict
) -> ScoreFn:
  """Returns a function that scores bags with these parameters.

  Args:
    method: that has learned them.
    params: of the method.
    config: `instances` and `evaluate.branches` are used.
  """
  instances = config.instances

  def score_fn(bags_in_order):
    bags_in_order = (bags.select_instances(bag, instances) for bag in bags_in_order)
    while chunk := list(itertools.islice(bags_in_order, _BAGS_A_CALL)):
      filled = chunk + chunk[-1:] * (_BAGS_A_CALL - len(chunk))  # one shape for all calls
      logits = _logits_fn(method, params, bags.stack_bags(filled))
      logits = jax.tree.map(np.asarray, logits)
      for row, bag in enumerate(chunk):
        real = np.flatnonzero(bag['tube_mask'])
        # Eq. 9, in float64: there the sigmoids of sure branches still differ.
        branches = {
            name: 1 / (1 + np.exp(-values[row, real].astype(np.float64)))
            for name, values in sorted(logits.items(), reverse=True)  # tube, temporal
        }
        asked = [branches[name] for name in config.evaluate.branches if name in branches]
        asked = asked or list(branches.values())  # of a method of one branch
        fused = sum(asked) / len(asked)
        yield bag, Scores(fused, branches.get('tube', fused), branches.get('temporal', fused))

  return score_fn


def scored_tubes(
    bag: bags.Bag, scores: Scores, settings: ml_collections.ConfigDict
) -> list[Tube]:
  """Returns the instances of a bag with the scores by which they are retrieved.

  The best one of each tube is grown, see `tubes.growing`. Then a tube has its fused score or, by
  `tubes.agreement`, its share of the highest fused score: its expected overlap with the event over
  the highest that any tube has. The score of the video is the same.

  Args:
    bag: with real instances as in `scores`.
    scores: of its instances.
    settings: `config.evaluate`.
  """
  real = slice(len(scores.fused))
  sources = bag['tube_sources'][real]
  spans = growing.grow_best_parts(
      bag['tube_spans'][real], sources, scores.fused, bag['source_spans'],
      odds_ratio=settings.odds_ratio,
  )
  ranked = scores.fused
  if settings.retrieval == 'expected_overlap':
    expected = agreement.expected_overlaps(spans, sources, ranked, bags.source_tubes(bag))
    ranked = ranked.max() * (expected / max(expected.max(), 1e-12))
  return [
      dataclasses.replace(bags.source_part(bag, source, *span), score=float(score))
      for source, span, score in zip(sources, spans, ranked)
  ]


# One for all parameters: validation scores with new ones again and again.
@functools.partial(jax.jit, static_argnums=0)
def _logits_fn(method, params, batch):
  return method.bag_logits(params=params, batch=batch)


def _measure(yardstick, instances, bags_in_order):
  for bag in bags_in_order:
    bag = bags.select_instances(bag, instances)
    scores = yardstick.score_bag(bag)
    yield bag, Scores(scores, scores, scores)
