"""--mode=import_c3d: the published C3D, trained on Sports-1M, as config.c3d.weights."""

import os

from wsstad_jax.core.errors import UserError
from wsstad_jax.features import c3d_import
from wsstad_jax.features import weights as weights_lib
from wsstad_jax.models import c3d


def import_c3d(weights: str | None, out: str) -> None:
  """Writes the weights of a torch, Keras or Caffe file in our format; prints how to use them.

  Args:
    weights: the file to read; a user may have forgotten it.
    out: what to write: a folder, by Orbax, or a file, *.npz.

  Raises:
    UserError: the weights cannot be read or are not those of Tran's C3D, or `out` has another
      ending, is a folder that is there already or cannot be written.
  """
  if not weights:
    raise UserError(f'--mode=import_c3d needs --weights=FILE: {c3d_import.FORMATS}.')
  if os.path.splitext(out)[1] not in ('', '.npz'):
    raise UserError(f'--out={out} must end in .npz, or be a folder without an ending.')
  if os.path.isdir(out):
    raise UserError(f'--out={out} is there already; remove it or give another folder.')
  params = c3d_import.read_foreign_weights(weights, c3d.C3D(width=1.0), size=112)
  try:
    weights_lib.write_weights(out, params)
  except OSError as error:
    raise UserError(f'--out={out} cannot be written: {error.strerror}.') from error
  print(
      f'Use it with --config.c3d.weights={out} --config.c3d.width=1.0 --config.c3d.size=112 '
      '--config.c3d.preprocessing=caffe'
  )
