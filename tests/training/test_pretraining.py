"""Tests of pretraining."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from wsstad_jax.training import pretraining

NETWORK = pretraining.PretrainNetwork(1 / 32, 2, dropout_rate=0.0)
OPTIMIZER = optax.adam(3e-3)
IS_BINARY = (True, False)


def make_batch(seed=0):
  """Clips of a square that stands still or moves, fast or slowly."""
  rng = np.random.default_rng(seed)
  clips = rng.integers(90, 110, (8, 16, 32, 32, 3), np.uint8)
  moves = np.arange(8) % 2
  for row in range(8):
    for frame in range(16):
      left = 4 + moves[row] * frame
      clips[row, frame, 12:20, left : left + 8] = 250
  return clips, np.stack([moves, 2.0 * moves - 1], axis=1).astype(np.float32)


def test_the_loss_is_that_of_each_label():
  outputs, targets = jnp.array([[0.3, 3.0]]), jnp.array([[1.0, 0.5]])
  binary = -np.log(1 / (1 + np.exp(-0.3)))
  real = 2.5 - 0.5  # Huber: |3 - 0.5| is above 1, so linear
  loss = pretraining.motion_loss(outputs, targets, IS_BINARY)
  np.testing.assert_allclose(loss, (binary + real) / 2, rtol=1e-6)


def test_augmentation_flips_or_keeps_each_clip_whole():
  clips = jax.random.normal(jax.random.key(0), (16, 2, 4, 4, 3))
  augmented = np.asarray(pretraining.augment(jax.random.key(1), clips))
  flipped = 0
  for clip, changed in zip(np.asarray(clips), augmented):
    straight = changed / clip
    mirrored = changed / clip[:, :, ::-1]
    same = np.allclose(straight, straight.flat[0], rtol=1e-4)
    assert same or np.allclose(mirrored, mirrored.flat[0], rtol=1e-4)
    flipped += not same
  assert 0 < flipped < 16


def test_training_learns_to_see_motion():
  clips, targets = make_batch()
  state = pretraining.create_state(NETWORK, OPTIMIZER, rng=jax.random.key(0), size=32)
  step_fn = jax.jit(functools.partial(
      pretraining.pretrain_step, is_binary=IS_BINARY, network=NETWORK, optimizer=OPTIMIZER
  ))
  losses = []
  for _ in range(30):
    state, loss = step_fn(
        state=state, clips_uint8=clips, targets=targets, rng=jax.random.key(1)
    )
    losses.append(float(loss))
  assert losses[-1] < 0.3 * losses[0]
  assert state.step == 30
