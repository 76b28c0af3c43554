"""C3D (Tran et al. 2015) up to fc6, at any width and input size, and a head to pretrain it."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from wsstad_jax.models import convolution

CLIP_LENGTH = 16
CHANNELS = ((64,), (128,), (256, 256), (512, 512), (512, 512))  # of conv1a .. conv5b
FEATURE_DIM = 4096  # of fc6
NORM_MOMENTUM, NORM_EPSILON = 0.97, 1e-4
CONTRAST_FLOOR = 8.0  # grey levels; below it a window shows little but noise


def preprocess(clips_uint8: jax.Array) -> jax.Array:
  """Turns the colours of clips into what a small net needs to see motion at unseen sites.

  The three channels are the brightness, its distance from the clip's mean at the same pixel, in
  which a still background vanishes, and its change from the frame before. Two standard
  deviations of the clip's brightness are 1, so that light and contrast of a site matter less.

  Args:
    clips_uint8: [n, 16, s, s, 3] RGB.

  Returns:
    float32 [n, 16, s, s, 3].
  """
  return preprocess_grey(clips_uint8.astype(jnp.float32) @ jnp.array([0.299, 0.587, 0.114]))


def preprocess_grey(grey: jax.Array) -> jax.Array:
  """Returns what `preprocess` returns, for the brightness alone, 0 .. 255: [n, 16, s, s]."""
  grey = grey.astype(jnp.float32)
  mean = grey.mean((1, 2, 3), keepdims=True)
  contrast = jnp.maximum(grey.std((1, 2, 3), keepdims=True), CONTRAST_FLOOR)
  grey = (grey - mean) / (2 * contrast)
  moved = grey - grey.mean(1, keepdims=True)
  changed = jnp.diff(grey, axis=1, prepend=grey[:, :1])
  return jnp.stack([grey, 2 * moved, 4 * changed], axis=-1)


class C3D(nn.Module):
  """Turns clips into fc6 features after ReLU.

  Attributes:
    width: factor on every layer's size; 1 is Tran's net, 0.125 has fc6 of 512.
    compute_dtype: of convolutions and products; parameters and features stay float32.
    normalize: normalises the inputs of ReLU from block 2 on over the batch, for training from
      scratch; `fold_norms` makes parameters of the plain net of it.
  """

  width: float = 1.0
  compute_dtype: jnp.dtype = jnp.float32
  normalize: bool = False

  @property
  def feature_dim(self) -> int:
    """Size of fc6."""
    return round(FEATURE_DIM * self.width)

  @nn.compact
  def __call__(self, clips: jax.Array, *, train: bool = False) -> jax.Array:
    """Returns float32 [n, feature_dim] >= 0 for float clips [n, 16, s, s, 3]."""

    def normalized(x, name):
      if not self.normalize:
        return x
      norm = nn.BatchNorm(not train, momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=name)
      return norm(x)

    x = clips.astype(self.compute_dtype)
    for block, sizes in enumerate(CHANNELS, start=1):
      for letter, channels in zip('ab', sizes):
        name = f'conv{block}{letter}'
        x = Convolution(round(channels * self.width), name=name)(x)
        x = nn.relu(normalized(x, f'norm{block}{letter}') if block > 1 else x)
      x = max_pool(x, (2, 3) if block == 1 else (1, 2, 3))
    # [n, 1, h, w, c]; published fc6 weights expect channels before time, height and width.
    x = x.transpose(0, 4, 1, 2, 3).reshape(len(x), -1)
    he = nn.initializers.he_normal()
    x = nn.Dense(self.feature_dim, dtype=self.compute_dtype, kernel_init=he, name='fc6')(x)
    return nn.relu(normalized(x, 'norm6')).astype(jnp.float32)


def fold_norms(params: dict, stats: dict) -> dict:
  """Returns the parameters of a plain net that equals one with `normalize` outside training.

  Args:
    params: of a C3D with `normalize`.
    stats: its running means and variances, {'norm2a': {'mean': ..., 'var': ...}, ...}.
  """
  folded = {name: dict(layer) for name, layer in params.items() if not name.startswith('norm')}
  for name, stat in stats.items():
    layer = folded[name.replace('norm', 'fc' if name == 'norm6' else 'conv')]
    scale = params[name]['scale'] / jnp.sqrt(stat['var'] + NORM_EPSILON)
    layer['kernel'] = layer['kernel'] * scale
    layer['bias'] = (layer['bias'] - stat['mean']) * scale + params[name]['bias']
  return folded


class Convolution(nn.Module):
  """3x3x3 convolution, stride 1, zero padding 1, with bias; kernel [3, 3, 3, c_in, c_out]."""

  channels: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns [n, t, h, w, channels] for x [n, t, h, w, c_in]."""
    shape = (3, 3, 3, x.shape[-1], self.channels)
    kernel = self.param('kernel', nn.initializers.he_normal(), shape).astype(x.dtype)
    bias = self.param('bias', nn.initializers.zeros, (self.channels,)).astype(x.dtype)
    return convolution.convolve(x, kernel) + bias[None, None, None, None]


def max_pool(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
  """Halves `axes` of x by the maximum of neighbouring pairs, that is of 2 x 2 (x 2) windows.

  An odd side is rounded up as Caffe does: the last window is cut off at the end, none is shifted.
  Pair by pair has a far cheaper gradient on the CPU than `lax.reduce_window`.
  """
  for axis in reversed(axes):
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    odd = x.shape[axis] % 2
    x = jnp.pad(x, [(0, odd if a == axis else 0) for a in range(x.ndim)], constant_values=-jnp.inf)
    pairs = x.reshape(*before, x.shape[axis] // 2, 2, *after)
    x = jnp.maximum(*jnp.unstack(pairs, axis=axis + 1))
  return x


class MotionHead(nn.Module):
  """Linear read-out of generic motion labels from fc6, used in pretraining alone."""

  num_labels: int

  @nn.compact
  def __call__(self, features: jax.Array) -> jax.Array:
    """Returns raw outputs [n, num_labels] for features [n, d]."""
    return nn.Dense(self.num_labels, name='labels')(features)
