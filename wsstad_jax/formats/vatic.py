"""VATIC text, as of UCFCrime2Local: one annotated box a row and frame."""

import os
import pathlib
import shlex

from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows

_EXPECTED = (
    'rows `id xmin ymin xmax ymax frame lost occluded generated "label"` (attributes may '
    'follow), frames from 0, the three marks 0 or 1'
)
_MARKS = ('lost', 'occluded', 'generated')


def read(path: str | os.PathLike, *, video: str | None = None) -> BoxTable:
  """Returns the boxes of one video, without those marked as lost (outside of the view).

  Args:
    path: the text file.
    video: its video; the name of the file without ending if None.

  Raises:
    UserError: the file cannot be read, or a row is no box.
  """
  source = Source(path, _EXPECTED)
  rows = Rows(source, sides=('xmin', 'ymin', 'xmax', 'ymax'))
  video = video or pathlib.Path(path).stem
  for entry, line in source.read_rows():
    try:
      values = shlex.split(line)
    except ValueError as error:
      raise source.fault(entry, f'a quotation does not end ({error})') from error
    if len(values) < 10:
      raise source.fault(entry, f'there are {len(values)} columns')
    track, *box, frame = values[:6]
    for mark, value in zip(_MARKS, values[6:9]):
      if value not in ('0', '1'):
        raise source.fault(entry, f'{mark} is {shown(value)}')
    if values[6] == '0':
      rows.add(entry, video=video, frame=frame, track=track, box=box, category=values[9])
  return rows.table()
