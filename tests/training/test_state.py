"""Tests of the state before training and of the optimizer's options."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training.state import Networks, create_optimizer, create_state


def test_the_branches_start_apart_and_the_same_for_the_same_seed():
  networks = Networks(BranchNetwork(), BranchNetwork())

  def create(seed):
    return create_state(networks, create_optimizer(), rng=jax.random.key(seed), feature_dim=16)

  state, same, other = create(0), create(0), create(1)
  assert state.step == 0
  jax.tree.map(np.testing.assert_array_equal, state.params, same.params)
  kernels = [branch['relation']['key'] for branch in (*state.params.values(), other.params['tube'])]
  assert not np.array_equal(kernels[0], kernels[1])
  assert not np.array_equal(kernels[0], kernels[2])


def first_step(optimizer, gradient):
  params = {'kernel': jnp.full((1, 2), 2.0), 'bias': jnp.full((2,), 2.0)}
  gradients = {'kernel': jnp.full((1, 2), gradient), 'bias': jnp.zeros(2)}
  updates, _ = optimizer.update(gradients, optimizer.init(params), params)
  return optax.apply_updates(params, updates)


def test_adam_moves_by_the_learning_rate():
  params = first_step(create_optimizer(0.01), 3.0)
  np.testing.assert_allclose(params['kernel'], 2 - 0.01, rtol=1e-5)
  np.testing.assert_allclose(params['bias'], 2)


def test_only_kernels_decay():
  params = first_step(create_optimizer(0.01, weight_decay=0.5), 0.0)
  np.testing.assert_allclose(params['kernel'], 2 - 0.01 * 0.5 * 2, rtol=1e-5)
  np.testing.assert_allclose(params['bias'], 2)


def test_long_gradients_are_shortened():
  # Beside Adam's epsilon of 1e-8, a gradient of 1e-8 moves by half the learning rate.
  params = first_step(create_optimizer(0.01, max_norm=1e-8 * 2**0.5), 3.0)
  np.testing.assert_allclose(params['kernel'], 2 - 0.005, rtol=1e-3)
