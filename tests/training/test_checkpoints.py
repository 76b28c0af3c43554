"""Tests that checkpoints give back every bit, keep the right ones and refuse what is not theirs."""

import os
import pathlib
import shutil

import grain
import jax
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training.checkpoints import Checkpoints
from wsstad_jax.training.state import Networks, create_optimizer, create_state

FEATURE_DIM = 8


def create(seed=0, **options):
  networks = Networks(BranchNetwork(**options), BranchNetwork(**options))
  return create_state(
      networks, create_optimizer(), rng=jax.random.key(seed), feature_dim=FEATURE_DIM
  )


def create_iterator():
  dataset = grain.MapDataset.source(list(range(50))).shuffle(seed=1).repeat().batch(4)
  return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=1)))


def save_run(folder, figures):
  """Saves steps 1, 2 ..., of which the weights differ, and returns them."""
  states = [create(seed).replace(step=np.int32(seed)) for seed in range(1, len(figures) + 1)]
  iterator = create_iterator()
  with Checkpoints(folder) as checkpoints:
    for state, figure in zip(states, figures):
      next(iterator)
      checkpoints.save(state, iterator, config={'train.num_steps': 9}, figure=figure)
  return states, next(iterator)


def assert_same(a, b):
  a, b = (jax.tree.map(np.asarray, state.replace(rng=jax.random.key_data(state.rng)))
          for state in (a, b))
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_latest_and_best_come_back_with_the_position_in_the_data(tmp_path):
  states, following = save_run(tmp_path, [0.5, 0.9, 0.1, 0.2])
  iterator = create_iterator()
  with Checkpoints(tmp_path) as checkpoints:
    latest = checkpoints.restore_latest(create(), iterator)
    best = checkpoints.restore_best(create())
  assert_same(latest, states[3])
  assert_same(best, states[1])
  np.testing.assert_array_equal(next(iterator), following)
  steps = sorted(name for name in os.listdir(tmp_path) if name.isdigit())
  assert steps == ['2', '3', '4']


def test_the_newest_of_equals_is_best(tmp_path):
  states, _ = save_run(tmp_path, [1.0, 1.0, 0.5])
  with Checkpoints(tmp_path) as checkpoints:
    assert_same(checkpoints.restore_best(create()), states[1])


def test_an_empty_folder_has_no_latest_and_refuses_best(tmp_path):
  with Checkpoints(tmp_path / 'new') as checkpoints:
    assert checkpoints.restore_latest(create(), create_iterator()) is None
    with pytest.raises(UserError, match='holds no checkpoint; train first'):
      checkpoints.restore_best(create())


def test_another_architecture_is_refused_with_the_differences(tmp_path):
  save_run(tmp_path, [0.5])
  with Checkpoints(tmp_path) as checkpoints:
    with pytest.raises(UserError, match=r'tube/params/relation/key has shape \(8, 8, 1\), '
                                        r'expected \(8, 4, 2\)'):
      checkpoints.restore_best(create(num_heads=4))
    with pytest.raises(UserError, match=r'relation/key has shape .*, expected \(absent\)'):
      checkpoints.restore_best(create(relation='none'))


def flip(path: pathlib.Path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 255
  path.write_bytes(content)


@pytest.mark.parametrize('damage', [
    flip,
    lambda path: path.write_bytes(path.read_bytes()[:20]),
    lambda path: path.unlink(),
], ids=['flipped', 'truncated', 'missing'])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
  states, _ = save_run(tmp_path, [0.5, 0.4])
  largest = max((tmp_path / '2').rglob('*'), key=lambda path: path.stat().st_size)
  damage(largest)
  with Checkpoints(tmp_path) as checkpoints:
    with pytest.raises(UserError, match='is damaged: .* Remove the folder'):
      checkpoints.restore_latest(create(), create_iterator())
  shutil.rmtree(tmp_path / '2')
  with Checkpoints(tmp_path) as checkpoints:
    assert_same(checkpoints.restore_latest(create(), create_iterator()), states[0])
