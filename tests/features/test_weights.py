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


def test_weights_come_back_as_float32(tmp_path):
  path, params = str(tmp_path / 'w.npz'), _params()
  weights.write_weights(path, jax.tree.map(lambda value: value.astype(np.float16), params))
  found = weights.read_weights(path, _NET, size=32)
  assert jax.tree.structure(found) == jax.tree.structure(params)
  for read, written in zip(jax.tree.leaves(found), jax.tree.leaves(params)):
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, written, rtol=1e-3, atol=1e-6)


def test_every_difference_from_the_net_is_listed(tmp_path):
  path, params = str(tmp_path / 'w.npz'), dict(_params())
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
