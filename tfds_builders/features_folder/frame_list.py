"""Frame counts and abnormal frames of videos that are not there themselves."""

import os
import pathlib
from typing import NamedTuple

from wsstad_jax.core.errors import UserError
from wsstad_jax.formats import video_names

_TOLERANCE = 16  # frames, one clip, by which UCF-Crime's own list has events end too late
_EXPECTED = 'NAME NUM_FRAMES [CATEGORY START STOP START STOP ...], -1 for none'


class Listed(NamedTuple):
  """What a list says of a video: its frames, and the abnormal ones as spans start:stop."""

  num_frames: int
  events: tuple[tuple[int, int], ...]


def read_frame_list(path: str) -> dict[str, Listed]:
  """Returns what a list says of each video, by its file name without ending; {} without a list.

  A line is as in the test list of UCF-Crime with frame counts: 'Arson/Arson022_x264.mp4 8640
  Arson 3500 4000 -1 -1'. The first frame is 1 there, and the last one belongs to the event. The end
  of an event is cut to the video.

  Raises:
    UserError: a line has another form, names a video again, or an event outside of it.
  """
  if not os.path.exists(path):
    return {}
  listed = {}
  try:
    lines = pathlib.Path(path).read_text('utf-8').splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f'{path} cannot be read: {error}.') from error
  for row, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    name, *words = line.split()
    name = video_names.without_suffix(name.split('/')[-1])
    if name in listed:
      raise UserError(f'{path}, line {row}: {name} is listed twice.')
    listed[name] = _parse(f'{path}, line {row}', line, words)
  return listed


def _parse(place: str, line: str, words: list[str]) -> Listed:
  try:
    num_frames, *edges = (int(word) for word in words[:1] + words[2:])
    pairs = list(zip(edges[::2], edges[1::2], strict=True))
  except ValueError as error:
    raise UserError(f'{place}: {line!r} is not {_EXPECTED}.') from error
  events = [(start - 1, stop) for start, stop in pairs if (start, stop) != (-1, -1)]
  if num_frames < 1 or any(
      not (0 <= start < min(stop, num_frames) and stop <= num_frames + _TOLERANCE)
      for start, stop in events
  ):
    raise UserError(f'{place}: an event of {line!r} is not inside frames 1 to {num_frames}.')
  return Listed(num_frames, tuple((start, min(stop, num_frames)) for start, stop in events))
