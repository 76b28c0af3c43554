"""One step of mutually-guided training, and what the branches say then (paper, eq. 4-9)."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
import optax

from wsstad_jax.losses.classification import cross_entropy
from wsstad_jax.losses.instances import top_instances
from wsstad_jax.losses.ranking import ranking_loss
from wsstad_jax.losses.reduction import masked_mean
from wsstad_jax.models.branches import BranchNetwork, Instances
from wsstad_jax.training.state import Branch, Networks, TrainState

Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Objective:
  """The loss of a step.

  Attributes:
    terms: some of 'rank' (L_Rank), 'mg_rank' (L_MG-Rank, in place of it) and 'ce' (L_CE).
    pairing: of positive and negative bags, see `ranking_loss`.
    guidance_context: whether the guiding branch sees the max instance within its 'bag' or
      'alone'. The paper is silent; within the bag the branch meets what it was trained on.
    top_k: the mean logit of so many of its highest instances is the bag's; 1 is the max
      instance of the paper.
  """

  terms: tuple[str, ...] = ('mg_rank', 'ce')
  pairing: str = 'all_pairs'
  guidance_context: str = 'bag'
  top_k: int = 1


def train_step(
    *,
    state: TrainState,
    batch: Batch,
    psi: jax.Array | int,
    networks: Networks,
    optimizer: optax.GradientTransformation,
    objective: Objective,
) -> tuple[TrainState, Metrics]:
  """Lets one branch learn, guided by the other, which stays as it is to the last bit.

  Args:
    state: before the step.
    batch: arrays by the names of `data.bags.MODEL_KEYS`; bags of both labels, in any order.
    psi: 1 = the tube branch learns, 0 = the temporal branch (eq. 6).
    networks: of both branches.
    optimizer: of each branch.
    objective: the loss.

  Returns:
    The state after the step, and means over the bags: 'loss', 'ranking', 'cross_entropy',
    'guidance' (of positive bags) and the scores of max instances, 'positive_score' and
    'negative_score'.
  """
  regions, images, videolets = read_instances(batch)
  dropout_rng = jax.random.fold_in(state.rng, state.step)

  def differentiate(branch, network, instances, guide_fn):
    grad_fn = jax.grad(objective_fn, has_aux=True)
    grads, metrics = grad_fn(
        branch.params, network, instances, batch['label'], guide_fn, dropout_rng, objective
    )
    # In the dtype of the products that they come from: no number is lost, and half the bytes.
    return jax.tree.map(lambda grad: grad.astype(network.dtype), grads), metrics

  def of_tube():
    guide_fn = functools.partial(guide, networks.temporal, state.temporal.params, images)
    return differentiate(state.tube, networks.tube, regions, guide_fn)

  def of_temporal():
    guide_fn = functools.partial(guide, networks.tube, state.tube.params, videolets)
    return differentiate(state.temporal, networks.temporal, videolets, guide_fn)

  tube_learns = jnp.equal(psi, 1)
  grads, metrics = lax.cond(tube_learns, of_tube, of_temporal)

  def update(branch):
    full = jax.tree.map(lambda grad, param: grad.astype(param.dtype), grads, branch.params)
    updates, opt_state = optimizer.update(full, branch.opt_state, branch.params)
    return Branch(optax.apply_updates(branch.params, updates), opt_state)

  # A `cond` for each branch: one that gives back both would copy the resting branch.
  return state.replace(
      step=state.step + 1,
      tube=lax.cond(tube_learns, update, lambda branch: branch, state.tube),
      temporal=lax.cond(tube_learns, lambda branch: branch, update, state.temporal),
  ), metrics


def objective_fn(
    params: Any,
    network: BranchNetwork,
    instances: Instances,
    label: jax.Array,
    guide_fn: Callable[..., jax.Array],
    dropout_rng: jax.Array,
    objective: Objective,
) -> tuple[jax.Array, Metrics]:
  """Returns the loss of one branch and its parts (eq. 4-8)."""

  def logits_fn(params, rows=None):
    rngs = {'dropout': dropout_rng}
    return network.apply({'params': params}, instances, rows, train=True, rngs=rngs)

  # All else in a bag has no gradient but as context: find the max instance first, at a third of
  # the cost, then score it alone of its bag. Both passes share their dropout.
  rows, chosen = top_instances(
      logits_fn(lax.stop_gradient(params)), instances.mask, objective.top_k
  )  # [b, k]
  logits = masked_mean(logits_fn(params, rows), chosen, axis=-1)  # [b]
  scores = jax.nn.sigmoid(logits)
  guidance = masked_mean(guide_fn(rows, objective.guidance_context), chosen, axis=-1)

  real = instances.mask.any(axis=-1)
  positive, negative = real & (label == 1), real & (label == 0)
  ranking = ranking_loss(
      scores,
      scores,
      guidance if 'mg_rank' in objective.terms else None,
      pairing=objective.pairing,
      where_positive=positive,
      where_negative=negative,
  )
  entropy = cross_entropy(logits, label, where=real)
  loss = ('ce' in objective.terms) * entropy
  loss += ('rank' in objective.terms or 'mg_rank' in objective.terms) * ranking
  return loss, {
      'loss': loss,
      'ranking': ranking,
      'cross_entropy': entropy,
      'guidance': masked_mean(guidance, positive),
      'positive_score': masked_mean(scores, positive),
      'negative_score': masked_mean(scores, negative),
  }


def guide(
    network: BranchNetwork, params: Any, instances: Instances, rows: jax.Array, context: str
) -> jax.Array:
  """Returns the scores [b, k] that the guiding branch gives to the instances `rows` [b, k]."""
  if context == 'alone':
    instances, rows = instances.take(rows), None
  return jax.nn.sigmoid(network.apply({'params': params}, instances, rows))


def bag_logits(
    *, params: Mapping[str, Any], batch: Batch, networks: Networks
) -> dict[str, jax.Array]:
  """Returns what the branches say of every tube instance of every bag.

  Returns:
    float32 [b, T] each: 'tube' of the regions, 'temporal' of the whole images; a sigmoid makes
    them the scores of eq. 9. Those of padding mean nothing.
  """
  regions, images, _ = read_instances(batch)
  return {
      'tube': networks.tube.apply({'params': params['tube']}, regions),
      'temporal': networks.temporal.apply({'params': params['temporal']}, images),
  }


def read_instances(batch: Batch) -> tuple[Instances, Instances, Instances]:
  """Returns the tubes by their regions, the tubes by their whole images, and the videolets."""
  mask, spans = batch['tube_mask'], batch['tube_spans']
  return (
      Instances(batch['region_features'], mask, spans, batch['trajectory_features']),
      Instances(batch['image_features'], mask, spans),
      Instances(batch['videolet_features'], batch['videolet_mask'], batch['videolet_spans']),
  )
