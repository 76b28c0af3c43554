"""Tests of C3D against a plain NumPy reference and hand values."""

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsstad_jax.models import c3d

TINY = 1 / 64  # channels 1, 2, 4, 8 and fc6 of 64


def convolve_by_loops(x, kernel):
  """3x3x3 convolution of x [t, h, w, c] with zeros around, one output pixel at a time."""
  t, h, w, _ = x.shape
  padded = np.pad(x, ((1, 1), (1, 1), (1, 1), (0, 0)))
  y = np.zeros((t, h, w, kernel.shape[-1]), np.float32)
  for i in range(t):
    for j in range(h):
      for k in range(w):
        y[i, j, k] = np.tensordot(padded[i : i + 3, j : j + 3, k : k + 3], kernel, 4)
  return y


def pool_by_loops(x, window):
  """Caffe's pooling of x [t, h, w, c]: rounds up, windows are cut off at the end."""
  sizes = [-(-size // step) for size, step in zip(x.shape, window)]
  y = np.zeros((*sizes, x.shape[-1]), np.float32)
  for index in np.ndindex(*sizes):
    cut = tuple(slice(i * step, (i + 1) * step) for i, step in zip(index, window))
    y[index] = x[cut].max((0, 1, 2))
  return y


def c3d_by_loops(params, clip):
  """fc6 of one clip [16, s, s, 3], layer by layer as in Tran 2015."""
  x = clip
  for names, window in (
      (['conv1a'], (1, 2, 2)), (['conv2a'], (2, 2, 2)), (['conv3a', 'conv3b'], (2, 2, 2)),
      (['conv4a', 'conv4b'], (2, 2, 2)), (['conv5a', 'conv5b'], (2, 2, 2)),
  ):
    for name in names:
      x = np.maximum(convolve_by_loops(x, params[name]['kernel']) + params[name]['bias'], 0)
    x = pool_by_loops(x, window)
  t, h, w, channels = x.shape
  flat = [x[i, j, k, c]
          for c in range(channels) for i in range(t) for j in range(h) for k in range(w)]
  return np.maximum(np.array(flat) @ params['fc6']['kernel'] + params['fc6']['bias'], 0)


@pytest.fixture(name='case', scope='module')
def create_case():
  """Parameters, of which no bias is zero, a clip and its features by the reference.

  The sides are 40 -> 20 -> 10 -> 5 -> 3 -> 2 and 9 -> 5 -> 3 -> 2 -> 1 -> 1: pools round up, and
  fc6 sees two positions.
  """
  rng = np.random.default_rng(0)
  clip = rng.standard_normal((1, 16, 9, 40, 3)).astype(np.float32)
  shapes = jax.eval_shape(c3d.C3D(width=TINY).init, jax.random.key(0), clip)['params']
  params = jax.tree.map(
      lambda array: rng.normal(0, 0.3, array.shape).astype(np.float32), shapes
  )
  return params, clip, c3d_by_loops(params, clip[0])


@pytest.mark.parametrize('dtype, tolerance', [(jnp.float32, 1e-4), (jnp.bfloat16, 0.05)])
def test_the_net_equals_the_reference(case, dtype, tolerance):
  params, clip, expected = case
  features = jax.jit(c3d.C3D(width=TINY, compute_dtype=dtype).apply)({'params': params}, clip)
  assert features.dtype == jnp.float32
  assert 0 < (expected > 0).sum() < len(expected)
  np.testing.assert_allclose(features[0], expected, atol=tolerance * expected.max())


def test_full_size_is_that_of_tran_2015():
  net = c3d.C3D()
  clips = jax.ShapeDtypeStruct((2, 16, 112, 112, 3), np.float32)
  features, variables = jax.eval_shape(net.init_with_output, jax.random.key(0), clips)
  flat = flax.traverse_util.flatten_dict(variables['params'], sep='/')
  assert features.shape == (2, 4096)
  assert net.feature_dim == 4096
  assert {name: array.shape for name, array in flat.items() if name.endswith('kernel')} == {
      'conv1a/kernel': (3, 3, 3, 3, 64),
      'conv2a/kernel': (3, 3, 3, 64, 128),
      'conv3a/kernel': (3, 3, 3, 128, 256),
      'conv3b/kernel': (3, 3, 3, 256, 256),
      'conv4a/kernel': (3, 3, 3, 256, 512),
      'conv4b/kernel': (3, 3, 3, 512, 512),
      'conv5a/kernel': (3, 3, 3, 512, 512),
      'conv5b/kernel': (3, 3, 3, 512, 512),
      'fc6/kernel': (8192, 4096),
  }


def test_an_odd_side_is_cut_off_at_the_end():
  row = jnp.array([-1.0, -5, -2, -3, -9, -4, -7])  # windows [0, 1] [2, 3] [4, 5] [6]
  x = jnp.broadcast_to(row[None, None, None, :, None], (1, 2, 2, 7, 1))
  y = c3d.max_pool(x, (1, 2, 3))
  assert y.shape == (1, 1, 1, 4, 1)
  np.testing.assert_array_equal(y.ravel(), [-1, -2, -4, -7])


def test_pool1_leaves_time_alone():
  x = jnp.arange(2 * 4 * 4.0).reshape(1, 2, 4, 4, 1)
  y = c3d.max_pool(x, (2, 3))
  np.testing.assert_array_equal(y[..., 0], [[[[5, 7], [13, 15]], [[21, 23], [29, 31]]]])


def test_preprocess_by_hand():
  # Half the frames 100, half 140: mean 120, deviation 20, and (140 - 120) / (2 * 20) = 0.5.
  clips = np.full((2, 16, 4, 4, 3), 100, np.uint8)
  clips[0, 8:] = 140
  clips[1, 8:] = 102  # deviation 1 is below the floor of 8: (102 - 101) / 16
  grey, moved, changed = np.moveaxis(c3d.preprocess(clips), -1, 0)
  for frames, level in ((slice(0, 8), -0.5), (slice(8, 16), 0.5)):
    np.testing.assert_allclose(grey[0, frames], level, rtol=1e-5)
    np.testing.assert_allclose(moved[0, frames], 2 * level, rtol=1e-5)  # the pixels' mean is 0
  np.testing.assert_allclose(grey[1, 8:], 1 / 16, rtol=1e-4)
  np.testing.assert_allclose(changed[0, 8], 4 * (0.5 + 0.5), rtol=1e-5)
  assert not np.delete(changed[0], 8, axis=0).any()


def test_what_stands_still_has_no_motion():
  still = np.random.default_rng(0).integers(0, 255, (1, 1, 8, 8, 3), np.uint8)
  processed = c3d.preprocess(np.repeat(still, 16, axis=1))
  np.testing.assert_allclose(processed[..., 1:], 0, atol=1e-5)
  assert np.ptp(processed[..., 0]) > 1


def test_preprocess_ignores_light_and_contrast():
  clips = np.random.default_rng(3).integers(60, 120, (3, 16, 8, 8, 3), np.uint8)
  np.testing.assert_allclose(
      c3d.preprocess(clips), c3d.preprocess(clips * np.uint8(2) + np.uint8(10)), atol=1e-5
  )


def test_brightness_alone_gives_the_same():
  grey = np.random.default_rng(3).integers(0, 255, (2, 16, 8, 8), np.uint8)
  colours = np.repeat(grey[..., None], 3, axis=-1)
  np.testing.assert_allclose(c3d.preprocess_grey(grey), c3d.preprocess(colours), atol=1e-4)


def test_a_plain_net_equals_the_normalized_one_that_it_is_made_of():
  rng = np.random.default_rng(0)
  clips = rng.standard_normal((2, 16, 32, 32, 3)).astype(np.float32)
  net = c3d.C3D(width=TINY, normalize=True)
  shapes = jax.eval_shape(net.init, jax.random.key(0), clips)
  variables = jax.tree.map(lambda a: rng.uniform(0.2, 1, a.shape).astype(np.float32), shapes)
  plain = c3d.fold_norms(variables['params'], variables['batch_stats'])
  expected = jax.jit(net.apply)(variables, clips)
  assert (expected > 0).any()
  features = jax.jit(c3d.C3D(width=TINY).apply)({'params': plain}, clips)
  np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4 * expected.max())


def test_motion_head_is_linear():
  features = jnp.ones((2, 8))
  outputs, variables = c3d.MotionHead(5).init_with_output(jax.random.key(0), features)
  kernel = variables['params']['labels']['kernel']
  np.testing.assert_allclose(outputs[1], kernel.sum(0), rtol=1e-5)
