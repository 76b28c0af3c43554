"""Batches of random bags, methods as the configs make them, and sums written as loops."""

import jax
import numpy as np

from configs import base
from wsstad_jax.runs import scoring

FEATURE_DIM = 16


def list_learners():
  """Returns the names of all methods of `baselines` that learn something."""
  return [
      name for name, changes in base.METHODS.items()
      if changes.get('learner', '').startswith('baselines.')
      and name not in ('random', 'upper_bound')
  ]


def create_config(method, **train):
  """Returns the config of a method, small."""
  config = base.apply_method(base.get_config(), method)
  config.train.update(num_steps=20, **train)
  if 'units' in config.baseline:
    config.baseline.units = 16
  return config


def create_method(method, **model):
  """Returns a method without dropout."""
  config = create_config(method)
  config.model.update(dropout_rate=0.0, **model)
  return scoring.create_method(config)


def create_batch(labels=(1, 0, 1, 0), t=6, s=4, seed=0):
  """Bags of random features, of which the last entries are padding."""
  rng = np.random.default_rng(seed)
  b = len(labels)

  def features(n):
    return rng.standard_normal((b, n, FEATURE_DIM)).astype(np.float16)

  def spans(n):
    starts = rng.integers(0, 40, (b, n))
    return np.stack([starts, starts + 16], axis=-1).astype(np.int32)

  return {
      'label': np.array(labels, np.int32),
      'region_features': features(t),
      'image_features': features(t),
      'tube_mask': np.arange(t) < rng.integers(2, t, (b, 1)),
      'tube_spans': spans(t),
      'videolet_features': features(s),
      'videolet_mask': np.arange(s) < rng.integers(2, s, (b, 1)),
      'videolet_spans': spans(s),
      'trajectory_features': rng.normal(size=(b, t, 8)).astype(np.float16),
  }


def fill_padding(batch, filling):
  """Returns the batch with other numbers where there is padding."""
  changed = dict(batch)
  for features, spans, mask in (
      ('region_features', 'tube_spans', 'tube_mask'),
      ('image_features', 'tube_spans', 'tube_mask'),
      ('trajectory_features', 'tube_spans', 'tube_mask'),
      ('videolet_features', 'videolet_spans', 'videolet_mask'),
  ):
    real = batch[mask][..., None]
    changed[features] = np.where(real, batch[features], np.float16(filling))
    changed[spans] = np.where(real, batch[spans], 5)
  return changed


def create_state(method, seed=0):
  """Returns the state before the first step."""
  return method.create_state(rng=jax.random.key(seed), feature_dim=FEATURE_DIM)


def take_step(method, batch, state=None):
  """Returns the state after a step, and its metrics."""
  state = create_state(method) if state is None else state
  return jax.jit(lambda state, batch: method.train_step(state=state, batch=batch))(state, batch)


def sigmoid(x):
  """Returns 1 / (1 + exp(-x)) in float64."""
  return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def apply(network, params, instances, bag):
  """Returns what a network says of one bag without its padding, float64."""
  mask = np.asarray(instances.mask[bag])
  one = jax.tree.map(lambda array: np.asarray(array)[bag][mask][None], instances)
  found = network.apply({'params': params}, one)
  return jax.tree.map(lambda array: np.asarray(array, np.float64)[0], found)


def loss_of(method, batch, state):
  """Returns the loss of the tube branch."""
  loss, _ = method.loss(
      state.params, batch, branch='tube', rng=jax.random.key(1), memory=state.memory
  )
  return float(loss)
