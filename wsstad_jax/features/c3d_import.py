"""Weights of Tran's C3D as others keep them, made into ours.

All of them derive from one Caffe model, trained on Sports-1M: its kernels expect BGR, 0..255
minus a mean (`config.c3d.preprocessing='caffe'`), and the inputs of fc6 are ordered by channel,
time, height and width.
"""

from typing import Any

import flax
import jax
import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.features import caffe_file
from wsstad_jax.features import keras_file
from wsstad_jax.features import torch_file
from wsstad_jax.models import c3d

FORMATS = 'a torch pickle (c3d.pickle), a Keras HDF5 file or a Caffe model'

_LAYERS = ('conv1a', 'conv2a', 'conv3a', 'conv3b', 'conv4a', 'conv4b', 'conv5a', 'conv5b', 'fc6')
_UNUSED = ('fc7', 'fc8')  # the classifier of Sports-1M
_SYNONYMS = {'conv1': 'conv1a', 'conv2': 'conv2a', 'fc6-1': 'fc6', 'fc7-1': 'fc7', 'fc8-1': 'fc8'}


def read_foreign_weights(path: str, net: c3d.C3D, *, size: int) -> dict[str, Any]:
  """Returns the parameters of `net`, float32, from a file of torch, Keras or Caffe.

  The format is told by the content. No code of the file is run.

  Args:
    path: the file.
    net: what the weights have to fit to the last shape.
    size: side of the net's input, pixels.

  Raises:
    UserError: the file is missing, broken or of another format, or a name is missing, not
      known or misshapen; all faults of that kind are listed.
  """
  arrays = {}
  for name, array in _read_arrays(path).items():
    layer, _, part = name.rpartition('.')
    arrays[f'{_SYNONYMS.get(layer, layer)}.{part}'] = array
  clips = jax.ShapeDtypeStruct((1, c3d.CLIP_LENGTH, size, size, 3), np.float32)
  ours = jax.eval_shape(net.init, jax.random.key(0), clips)['params']
  shapes = {}
  for layer in _LAYERS:
    kernel = ours[layer]['kernel'].shape
    shapes[f'{layer}.weight'] = (*reversed(kernel[-2:]), *kernel[:-2])
    shapes[f'{layer}.bias'] = ours[layer]['bias'].shape
  _check(path, arrays, shapes, net, size)
  flat = {}
  for layer in _LAYERS:
    weight = arrays[f'{layer}.weight']
    kernel = weight.transpose(*range(2, weight.ndim), 1, 0)
    flat[layer, 'kernel'] = np.ascontiguousarray(kernel, np.float32)
    flat[layer, 'bias'] = np.array(arrays[f'{layer}.bias'], np.float32)
  return flax.traverse_util.unflatten_dict(flat)


def _read_arrays(path: str) -> dict[str, np.ndarray]:
  """Returns 'conv1.weight' ... as they are named in the file, in the layout of Caffe."""
  try:
    with open(path, 'rb') as file:
      start = file.read(16)
    if start.startswith((torch_file.ZIP_START, torch_file.LEGACY_START)):
      return torch_file.read_tensors(path)
    if start.startswith(keras_file.START):
      return keras_file.read_layers(path, _LAYERS + _UNUSED)
    return caffe_file.read_blobs(path)
  except FileNotFoundError as error:
    raise UserError(f'--weights={path} is not there; expected is {FORMATS}.') from error
  except Exception as error:  # a broken pickle may fail in any way
    raise UserError(
        f'--weights={path} cannot be read as {FORMATS}: {error or type(error).__name__}. '
        'Download it again, or check that it is the file of weights.'
    ) from error


def _check(path, arrays, shapes, net, size) -> None:
  unused = {f'{layer}.{part}' for layer in _UNUSED for part in ('weight', 'bias')}
  faults = [f'{name} is missing' for name in shapes.keys() - arrays.keys()]
  faults += [f'{name} is not of this net' for name in arrays.keys() - shapes.keys() - unused]
  for name in shapes.keys() & arrays.keys():
    if arrays[name].shape != shapes[name]:
      faults.append(f'{name} has shape {arrays[name].shape}, expected {shapes[name]}')
    elif not np.isfinite(arrays[name]).all():
      faults.append(f'{name} has values that are not finite')
  if faults:
    raise UserError(
        f'--weights={path} does not fit C3D (width={net.width}, size={size}):\n  '
        + '\n  '.join(sorted(faults))
    )
