"""A folder of numbered images, read as a video."""

from collections.abc import Iterator
import os
import re

import av
import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import VideoFacts

FRAMES_PER_SECOND = 25.0  # images do not tell; only times in reports depend on it
_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff')
_NUMBER = re.compile(r'(\d+)$', re.ASCII)
_JPEG_END = b'\xff\xd9'
_JPEG_TAIL_BYTES = 4096  # what some cameras write after the end


def is_image_folder(path: str | os.PathLike) -> bool:
  """Returns whether a path is a folder with at least one image in it."""
  return os.path.isdir(path) and any(map(_is_image, os.listdir(path)))


def list_images(folder: str | os.PathLike) -> list[str]:
  """Returns the images of a folder by their numbers, which end their names: 'a_007.jpg'.

  The first may have any number; from there they are consecutive. Other files are ignored.

  Raises:
    UserError: an image has no number, two have the same, or one is missing.
  """
  paths = {}
  for name in sorted(filter(_is_image, os.listdir(folder))):
    found = _NUMBER.search(os.path.splitext(name)[0])
    if not found:
      raise _unusable(folder, f'the image {name} has no number')
    number = int(found[1])
    if number in paths:
      raise _unusable(folder, f'{os.path.basename(paths[number])} and {name} have one number')
    paths[number] = os.path.join(folder, name)
  for number in range(min(paths), max(paths)):
    if number not in paths:
      raise _unusable(folder, f'the image of number {number} is missing')
  return [paths[number] for number in sorted(paths)]


def read_facts(folder: str | os.PathLike) -> VideoFacts:
  """Returns size and number of the images of a folder.

  Raises:
    UserError: as `list_images`, or the first image cannot be decoded.
  """
  paths = list_images(folder)
  height, width = _read(paths[0]).shape[:2]
  return VideoFacts(os.fspath(folder), width, height, FRAMES_PER_SECOND, len(paths))


def iterate_frames(folder: str | os.PathLike) -> Iterator[np.ndarray]:
  """Yields the images, RGB uint8 [h, w, 3], all of one size.

  Raises:
    UserError: as `list_images`, or an image cannot be decoded or has another size.
  """
  first = None
  for path in list_images(folder):
    frame = _read(path)
    first = frame.shape if first is None else first
    if frame.shape != first:
      sizes = f'{frame.shape[1]}x{frame.shape[0]}, the first one {first[1]}x{first[0]}'
      raise _unusable(folder, f'{os.path.basename(path)} has {sizes} pixels')
    yield frame


def _read(path: str) -> np.ndarray:
  folder, name = os.path.split(path)
  try:
    with open(path, 'rb') as file:
      content = file.read()
    # What is missing of a JPEG would be made up.
    whole = not path.lower().endswith(('.jpg', '.jpeg')) or _JPEG_END in content[-_JPEG_TAIL_BYTES:]
    with av.open(path) as container:
      frame = next(container.decode(video=0), None) if whole and container.streams.video else None
  except (av.error.FFmpegError, OSError) as error:
    raise _unusable(folder, f'{name} ({error.strerror})') from error
  if frame is None:
    raise _unusable(folder, f'{name} is damaged')
  return frame.to_ndarray(format='rgb24')


def _is_image(name: str) -> bool:
  return name.lower().endswith(_SUFFIXES) and not name.startswith('.')


def _unusable(folder: str | os.PathLike, found: str) -> UserError:
  return UserError(
      f'cannot read the images in {folder} as a video: {found}. Expected images of one size with '
      'consecutive numbers at the end of their names (000.jpg, 001.jpg ...): copy them again, or '
      'remove the folder.'
  )
