"""MOTChallenge text: frame,id,left,top,width,height,confidence[,x,y,z], frames from 1."""

import os
import pathlib

from wsstad_jax.core import files
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows

_EXPECTED = (
    'rows frame,id,left,top,width,height[,confidence[,...]] of 6 to 10 columns, frames from 1, '
    'pixels from 0, id -1 if unknown, confidence in [0, 1]'
)
_SIDES = ('left', 'top', 'width', 'height')
_UNKNOWN = (-1, '-1')  # a confidence that is not given


def read(path: str | os.PathLike, *, video: str | None = None) -> BoxTable:
  """Returns the boxes of one video; the columns after the confidence are not read.

  Args:
    path: the text file.
    video: its video; the name of the file without ending if None.

  Raises:
    UserError: the file cannot be read, or a row is no box.
  """
  source = Source(path, _EXPECTED)
  rows = Rows(source, first_frame=1, sides=_SIDES)
  video = video or pathlib.Path(path).stem
  for entry, line in source.read_rows():
    values = [value.strip() for value in line.split(',')]
    if not 6 <= len(values) <= 10:
      raise source.fault(entry, f'there are {len(values)} columns')
    score = values[6] if len(values) > 6 and values[6] not in _UNKNOWN else 1.0
    rows.add(
        entry, video=video, frame=values[0], track=values[1], box=values[2:6], score=score
    )
  return rows.table()


def write(path: str | os.PathLike, table: BoxTable) -> None:
  """Writes the boxes of one video; their classes have no place in this format."""
  if len(set(table.videos)) > 1:
    raise ValueError(f'a MOT file holds one video, not {len(set(table.videos))}')
  with files.atomic_path(os.fspath(path)) as temporary:
    with open(temporary, 'w', encoding='utf-8') as file:
      for frame, track, (left, top, right, bottom), score in zip(
          table.frames.tolist(), table.tracks.tolist(), table.boxes_xyxy.tolist(),
          table.scores.tolist(),
      ):
        box = f'{left!r},{top!r},{right - left!r},{bottom - top!r}'
        file.write(f'{frame + 1},{track},{box},{score!r},-1,-1,-1\n')
