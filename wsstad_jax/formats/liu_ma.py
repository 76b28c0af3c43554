"""The pickles of Liu & Ma 2019: one box for each annotated frame of UCF-Crime.

{'Abuse001_x264': [['/any/folder/Abuse001_x264/image_0245.jpg', x1, y1, x2, y2], ...], ...}
Images are numbered from 1 and edges are those of MATLAB, from 1 with the maximum inside
(the smallest edge in the files is 1, the largest 320 and 240 in images of 320x240).
"""

import io
import os
import pickle
import re

from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows

_EXPECTED = (
    'a pickle of plain values: {video: [[path ending in image_<number>.jpg, x1, y1, x2, y2], '
    '...], ...}'
)
_IMAGE = re.compile(r'(?:.*[/\\])?image_(\d+)\.jpg', re.ASCII)


def read(path: str | os.PathLike) -> BoxTable:
  """Returns the boxes; those of one video are one track.

  Nothing of the file is executed: a pickle that names a class or function is refused.

  Raises:
    UserError: the file cannot be read or names a class or function, or an entry is no box.
  """
  source = Source(path, _EXPECTED)
  rows = Rows(source, first_frame=1, sides=('x1', 'y1', 'x2', 'y2'), offset_xyxy=(-1, -1, 0, 0))
  for video, boxes in source.mapping(_load(source), '').items():
    for number, values in enumerate(source.sequence(boxes, f'video {shown(video)}')):
      entry = f'video {shown(video)}, entry {number}'
      image, *box = source.sequence(values, entry, length=5)
      found = _IMAGE.fullmatch(image) if isinstance(image, str) else None
      if not found:
        raise source.fault(entry, f'the image is {shown(image)}')
      rows.add(entry, video=video, frame=found[1], box=box, track=0)
  return rows.table()


class _PlainUnpickler(pickle.Unpickler):
  """Knows numbers, text, lists and dicts alone."""

  def find_class(self, module_name, global_name):
    raise pickle.UnpicklingError(f'it wants to run {module_name}.{global_name}, which is refused')


def _load(source: Source) -> object:
  content = source.read_bytes()
  try:
    return _PlainUnpickler(io.BytesIO(content)).load()
  # A broken pickle raises errors of nearly every kind.
  except Exception as error:  # pylint: disable=broad-exception-caught
    reason = ' '.join(str(error)[:200].split()) or type(error).__name__
    raise source.fault('', f'it is no pickle of plain values ({reason})') from error
