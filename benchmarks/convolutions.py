"""Ways to do a 3x3x3 convolution, beside those of the net."""

import jax
import jax.numpy as jnp
from jax import lax

from wsstad_jax.models import c3d


def convolve_summed(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns the 3-D convolution as the sum of three 2-D ones, one for each time tap."""
  n, t, h, w, c = x.shape
  padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)))
  return sum(
      convolve_frames(padded[:, tap : tap + t].reshape(n * t, h, w, c), kernel[tap])
      for tap in range(3)
  ).reshape(n, t, h, w, -1)


def convolve_winograd_time(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns the 3-D convolution by Winograd's F(2, 3) over time: 4 2-D ones for 2 frames, not 6."""
  n, t, h, w, c = x.shape
  padded = jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)))
  d = [padded[:, tap : tap + t : 2].reshape(-1, h, w, c) for tap in range(4)]
  g = kernel
  m = [
      convolve_frames(d[0] - d[2], g[0]),
      convolve_frames(d[1] + d[2], (g[0] + g[1] + g[2]) / 2),
      convolve_frames(d[2] - d[1], (g[0] - g[1] + g[2]) / 2),
      convolve_frames(d[1] - d[3], g[2]),
  ]
  y = jnp.stack([m[0] + m[1] + m[2], m[1] - m[2] - m[3]], axis=1)  # [n * t/2, 2, h, w, c_out]
  return y.reshape(n, t, h, w, -1)


def convolve_frames(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns the 2-D convolution [n, h, w, c_out] of x [n, h, w, c] with kernel [3, 3, c, c_out]."""
  dimensions = ('NHWC', 'HWIO', 'NHWC')
  return lax.conv_general_dilated(x, kernel, (1, 1), 'SAME', dimension_numbers=dimensions)


# By name: the function, and options of the compiler.
WAYS = {
    'folded': (c3d.convolve_folded, {}),
    'native': (c3d.convolve_native, {}),
    'native_channels_last': (c3d.convolve_native, {'xla_gpu_force_conv_nhwc': True}),
    'summed': (convolve_summed, {}),
    'winograd_time': (convolve_winograd_time, {}),
}
