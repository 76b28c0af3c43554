"""Weights of C3D from an HDF5 file of Keras."""

import re

import h5py
import numpy as np

START = b'\x89HDF'


def read_layers(path: str, layers: tuple[str, ...]) -> dict[str, np.ndarray]:
  """Returns 'conv1.weight', 'conv1.bias' ... in the layout of Caffe and torch.

  Shapes are [out, in, t, h, w] for convolutions and [out, in] for dense layers; the inputs of
  fc6 are ordered by channel, time, height, width. Three kinds of files are around:

  * kernels [t, h, w, in, out], as for TensorFlow. The inputs of fc6 are then ordered by time,
    height, width, channel.
  * kernels [out, in, t, h, w] in named layers, as for Theano, which mirrors kernels in time,
    height and width: so they were mirrored in the file (c3d-keras).
  * the same in layers 'layer_0', 'layer_2' ... (Keras 0.3, `c3d-sports1M_weights.h5`). The
    script that made this file mirrored height and width alone.

  Args:
    path: the file: weights, or a whole model.
    layers: names for numbered layers, in order.

  Raises:
    OSError, ValueError: the file cannot be read, or its layout is none of these.
  """
  found = _read_datasets(path)
  numbered = all(re.fullmatch(r'layer_\d+', layer) for layer, _ in found)
  if numbered:
    order = sorted({layer for layer, _ in found}, key=lambda layer: int(layer[6:]))
    names = dict(zip(order, layers)) | {layer: layer for layer in order[len(layers) :]}
    found = {(names[layer], part): array for (layer, part), array in found.items()}
  mirrored = (-2, -1) if numbered else (-3, -2, -1)
  kernels = [array for array in found.values() if array.ndim == 5]
  if not kernels:
    raise ValueError('it has no 3-D convolution')
  channels_last = all(kernel.shape[:3] == (3, 3, 3) for kernel in kernels)
  if not channels_last and any(kernel.shape[2:] != (3, 3, 3) for kernel in kernels):
    raise ValueError('its kernels are neither [3, 3, 3, in, out] nor [out, in, 3, 3, 3]')
  arrays = {}
  for (layer, part), array in found.items():
    if array.ndim == 5:
      array = array.transpose(4, 3, 0, 1, 2) if channels_last else np.flip(array, mirrored)
    elif array.ndim == 2:
      array = _channels_first(array) if layer == 'fc6' and channels_last else array.T
    arrays[f'{layer}.{part}'] = array
  return arrays


def _read_datasets(path: str) -> dict[tuple[str, str], np.ndarray]:
  """Returns arrays by layer and 'weight' or 'bias'; the state of an optimizer is left out."""
  found = {}

  def visit(name, item):
    folders = name.split('/')[:-1]
    if isinstance(item, h5py.Dataset) and folders and folders[0] != 'optimizer_weights':
      key = folders[-1], 'weight' if item.ndim > 1 else 'bias'
      if key in found:
        raise ValueError(f'layer {folders[-1]} has more arrays than a kernel and a bias')
      found[key] = item[()]

  with h5py.File(path) as file:
    file.visititems(visit)
  return found


def _channels_first(kernel: np.ndarray) -> np.ndarray:
  """Returns fc6 [out, c * h * w] of a kernel [h * w * c, out], 4 by 4 positions (Tran 2015)."""
  rows, units = kernel.shape
  if rows % 16:
    raise ValueError(f'fc6 has {rows} inputs, which are not those of 4 by 4 positions')
  return kernel.reshape(4, 4, rows // 16, units).transpose(3, 2, 0, 1).reshape(units, rows)
