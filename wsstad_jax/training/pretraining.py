"""Supervised pretraining of C3D on labels of generic motion, as pure functions."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import optax

from wsstad_jax.models.c3d import C3D, MotionHead, fold_norms, preprocess_grey

HUBER_DELTA = 2.0  # standard deviations
WARMUP_STEPS = 100


class PretrainNetwork(nn.Module):
  """C3D up to fc6 and a linear head that reads the labels from it.

  Attributes:
    width: of C3D.
    num_labels: outputs.
    dropout_rate: of fc6 before the head.
    normalize: as C3D has it; the net of a finished training has none.
  """

  width: float
  num_labels: int
  dropout_rate: float = 0.2
  normalize: bool = True

  @nn.compact
  def __call__(self, clips: jax.Array, *, train: bool = False) -> jax.Array:
    """Returns raw outputs [n, num_labels] for preprocessed clips [n, 16, s, s, 3]."""
    features = C3D(self.width, normalize=self.normalize, name='c3d')(clips, train=train)
    features = nn.Dropout(self.dropout_rate, deterministic=not train)(features)
    return MotionHead(self.num_labels, name='head')(features)


@flax.struct.dataclass
class PretrainState:
  """Parameters and running statistics {'c3d': ..., ...}, memory of the optimizer, steps done."""

  step: jax.Array
  params: Any
  stats: Any
  opt_state: optax.OptState


def create_state(
    network: PretrainNetwork, optimizer: optax.GradientTransformation, *, rng: jax.Array, size: int
) -> PretrainState:
  """Returns the state before the first step, for clips of `size` pixels."""
  variables = network.init(rng, jnp.zeros((1, 16, size, size, 3)))
  params, stats = variables['params'], variables['batch_stats']
  return PretrainState(jnp.zeros((), jnp.int32), params, stats, optimizer.init(params))


def create_optimizer(settings: ml_collections.ConfigDict) -> optax.GradientTransformation:
  """Returns AdamW with a constant rate that falls to 0 in the last steps, for `config.pretrain`."""
  constant_steps = settings.num_steps - settings.decay_steps
  schedule = optax.join_schedules(
      [
          optax.linear_schedule(0.0, settings.learning_rate, WARMUP_STEPS),
          optax.cosine_decay_schedule(settings.learning_rate, max(settings.decay_steps, 1)),
      ],
      [constant_steps],
  )
  adam = optax.adamw(schedule, b2=0.99, weight_decay=settings.weight_decay)
  return optax.chain(optax.clip_by_global_norm(1.0), adam)


def pretrain_step(
    *,
    state: PretrainState,
    clips_grey: jax.Array,
    targets: jax.Array,
    rng: jax.Array,
    is_binary: tuple[bool, ...],
    network: PretrainNetwork,
    optimizer: optax.GradientTransformation,
) -> tuple[PretrainState, jax.Array]:
  """Moves all weights one step; the noise of the step is folded in from its number.

  Args:
    state: before the step.
    clips_grey: uint8 [n, 16, s, s], brightness.
    targets: float32 [n, k], standardised, or 0 / 1 where `is_binary`.
    rng: of augmentation and dropout.
    is_binary: [k].
    network: with its head.
    optimizer: of all parameters.

  Returns:
    The state after the step and the loss, a scalar.
  """
  augment_rng, dropout_rng = jax.random.split(jax.random.fold_in(rng, state.step))
  clips = augment(augment_rng, preprocess_grey(clips_grey))

  def loss_fn(params):
    outputs, changed = network.apply(
        {'params': params, 'batch_stats': state.stats}, clips, train=True,
        rngs={'dropout': dropout_rng}, mutable=['batch_stats'],
    )
    return motion_loss(outputs, targets, is_binary), changed['batch_stats']

  (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
  updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  return PretrainState(state.step + 1, params, stats, opt_state), loss


def plain_params(state: PretrainState) -> Any:
  """Returns {'c3d': ..., 'head': ...} for a network without `normalize`."""
  return {'c3d': fold_norms(state.params['c3d'], state.stats['c3d']), 'head': state.params['head']}


def motion_loss(outputs: jax.Array, targets: jax.Array, is_binary: tuple[bool, ...]) -> jax.Array:
  """Returns the mean over labels: cross-entropy of binary ones, Huber loss of the others."""
  binary = optax.sigmoid_binary_cross_entropy(outputs, targets)
  real = optax.huber_loss(outputs, targets, delta=HUBER_DELTA)
  return jnp.mean(jnp.where(jnp.array(is_binary), binary, real))


def augment(rng: jax.Array, clips: jax.Array) -> jax.Array:
  """Flips preprocessed clips and changes their contrast, each clip in its own way.

  Motion labels do not depend on either, and sites that were never seen differ in contrast.
  """
  flip_rng, contrast_rng = jax.random.split(rng)
  each = (len(clips), 1, 1, 1, 1)
  clips = jnp.where(jax.random.bernoulli(flip_rng, shape=each), clips[:, :, :, ::-1], clips)
  return clips * jnp.exp(0.2 * jax.random.normal(contrast_rng, each))
