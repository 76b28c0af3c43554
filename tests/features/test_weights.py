"""Tests of weights."""

import jax
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.features import weights
from wsstad_jax.models import c3d

_NET = c3d.C3D(width=1 / 64)


def _params(size=32):
  clips = jax.ShapeDtypeStruct((1, 16, size, size, 3), np.float32)
  shapes = jax.eval_shape(_NET.init, jax.random.key(0), clips)['params']
  return jax.tree.map(lambda leaf: np.full(leaf.shape, 1 / 3, np.float32), shapes)


@pytest.mark.parametrize('name', ['w.npz', 'w'])
def test_weights_come_back_as_float32(tmp_path, name):
  path, params = str(tmp_path / name), _params()
  weights.write_weights(path, jax.tree.map(lambda value: value.astype(np.float16), params))
  found = weights.read_weights(path, _NET, size=32)
  assert jax.tree.structure(found) == jax.tree.structure(params)
  for read, written in zip(jax.tree.leaves(found), jax.tree.leaves(params)):
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, written, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('name', ['w.npz', 'w'])
def test_every_difference_from_the_net_is_listed(tmp_path, name):
  path, params = str(tmp_path / name), dict(_params())
  params['conv9'] = {'bias': np.zeros(3)}
  params['conv2a'] = {'kernel': np.zeros((3, 3)), 'bias': params['conv2a']['bias']}
  del params['conv1a']
  weights.write_weights(path, params)
  with pytest.raises(UserError) as caught:
    weights.read_weights(path, _NET, size=32)
  for part in (
      'conv1a/kernel is missing', 'conv1a/bias is missing', 'conv9/bias is not of this net',
      'conv2a/kernel has shape (3, 3), expected (3, 3, 3, 1, 2)', 'size=32',
  ):
    assert part in str(caught.value)


def test_other_input_size_is_a_fault_of_fc6(tmp_path):
  path = str(tmp_path / 'w.npz')
  weights.write_weights(path, _params(32))
  with pytest.raises(UserError, match='fc6/kernel has shape'):
    weights.read_weights(path, _NET, size=64)


def test_missing_and_broken_file(tmp_path):
  with pytest.raises(UserError, match='--mode=pretrain'):
    weights.read_weights(str(tmp_path / 'w.npz'), _NET, size=32)
  (tmp_path / 'w.npz').write_bytes(b'no zip')
  with pytest.raises(UserError, match='broken'):
    weights.read_weights(str(tmp_path / 'w.npz'), _NET, size=32)


def test_a_folder_that_is_no_whole_checkpoint_is_refused(tmp_path):
  (tmp_path / 'empty').mkdir()
  for name in ('changed', 'incomplete'):
    weights.write_weights(str(tmp_path / name), _params())
  paths = [path for path in (tmp_path / 'changed').rglob('*') if path.is_file()]
  largest = max(paths, key=lambda path: path.stat().st_size)
  content = largest.read_bytes()
  largest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
  (tmp_path / 'incomplete' / '_METADATA').unlink()
  for name, told in (
      ('empty', 'sha256.json'), ('changed', largest.name), ('incomplete', '_METADATA')
  ):
    with pytest.raises(UserError, match=f'{name} is no folder of weights, or damaged: .*{told}'):
      weights.read_weights(str(tmp_path / name), _NET, size=32)


@pytest.mark.parametrize('suffix', ['.npz', ''])
def test_the_digest_is_of_the_weights(tmp_path, suffix):
  paths = [str(tmp_path / f'{name}{suffix}') for name in 'abc']
  params = _params()
  for path in paths[:2]:
    weights.write_weights(path, params)
  weights.write_weights(paths[2], jax.tree.map(lambda value: value * 2, params))
  first, second, other = map(weights.digest, paths)
  assert first == second != other
