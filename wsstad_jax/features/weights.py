"""Weights of C3D with an array 'conv1a/kernel' ... for each parameter.

They are one npz file, which is how the small net comes with the code, or a folder written by
Orbax, as all other parameters are.
"""

import hashlib
import os
from typing import Any

import flax
import jax
import numpy as np
import orbax.checkpoint as ocp

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.features import store
from wsstad_jax.models import c3d


def write_weights(path: str, params: dict[str, Any]) -> None:
  """Writes the parameters of C3D atomically, in the dtype that they have.

  Args:
    path: *.npz, or else the folder for Orbax, which may not be there yet.
    params: nested by layer.

  Raises:
    ValueError: the folder is there.
  """
  flat = flax.traverse_util.flatten_dict(jax.tree.map(np.asarray, params), sep='/')
  if path.endswith('.npz'):
    store.write_arrays(path, **flat)
    return
  with ocp.PyTreeCheckpointer() as checkpointer:
    checkpointer.save(os.path.abspath(path), flat)
  files.write_digests(path)


def read_weights(path: str, net: c3d.C3D, *, size: int) -> dict[str, Any]:
  """Returns the float32 parameters of `net` for clips of `size` pixels.

  Raises:
    UserError: the file is missing or broken, or a name or shape differs from the net's.
  """
  clips = jax.ShapeDtypeStruct((1, c3d.CLIP_LENGTH, size, size, 3), np.float32)
  params = jax.eval_shape(net.init, jax.random.key(0), clips)['params']
  expected = flax.traverse_util.flatten_dict(params, sep='/')
  found = _read_arrays(path)
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


def digest(path: str) -> str:
  """Returns the SHA-256 of weights: of the npz file, or of the arrays in a folder.

  The files of a folder would differ from one writing to the next.

  Raises:
    UserError: they are missing or broken.
  """
  if not os.path.isdir(path):
    return store.file_digest(path)
  digest_of_all = hashlib.sha256()
  for name, array in sorted(_read_arrays(path).items()):
    digest_of_all.update(f'{name} {array.dtype} {array.shape} '.encode() + array.tobytes())
  return digest_of_all.hexdigest()


def _read_arrays(path: str) -> dict[str, np.ndarray]:
  if not os.path.exists(path):
    raise UserError(
        f'the weights of C3D, {path}, are missing. Take those that come with the code '
        '(--config.c3d.weights=checkpoints/c3d_small.npz) or train some (--mode=pretrain).'
    )
  if not os.path.isdir(path):
    return store.read_arrays(path)
  whole = os.path.exists(os.path.join(path, files.DIGESTS))
  damaged = files.find_damage(path) if whole else files.DIGESTS
  if damaged:
    raise UserError(
        f'{path} is no folder of weights, or damaged: {damaged} is missing or not as it was '
        'written. Import them again into another folder (--mode=import_c3d).'
    )
  with ocp.PyTreeCheckpointer() as checkpointer:
    names = checkpointer.metadata(os.path.abspath(path)).item_metadata.tree
    restore_args = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in names}
    return checkpointer.restore(os.path.abspath(path), restore_args=restore_args)
