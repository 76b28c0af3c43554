"""Supervised pretraining of C3D on labels of generic motion, as pure functions."""

from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from wsstad_jax.models.c3d import C3D, MotionHead, preprocess


class PretrainNetwork(nn.Module):
  """C3D up to fc6 and a linear head that reads the labels from it."""

  width: float
  num_labels: int
  dropout_rate: float = 0.3

  @nn.compact
  def __call__(self, clips: jax.Array, *, train: bool = False) -> jax.Array:
    """Returns raw outputs [n, num_labels] for preprocessed clips [n, 16, s, s, 3]."""
    features = C3D(self.width, name='c3d')(clips)
    features = nn.Dropout(self.dropout_rate, deterministic=not train)(features)
    return MotionHead(self.num_labels, name='head')(features)


@flax.struct.dataclass
class PretrainState:
  """Parameters {'c3d': ..., 'head': ...}, memory of the optimizer and steps done."""

  step: jax.Array
  params: Any
  opt_state: optax.OptState


def create_state(
    network: PretrainNetwork, optimizer: optax.GradientTransformation, *, rng: jax.Array, size: int
) -> PretrainState:
  """Returns the state before the first step, for clips of `size` pixels."""
  params = network.init(rng, jnp.zeros((1, 16, size, size, 3)))['params']
  return PretrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))


def pretrain_step(
    *,
    state: PretrainState,
    clips_uint8: jax.Array,
    targets: jax.Array,
    rng: jax.Array,
    is_binary: tuple[bool, ...],
    network: PretrainNetwork,
    optimizer: optax.GradientTransformation,
) -> tuple[PretrainState, jax.Array]:
  """Moves all weights one step; the noise of the step is folded in from its number.

  Args:
    state: before the step.
    clips_uint8: [n, 16, s, s, 3] RGB.
    targets: float32 [n, k], standardised, or 0 / 1 where `is_binary`.
    rng: of augmentation and dropout.
    is_binary: [k].
    network: with its head.
    optimizer: of all parameters.

  Returns:
    The state after the step and the loss, a scalar.
  """
  augment_rng, dropout_rng = jax.random.split(jax.random.fold_in(rng, state.step))
  clips = augment(augment_rng, preprocess(clips_uint8))

  def loss_fn(params):
    rngs = {'dropout': dropout_rng}
    outputs = network.apply({'params': params}, clips, train=True, rngs=rngs)
    return motion_loss(outputs, targets, is_binary)

  loss, grads = jax.value_and_grad(loss_fn)(state.params)
  updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  return PretrainState(state.step + 1, params, opt_state), loss


def motion_loss(outputs: jax.Array, targets: jax.Array, is_binary: tuple[bool, ...]) -> jax.Array:
  """Returns the mean over labels: cross-entropy of binary ones, Huber loss of the others."""
  binary = optax.sigmoid_binary_cross_entropy(outputs, targets)
  real = optax.huber_loss(outputs, targets)
  return jnp.mean(jnp.where(jnp.array(is_binary), binary, real))


def augment(rng: jax.Array, clips: jax.Array) -> jax.Array:
  """Flips preprocessed clips and changes their contrast, each clip in its own way.

  Motion labels do not depend on either, and sites that were never seen differ in contrast.
  """
  flip_rng, contrast_rng = jax.random.split(rng)
  each = (len(clips), 1, 1, 1, 1)
  clips = jnp.where(jax.random.bernoulli(flip_rng, shape=each), clips[:, :, :, ::-1], clips)
  return clips * jnp.exp(0.2 * jax.random.normal(contrast_rng, each))
