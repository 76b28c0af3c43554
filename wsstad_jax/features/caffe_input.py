"""Clips as Tran's C3D saw them in Caffe, for the weights trained there.

Caffe resizes a frame to 128 by 171 pixels, whatever its proportions, takes the mean off and
cuts out the middle 112 by 112, in the order BGR and without any division. A whole image is
treated so here too. The square window of a tube takes the place of that middle: it is resized
to 112 by 112 itself, because a second cut would take the tube's own rim off.
"""

from collections.abc import Sequence

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from wsstad_jax.core.errors import UserError

_HEIGHT, _WIDTH, _CROP = 128, 171, 112  # pixels
_CUBE = (16, _HEIGHT, _WIDTH, 3)


def cut_image(frames: Sequence[np.ndarray], size: int) -> np.ndarray:
  """Returns the middle of whole images, uint8 [f, size, size, 3], of f frames [h, w, 3].

  For another size than 112, the resized frame is larger or smaller in proportion.
  """
  height, width = (round(side * size / _CROP) for side in (_HEIGHT, _WIDTH))
  top, left = (height - size) // 2, (width - size) // 2
  # Bilinear and without averaging, as the weights know it.
  return np.stack([
      cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)[
          top : top + size, left : left + size
      ]
      for frame in frames
  ])


def read_mean(path: str, mean_bgr: tuple[float, float, float], *, size: int) -> np.ndarray:
  """Returns what is to be taken off clips: float32 [16 or 1, size or 1, size or 1, 3], BGR.

  Args:
    path: a .npy file of the mean of the training clips, BGR, of shape [16, 128, 171, 3] or
      [3, 16, 128, 171], with or without a leading axis of size 1; its middle is used. If
      empty, `mean_bgr` is taken off.
    mean_bgr: of each channel.
    size: side of the clips, pixels.

  Raises:
    UserError: the file cannot be read or has another shape, or the size is not 112.
  """
  if not path:
    return np.float32(mean_bgr).reshape(1, 1, 1, 3)
  try:
    cube = np.load(path, allow_pickle=False)
  except (OSError, ValueError, EOFError) as error:
    raise UserError(f'config.c3d.mean_file={path} cannot be read as .npy: {error}') from error
  shape = getattr(cube, 'shape', ())  # an archive has none
  if shape[:1] == (1,):
    cube = cube[0]
  if shape[-4:] == (3, *_CUBE[:3]):
    cube = cube.transpose(1, 2, 3, 0)
  if getattr(cube, 'shape', ()) != _CUBE or size != _CROP:
    raise UserError(
        f'config.c3d.mean_file={path} has the shape {shape} at config.c3d.size={size}; expected '
        f'is {_CUBE} or {(3, *_CUBE[:3])} at {_CROP}.'
    )
  top, left = (_HEIGHT - _CROP) // 2, (_WIDTH - _CROP) // 2
  return np.float32(cube[:, top : top + _CROP, left : left + _CROP])


def preprocess(clips_uint8: jax.Array, mean: jax.Array) -> jax.Array:
  """Returns float32 [n, 16, s, s, 3], BGR less the mean of `read_mean`, for RGB clips."""
  return clips_uint8[..., ::-1].astype(jnp.float32) - mean
