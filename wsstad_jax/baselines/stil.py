"""STIL: max-margin learning of instances that are chosen in each video (Mettes & Snoek 2018).

A reconstruction: the abstract gives latent boxes chosen in each positive video, video labels,
max-margin, linking at test and re-ranking by the video. Here the boxes are linked to tubes before,
so the best instance is chosen for each videolet's time instead of the best box for each frame.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from wsstad_jax.baselines.asa import logit_of_log
from wsstad_jax.losses.instances import max_instance, share_of_highest
from wsstad_jax.losses.reduction import masked_mean
from wsstad_jax.models.branches import Instances, overlap
from wsstad_jax.training.method import Learner
from wsstad_jax.training.state import create_optimizer
from wsstad_jax.training.step import read_instances


class LinearScorer(nn.Module):
  """f: a linear function of the features of an instance.

  Attributes:
    feature_normalization: see `Instances.prepare`.
  """

  feature_normalization: str

  @nn.compact
  def __call__(self, instances: Instances) -> jax.Array:
    """Returns f, float32 [b, t]."""
    features = instances.prepare(self.feature_normalization).features
    return nn.Dense(1, kernel_init=nn.initializers.glorot_normal(), name='f')(features)[..., 0]


@dataclasses.dataclass(frozen=True)
class Stil(Learner):
  """Alternates between choosing instances and learning f from the chosen ones.

  Attributes:
    network: f.
    weight_decay: of f, the margin's other side.
    time_share: of the times of a video, those with the highest f are chosen (rho).
    round_steps: steps between choices by a new f.
  """

  network: LinearScorer
  weight_decay: float
  time_share: float
  round_steps: int

  @property
  def optimizer(self):
    return create_optimizer(self.learning_rate, weight_decay=self.weight_decay)

  def init(self, rng, instances):
    return {'tube': self.network.init(rng, instances)['params']}

  def remember(self, state):
    """Returns the f that chooses during a round: the f that the round before ended with."""
    if not state.memory:
      return {'chooser': jax.tree.map(jnp.copy, state.params['tube'])}
    ends = state.step % self.round_steps == 0
    return {
        'chooser': jax.tree.map(
            lambda new, old: jnp.where(ends, new, old),
            state.params['tube'], state.memory['chooser'],
        )
    }

  def loss(self, params, batch, *, memory, **_):
    regions, _, videolets = read_instances(batch)
    chosen = choose(
        self.network.apply({'params': memory['chooser']}, regions), regions, videolets,
        self.time_share,
    )
    f = video_mean(self.network.apply({'params': params['tube']}, regions), *chosen)
    return hinge_loss(f, batch['label'], regions.mask.any(axis=-1)), {}

  def bag_logits(self, *, params, batch):
    """Returns the logit of sigmoid(f of the instance) * sigmoid(mean f of its video)."""
    regions, _, videolets = read_instances(batch)
    f = self.network.apply({'params': params['tube']}, regions)
    video = video_mean(f, *choose(f, regions, videolets, self.time_share))
    return {'tube': logit_of_log(jax.nn.log_sigmoid(f) + jax.nn.log_sigmoid(video)[:, None])}


def choose(
    f: jax.Array, regions: Instances, videolets: Instances, time_share: float
) -> tuple[jax.Array, jax.Array]:
  """Returns for the time of each videolet its best instance, and which times are chosen.

  Args:
    f: [b, t].
    regions: the instances.
    videolets: of which the times are used.
    time_share: of the times at which there is an instance.

  Returns:
    int32 [b, s], rows of instances, and bool [b, s].
  """
  there = overlap(videolets.spans, regions.spans)
  there &= videolets.mask[:, :, None] & regions.mask[:, None, :]  # [b, s, t]
  rows = max_instance(f[:, None], there)
  best = jnp.take_along_axis(f, rows, axis=-1)
  return rows, share_of_highest(best, there.any(axis=-1), time_share)


def video_mean(f: jax.Array, rows: jax.Array, chosen: jax.Array) -> jax.Array:
  """Returns the mean f [b] of the chosen instances, see `choose`."""
  return masked_mean(jnp.take_along_axis(f, rows, axis=-1), chosen, axis=-1)


def hinge_loss(f: jax.Array, label: jax.Array, where: jax.Array) -> jax.Array:
  """Returns the mean of max(0, 1 - f) over positive bags plus that of max(0, 1 + f) over others.

  Args:
    f: [b].
    label: [b], 1 or 0.
    where: bool [b], True = real.
  """
  positive, negative = where & (label == 1), where & (label == 0)
  return masked_mean(jnp.maximum(0, 1 - f), positive) + masked_mean(
      jnp.maximum(0, 1 + f), negative
  )


def create_method(config: ml_collections.ConfigDict) -> Stil:
  """Returns the method that a config describes."""
  return Stil(
      learning_rate=config.train.learning_rate,
      weight_decay=config.train.weight_decay,
      network=LinearScorer(config.model.feature_normalization),
      time_share=config.baseline.time_share,
      round_steps=max(config.train.num_steps // config.baseline.num_rounds, 1),
  )
