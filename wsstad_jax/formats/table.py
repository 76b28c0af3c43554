"""The table that all box formats are read into: one box a row."""

from collections.abc import Iterable, Sequence
import dataclasses
import math
import re

import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown

UNTRACKED = -1

_MAX_FRAME = 10**8  # 46 days at 25 frames a second
_MAX_COORDINATE = 10**5  # pixels
_MAX_ROWS = 10**7
_MAX_NAME = 300  # characters
_NUMBER = re.compile(r'[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?', re.ASCII)
_SIDES = ('x_min', 'y_min', 'x_max', 'y_max')


@dataclasses.dataclass(frozen=True)
class BoxTable:
  """Boxes of any number of videos.

  Attributes:
    videos: object [n], the name of the video of each box as its file has it.
    frames: int32 [n], 0-based.
    tracks: int32 [n], the boxes of one object or event in a video share a number >= 0;
      UNTRACKED where the file does not tell.
    boxes_xyxy: float32 [n, 4], pixels, x_max and y_max exclusive; may reach out of the image.
    scores: float32 [n], in [0, 1]; 1 where the file has none.
    classes: object [n], the name of what the box encloses; '' where the file has none.
    joined: bool [n], True if the boxes between the one before of the same track and this
      one are said to lie on straight lines, however far apart the two are.
    places: object [n], file and row of each box, for messages.
  """

  videos: np.ndarray
  frames: np.ndarray
  tracks: np.ndarray
  boxes_xyxy: np.ndarray
  scores: np.ndarray
  classes: np.ndarray
  joined: np.ndarray
  places: np.ndarray

  def __len__(self) -> int:
    return len(self.frames)

  def rows(self, chosen: np.ndarray) -> 'BoxTable':
    """Returns the chosen rows (a mask or indices) as a table."""
    columns = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
    return BoxTable(**{name: column[chosen] for name, column in columns.items()})

  def by_video(self) -> dict[str, 'BoxTable']:
    """Returns the rows of each video, in order of its first row."""
    names = {}
    for row, name in enumerate(self.videos):
      names.setdefault(name, []).append(row)
    return {name: self.rows(np.array(rows)) for name, rows in names.items()}


class Rows:
  """Collects the rows of a table; refuses what cannot be a box.

  Values may be numbers or text. Every method raises UserError with file and row.
  """

  def __init__(
      self,
      source: Source,
      *,
      first_frame: int = 0,
      sides: Sequence[str] = _SIDES,
      offset_xyxy: Sequence[float] = (0, 0, 0, 0),
  ):
    """Begins an empty table.

    Args:
      source: the file, for messages.
      first_frame: number that the file gives to the first frame of a video.
      sides: names of the four numbers of a box; if the third is 'width', width and height
        are given.
      offset_xyxy: what is added to the edges as the file has them.
    """
    self._source = source
    self._first_frame = first_frame
    self._sides = sides
    self._offset_xyxy = np.float64(offset_xyxy)
    self._rows = []
    self._seen = {}

  def add(
      self,
      entry: str,
      *,
      video: object,
      frame: object,
      box: Sequence[object],
      track: object = UNTRACKED,
      score: object = 1.0,
      category: object = '',
      joined: bool = False,
  ) -> None:
    """Adds the box at `entry` ('row 3') of the file, its values as the file has them."""
    try:
      video = _name(video, 'video')
      category = _name(category, 'class', empty=True)
      frame = whole(frame, 'frame', self._first_frame, _MAX_FRAME) - self._first_frame
      track = whole(track, 'track', UNTRACKED, 2**31 - 1)
      score = real(score, 'score', 0, 1)
      box_xyxy = self._box(box)
    except ValueError as error:
      raise self._source.fault(entry, str(error)) from None
    key = (video, frame, track if track != UNTRACKED else (*box_xyxy, category))
    if key in self._seen:
      raise self._source.fault(
          entry, f'frame {frame + self._first_frame} of track {track} of {shown(video)} is also '
          f'in {self._seen[key]}'
      )
    if len(self._rows) >= _MAX_ROWS:
      raise self._source.fault(entry, f'it holds more than {_MAX_ROWS} boxes')
    self._seen[key] = entry
    place = self._source.place(entry)
    self._rows.append((video, frame, track, box_xyxy, score, category, joined, place))

  def table(self) -> BoxTable:
    """Returns the table; UserError if it has no rows."""
    if not self._rows:
      raise self._source.fault('', 'it holds no box')
    return create_table(self._rows)

  def _box(self, box: Sequence[object]) -> np.ndarray:
    numbers = [
        real(value, side, -_MAX_COORDINATE, _MAX_COORDINATE)
        for value, side in zip(box, self._sides, strict=True)
    ]
    if self._sides[2] == 'width':
      numbers[2] += numbers[0]
      numbers[3] += numbers[1]
    x_min, y_min, x_max, y_max = numbers = np.float32(numbers + self._offset_xyxy)
    if not (x_min < x_max and y_min < y_max):
      values = ', '.join(f'{side} {value}' for side, value in zip(self._sides, box))
      raise ValueError(f'the box ({values}) has no area')
    return tuple(numbers.tolist())


