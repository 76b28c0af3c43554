"""Tests that each way to convolve equals a plain 3-D convolution, in value and gradient."""

import jax
import jax.numpy as jnp
from jax import lax
import numpy as np
import pytest

from wsstad_jax.models import convolution


def convolve_plainly(x, kernel):
  dimensions = ('NDHWC', 'DHWIO', 'NDHWC')
  return lax.conv_general_dilated(x, kernel, (1, 1, 1), 'SAME', dimension_numbers=dimensions)


def draw(frames, height, width, inputs, outputs):
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, frames, height, width, inputs)).astype(np.float32)
  kernel = rng.standard_normal((3, 3, 3, inputs, outputs)) / np.sqrt(27 * inputs)
  return x, kernel.astype(np.float32)


def assert_equal(convolve, x, kernel, tolerance):
  """Compares value and gradients; `tolerance` is a share of the largest number."""

  def everything(convolve):
    value_fn = lambda x, kernel: jnp.sum(jnp.sin(convolve(x, kernel)))
    return convolve(x, kernel), *jax.grad(value_fn, (0, 1))(x, kernel)

  for ours, plain in zip(everything(jax.jit(convolve)), everything(convolve_plainly)):
    np.testing.assert_allclose(ours, plain, atol=tolerance * np.abs(plain).max())


@pytest.mark.parametrize('frames', [1, 2, 4, 16])
@pytest.mark.parametrize('outputs', [8, 16, 32])  # 4, 2 and 1 frames an image
def test_folded_frames_equal_the_plain_convolution(frames, outputs):
  assert_equal(convolution.convolve_folded, *draw(frames, 5, 6, 3, outputs), 2e-6)


@pytest.mark.parametrize(
    'frames, height, width',
    [(1, 1, 1), (1, 5, 6), (4, 6, 5), (2, 28, 27), (2, 29, 35)],  # the last in tiles of 4 x 4
)
def test_winograd_equals_the_plain_convolution(frames, height, width):
  assert_equal(convolution.convolve_winograd, *draw(frames, height, width, 4, 3), 2e-5)


@pytest.mark.parametrize('dtype, tolerance', [(jnp.float32, 1e-5), (jnp.bfloat16, 0.02)])
@pytest.mark.parametrize('inputs', [3, 16])
def test_each_shape_and_type_has_a_way(inputs, dtype, tolerance):
  x, kernel = draw(2, 28, 28, inputs, 8)
  y = jax.jit(convolution.convolve)(x.astype(dtype), kernel.astype(dtype))
  assert y.dtype == dtype
  plain = convolve_plainly(x, kernel)
  np.testing.assert_allclose(y.astype(np.float32), plain, atol=tolerance * np.abs(plain).max())
