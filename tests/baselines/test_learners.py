"""Tests of what every method that learns must keep."""

import jax
import numpy as np
import pytest

from configs import base
from tests.baselines import making
from wsstad_jax.core import config as config_lib
from wsstad_jax.core.errors import UserError
from wsstad_jax.runs import scoring

LEARNERS = making.list_learners()


def host(tree):
  return jax.tree.map(np.array, tree)


@pytest.mark.parametrize('method', base.METHODS)
def test_every_method_has_a_valid_config_and_can_be_made(method):
  config = config_lib.checked(base.apply_method(base.get_config(), method))
  assert config.method == method
  made = scoring.create_method(config)
  assert made == scoring.create_method(config)  # so that seeds share compiled code
  assert hash(made) == hash(scoring.create_method(config))


def test_a_learner_that_is_not_there_is_told():
  config = base.get_config()
  config.learner = 'baselines.magic'
  with pytest.raises(UserError, match="'baselines.magic' cannot be imported"):
    scoring.create_method(config)
  with pytest.raises(UserError, match="no method 'magic', but mgpr"):
    base.apply_method(config, 'magic')


@pytest.mark.parametrize('name', LEARNERS)
def test_padding_changes_nothing(name):
  method, batch = making.create_method(name), making.create_batch()
  changed = making.fill_padding(batch, 9)
  state = making.create_state(method)
  plain, other = (making.take_step(method, each) for each in (batch, changed))
  jax.tree.map(np.testing.assert_array_equal, plain[1], other[1])
  jax.tree.map(np.testing.assert_array_equal, host(plain[0].params), host(other[0].params))
  logits = [method.bag_logits(params=state.params, batch=each) for each in (batch, changed)]
  for branch, values in logits[0].items():
    real = batch['tube_mask']
    assert np.isfinite(np.asarray(values)[real]).all()
    np.testing.assert_array_equal(np.asarray(values)[real], np.asarray(logits[1][branch])[real])


@pytest.mark.parametrize('name', LEARNERS)
def test_nothing_but_padding_stays_finite(name):
  method, batch = making.create_method(name), making.create_batch()
  batch['tube_mask'][:] = batch['videolet_mask'][:] = False
  state, metrics = making.take_step(method, batch)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((host(state.params), metrics)))


@pytest.mark.parametrize('name', LEARNERS)
def test_training_finds_the_planted_tube(name):
  def create_planted(seed):
    batch = making.create_batch(labels=(1,) * 8 + (0,) * 8, t=8, s=6, seed=seed)
    for features in ('region_features', 'image_features', 'videolet_features'):
      batch[features][:] *= np.float16(0.3)
      batch[features][:8, 1 if features != 'videolet_features' else 0, 0] = 8
    return batch

  # that of magnitudes of features knows no bounds
  config = making.create_config(name, learning_rate=0.002 if name == 'rtfm' else 0.02)
  config.train.num_steps = 150
  config.model.dropout_rate = 0.1
  method = scoring.create_method(config)
  step_fn = jax.jit(lambda state, batch: method.train_step(state=state, batch=batch))
  state = making.create_state(method)
  for number in range(150):
    state, _ = step_fn(state, create_planted(seed=number % 10))
  planted = create_planted(seed=1000)
  (logits,) = method.bag_logits(params=state.params, batch=planted).values()
  logits = np.where(planted['tube_mask'], logits, -np.inf)
  assert np.mean(np.argmax(logits[:8], axis=-1) == 1) >= 0.75
  assert np.median(logits[:8].max(-1)) > np.median(logits[8:].max(-1))


def test_the_resting_branch_of_gclnc_keeps_every_bit():
  method, batch = making.create_method('gclnc'), making.create_batch()
  assert method.stage_steps == 4  # 20 steps in 5 stages
  assert [method.phase(step) for step in (0, 3, 4, 7, 8, 19)] == [
      'tube', 'tube', 'cleaner', 'cleaner', 'tube', 'tube'
  ]
  state = making.create_state(method)
  for step in (0, 4):
    state = state.replace(step=np.int32(step))
    before = host(state.branches)
    after, _ = making.take_step(method, batch, state)
    learner, resting = ('tube', 'cleaner') if step == 0 else ('cleaner', 'tube')
    jax.tree.map(np.testing.assert_array_equal, host(after.branches[resting]), before[resting])
    moved = jax.tree.map(
        lambda a, b: not np.array_equal(a, b), host(after.params[learner]), before[learner].params
    )
    assert any(jax.tree.leaves(moved))
