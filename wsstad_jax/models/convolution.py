"""3 x 3 x 3 convolutions by what is fast in XLA, whose own are not: see docs/performance.md."""

import jax
import jax.numpy as jnp
from jax import lax
import numpy as np

_CHANNELS_LAST = ('NHWC', 'HWIO', 'NHWC')
_MIN_WINOGRAD = 16  # input channels; with fewer its sums take longer than its products
_MIN_LARGE_TILES = 28  # pixels of an image's side

# Matrices of Winograd's F(m, 3) by m (Lavin and Gray 2016): of inputs, kernels and outputs.
_WINOGRAD = {
    2: (
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    ),
    4: (
        np.array([
            [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
        ]),
        np.array([
            [6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24],
        ]) / 24,
        np.array([
            [1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1],
        ]),
    ),
}


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns the 3-D convolution of x with zeros around it, in the way that is fast for its shape.

  Args:
    x: [n, t, h, w, c_in], t a power of 2.
    kernel: [3, 3, 3, c_in, c_out].

  Returns:
    [n, t, h, w, c_out].
  """
  if x.dtype != jnp.float32 or x.shape[-1] < _MIN_WINOGRAD:
    return convolve_folded(x, kernel)
  return lax.platform_dependent(x, kernel, cpu=convolve_winograd, default=convolve_folded)


def convolve_folded(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns what `convolve` returns by one 2-D convolution.

  The channels of an image are those of a frame and of its neighbours, side by side. Few
  channels leave a processor idle: then 2 or 4 frames and their neighbours share an image, and
  zeros in the kernel keep apart what is no neighbour.
  """
  n, t, h, w, c = x.shape
  c_out = kernel.shape[-1]
  frames = min(t, 4 if c_out <= 8 else 2 if c_out <= 16 else 1)  # an image
  padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)))
  taps = [padded[:, tap : tap + t - frames + 1 : frames] for tap in range(frames + 2)]
  images = jnp.concatenate(taps, axis=-1).reshape(n * t // frames, h, w, -1)
  shifted = [jnp.pad(kernel, [(f, frames - 1 - f), *[(0, 0)] * 4]) for f in range(frames)]
  folded = jnp.stack(shifted, axis=-2)  # [frames + 2, 3, 3, c, frames, c_out]
  folded = folded.transpose(1, 2, 0, 3, 4, 5).reshape(3, 3, (frames + 2) * c, frames * c_out)
  y = lax.conv_general_dilated(images, folded, (1, 1), 'SAME', dimension_numbers=_CHANNELS_LAST)
  y = y.reshape(n, t // frames, h, w, frames, c_out)
  return y.transpose(0, 1, 4, 2, 3, 5).reshape(n, t, h, w, c_out)


def convolve_winograd(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns what `convolve` returns by Winograd's minimal filtering of height and width.

  Tiles of m x m outputs need (m + 2)^2 convolutions over time alone, where 9 m^2 would be plain:
  2.25 times fewer multiplications for m = 2, and 4 times fewer for m = 4.
  """
  n, t, h, w, _ = x.shape
  m = 4 if min(h, w) >= _MIN_LARGE_TILES else 2
  of_inputs, of_kernels, of_outputs = _WINOGRAD[m]
  rows, columns = -(-h // m), -(-w // m)  # of tiles
  margins = [(1, 1 + m * rows - h), (1, 1 + m * columns - w)]
  x = jnp.pad(x, ((0, 0), (1, 1), *margins, (0, 0)))
  tiles = []  # for each row of products the m columns of outputs: [n, t, rows, columns, c_out]
  for inputs, kernels in zip(
      _combine(of_inputs, _places(x, m, axis=2)), _combine(of_kernels, jnp.unstack(kernel, axis=1))
  ):
    products = [
        _convolve_time(*pair)
        for pair in zip(
            _combine(of_inputs, _places(inputs, m, axis=3)),
            _combine(of_kernels, jnp.unstack(kernels, axis=1)),
        )
    ]
    tiles.append(_combine(of_outputs, products))
  y = jnp.stack([jnp.stack(_combine(of_outputs, column), axis=3) for column in zip(*tiles)], axis=5)
  return y.reshape(n, t, m * rows, m * columns, -1)[:, :, :h, :w]


def _places(x, m, axis):
  """Returns what each of the m + 2 places of a tile holds along an axis, for all tiles."""
  last = x.shape[axis] - m - 2
  return [lax.slice_in_dim(x, place, place + last + 1, m, axis) for place in range(m + 2)]


def _combine(matrix, arrays):
  """Returns the sum of the arrays weighted by each row of the matrix, without products by zero."""
  return [sum(weight * x for weight, x in zip(row, arrays) if weight) for row in matrix.tolist()]


def _convolve_time(x, kernel):
  """Returns [n, t, h, w, c_out] for x [n, t + 2, h, w, c] and a kernel [3, c, c_out]."""
  n, _, h, w, c = x.shape
  y = lax.conv_general_dilated(
      x.reshape(n, -1, h * w, c), kernel[:, None], (1, 1), 'VALID',
      dimension_numbers=_CHANNELS_LAST,
  )
  return y.reshape(n, -1, h, w, kernel.shape[-1])
