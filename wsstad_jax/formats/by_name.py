"""Which format a box file has, by its name; the one rule of all data sets."""

from collections.abc import Callable
import os
import pathlib

from wsstad_jax.core.errors import UserError
from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import boxes_json
from wsstad_jax.formats import coco
from wsstad_jax.formats import cvat
from wsstad_jax.formats import liu_ma
from wsstad_jax.formats import mot
from wsstad_jax.formats import sst
from wsstad_jax.formats import table
from wsstad_jax.formats import vatic

# What lies in a folder of boxes, by format. Files of one video are named as the video.
PATTERNS = {
    'csv': 'boxes.csv',
    'json': 'boxes.json',
    'coco': 'coco.json',
    'mot': 'mot/**/*.txt',
    'cvat': 'cvat/**/*.xml',
    'vatic': 'vatic/**/*.txt',
    'liu_ma': 'liu_ma*.pkl',
    'sst': 'sst*.json',
}
_READERS: dict[str, Callable[..., table.BoxTable]] = {
    'csv': boxes_csv.read,
    'json': boxes_json.read,
    'coco': coco.read,
    'mot': mot.read,
    'cvat': cvat.read,
    'vatic': vatic.read,
    'liu_ma': liu_ma.read,
    'sst': sst.read,
}
_OF_ONE_VIDEO = ('mot', 'cvat', 'vatic')
_COCO_IMAGES = 'coco_images.json'  # beside a coco.json that holds results alone


def read_folder(
    folder: str | os.PathLike, kind: str = '', *, flag: str = 'config.data.boxes'
) -> table.BoxTable | None:
  """Returns the boxes of the files in a folder; None if there are none.

  Args:
    folder: where the files of `PATTERNS` lie.
    kind: the format to be read; '' if there is no other.
    flag: by which the `kind` can be chosen, for messages; '' if there is none.

  Raises:
    UserError: a file cannot be read, there are several formats and `kind` is '', or there
      is no file of the `kind`.
  """
  folder = pathlib.Path(folder)
  if kind and kind not in PATTERNS:
    raise UserError(f'{flag} is {kind!r}; there are {", ".join(PATTERNS)}.')
  found = {
      name: sorted(path for path in folder.glob(pattern) if path.is_file())
      for name, pattern in PATTERNS.items()
      if not kind or kind == name
  }
  found = {name: paths for name, paths in found.items() if paths}
  if kind and not found:
    raise UserError(f'{folder} lacks {PATTERNS[kind]}, the boxes of {flag}={kind!r}.')
  if len(found) > 1:
    raise UserError(
        f'{folder} holds boxes in several formats: {", ".join(PATTERNS[name] for name in found)}. '
        + (f'Choose one of them: --{flag}={"|".join(found)}.' if flag else
           'Give the file or folder itself that is meant.')
    )
  for name, paths in found.items():
    return table.concatenate(_read(name, path, folder) for path in paths)
  return None


def _read(kind: str, path: pathlib.Path, folder: pathlib.Path) -> table.BoxTable:
  if kind in _OF_ONE_VIDEO:
    video = path.relative_to(folder / kind).with_suffix('').as_posix()
    return _READERS[kind](path, video=video)
  images = folder / _COCO_IMAGES
  if kind == 'coco' and images.exists():
    return coco.read(path, images=images)
  return _READERS[kind](path)
