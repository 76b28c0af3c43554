"""Boxes as comma-separated values with a header: video,frame,x_min,y_min,x_max,y_max."""

import csv
import os

from wsstad_jax.core import files
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows
from wsstad_jax.formats.table import UNTRACKED

_EXPECTED = (
    'a header that names video, frame, x_min, y_min, x_max and y_max (and, if known, track, '
    'score and class), then one box a row'
)
_SIDES = ('x_min', 'y_min', 'x_max', 'y_max')
_NEEDED = ('video', 'frame', *_SIDES)
# A region is numbered anew in every frame; it is no track.
_KNOWN = (*_NEEDED, 'track', 'region', 'score', 'class')


def read(path: str | os.PathLike) -> BoxTable:
  """Returns the boxes; frames count from 0, x_max and y_max are exclusive.

  Raises:
    UserError: the file cannot be read, or a row is no box.
  """
  source = Source(path, _EXPECTED)
  lines = source.read_text().splitlines()
  try:
    parsed = csv.reader(lines, strict=True)
    header = [name.strip() for name in next(parsed)]
    _check_header(source, header)
    rows = Rows(source)
    for values in parsed:
      entry = f'row {parsed.line_num}'
      if not values:
        continue
      if len(values) != len(header):
        raise source.fault(entry, f'there are {len(values)} columns, the header has {len(header)}')
      row = dict(zip(header, values))
      rows.add(
          entry,
          video=row['video'].strip(),
          frame=row['frame'],
          box=[row[side] for side in _SIDES],
          track=row.get('track', UNTRACKED),
          score=row.get('score', 1.0),
          category=row.get('class', '').strip(),
      )
  except csv.Error as error:
    raise source.fault(f'row {parsed.line_num}', f'it cannot be divided ({error})') from error
  return rows.table()


def _check_header(source: Source, header: list[str]) -> None:
  missing = [name for name in _NEEDED if name not in header]
  if missing:
    raise source.fault('row 1', f'the header lacks {", ".join(missing)}')
  unknown = [name for name in header if name not in _KNOWN]
  if unknown or len(set(header)) < len(header):
    found = f'unknown columns {unknown}' if unknown else f'a column twice: {header}'
    raise source.fault('row 1', f'the header has {found[:200]}')


def write(path: str | os.PathLike, table: BoxTable) -> None:
  """Writes a table with all columns; boxes without a track have -1 there."""
  columns = zip(
      table.videos, table.frames.tolist(), table.tracks.tolist(), *table.boxes_xyxy.T.tolist(),
      table.scores.tolist(), table.classes,
  )
  with files.atomic_path(os.fspath(path)) as temporary:
    with open(temporary, 'w', encoding='utf-8', newline='') as file:
      writer = csv.writer(file, lineterminator='\n')
      writer.writerow(['video', 'frame', 'track', *_SIDES, 'score', 'class'])
      writer.writerows(columns)