def create_table(rows: Sequence[tuple]) -> BoxTable:
  """Returns the table of tuples (video, frame, track, box_xyxy, score, class, joined, place)."""
  videos, frames, tracks, boxes_xyxy, scores, classes, joined, places = zip(*rows)
  return BoxTable(
      videos=np.array(videos, object),
      frames=np.array(frames, np.int32),
      tracks=np.array(tracks, np.int32),
      boxes_xyxy=np.array(boxes_xyxy, np.float32).reshape(-1, 4),
      scores=np.array(scores, np.float32),
      classes=np.array(classes, object),
      joined=np.array(joined, bool),
      places=np.array(places, object),
  )


def concatenate(tables: Iterable[BoxTable]) -> BoxTable:
  """Returns the rows of all tables (at least one).

  Raises:
    UserError: two tables have boxes of the same video, which would count twice.
  """
  tables = list(tables)
  origins = {}
  for number, table in enumerate(tables):
    for name in dict.fromkeys(table.videos):
      place = table.places[table.videos == name][0]
      first, earlier = origins.setdefault(name, (number, place))
      if first != number:
        raise UserError(
            f'the video {shown(name)} has boxes in two files: {earlier}, and {place}. Expected '
            'all boxes of a video in one file: remove or join them.'
        )
  columns = [field.name for field in dataclasses.fields(BoxTable)]
  return BoxTable(**{
      column: np.concatenate([getattr(table, column) for table in tables]) for column in columns
  })


def real(value: object, name: str, low: float, high: float) -> float:
  """Returns a finite number in [low, high]; ValueError says what `value` is instead."""
  text = value.strip() if isinstance(value, str) else value
  number = math.nan
  if isinstance(text, str) and _NUMBER.fullmatch(text):
    number = float(text)
  elif isinstance(text, (int, float)) and not isinstance(text, bool):
    number = float(text) if abs(text) < 1e300 else math.inf
  if not math.isfinite(number):
    raise ValueError(f'{name} is {shown(value)}, which is no number that can be used')
  if not low <= number <= high:
    raise ValueError(f'{name} is {shown(value)}, which is not in {low} .. {high}')
  return number


def whole(value: object, name: str, low: int, high: int) -> int:
  """Returns a whole number in low .. high; ValueError says what `value` is instead."""
  number = real(value, name, low, high)
  if number != int(number):
    raise ValueError(f'{name} is {shown(value)}, which is no whole number')
  return int(number)


def _name(value: object, what: str, empty: bool = False) -> str:
  """Returns a name without markup, as it comes into reports and file names."""
  if not isinstance(value, str) or not (value or empty):
    raise ValueError(f'the name of the {what} is {shown(value)}')
  if len(value) > _MAX_NAME or not value.isprintable() or '<' in value or '>' in value:
    raise ValueError(
        f'the name of the {what} is {shown(value)}; a name has at most {_MAX_NAME} printable '
        'characters without < and >'
    )
  return value
