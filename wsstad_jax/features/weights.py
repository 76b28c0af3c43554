"""Weights of C3D as one npz file, with an array 'conv1a/kernel' ... for each parameter."""

import os
from typing import Any

import flax
import jax
import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.features import store
from wsstad_jax.models import c3d


def write_weights(path: str, params: dict[str, Any]) -> None:
  """Writes the parameters of C3D atomically, in the dtype that they have."""
  flat = flax.traverse_util.flatten_dict(params, sep='/')
  store.write_arrays(path, **{name: np.asarray(value) for name, value in flat.items()})


def read_weights(path: str, net: c3d.C3D, *, size: int) -> dict[str, Any]:
  """Returns the float32 parameters of `net` for clips of `size` pixels.

  Raises:
    UserError: the file is missing or broken, or a name or shape differs from the net's.
  """
  if not os.path.exists(path):
    raise UserError(
        f'the weights of C3D, {path}, are missing. Take those that come with the code '
        '(--config.c3d.weights=checkpoints/c3d_small.npz) or train some (--mode=pretrain).'
    )
  clips = jax.ShapeDtypeStruct((1, c3d.CLIP_LENGTH, size, size, 3), np.float32)
  params = jax.eval_shape(net.init, jax.random.key(0), clips)['params']
  expected = flax.traverse_util.flatten_dict(params, sep='/')
  found = store.read_arrays(path)
  faults = [f'{name} is missing' for name in expected.keys() - found.keys()]
  faults += [f'{name} is not of this net' for name in found.keys() - expected.keys()]
  faults += [
      f'{name} has shape {found[name].shape}, expected {expected[name].shape}'
      for name in expected.keys() & found.keys()
      if found[name].shape != expected[name].shape
  ]
  if faults:
    raise UserError(
        f'{path} does not fit config.c3d (width={net.width}, size={size}):\n  '
        + '\n  '.join(sorted(faults))
    )
  flat = {name: value.astype(np.float32) for name, value in found.items()}
  return flax.traverse_util.unflatten_dict(flat, sep='/')
