"""The JSON of SST-WSVADL: events of UCF-Crime with key-framed boxes.

Frames count from 1 and last frames are inside (last frames equal the number of frames of 100
videos, none is larger, and the smallest frame is 1). Boxes are given as four corners.
"""

import os

from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows
from wsstad_jax.formats.table import real
from wsstad_jax.formats.table import whole

_EXPECTED = (
    'a list of events {"file_name", "start_frame", "end_frame", "bounding_boxes": '
    '[{"start_frame", "end_frame", "keyframes": {"<frame>": [[x, y] four times]}}]}, frames from 1'
)
_MAX = 10**8


def read(path: str | os.PathLike) -> BoxTable:
  """Returns the key frames; each event is one track, or several where its boxes coexist.

  Between the key frames of one box, boxes lie on straight lines (`joined`). Where a box
  begins in the frame in which the one before it ends, that frame is the earlier one's.

  Raises:
    UserError: the file cannot be read, or an entry is no box.
  """
  source = Source(path, _EXPECTED)
  rows = Rows(source, first_frame=1)
  next_track = {}
  for number, event in enumerate(source.sequence(source.read_json(), '')):
    entry = f'event {number}'
    source.mapping(event, entry)
    video = source.field(event, 'file_name', entry)
    boxes = source.sequence(source.field(event, 'bounding_boxes', entry), entry)
    if not isinstance(video, str):
      raise source.fault(entry, f'file_name is {shown(video)}')
    spans = [_span(source, box, f'{entry}, box {index}') for index, box in enumerate(boxes)]
    ends = []  # last frame of each track of the event
    for index in sorted(range(len(boxes)), key=lambda index: spans[index]):
      start, stop = spans[index]
      free = [lane for lane, end in enumerate(ends) if end <= start]
      lane = max(free, key=lambda lane: ends[lane], default=len(ends))
      taken = ends[lane] if free else 0
      ends[lane : lane + 1] = [max(stop, taken)]
      track = next_track.get(video, 0) + lane
      _add_box(source, rows, boxes[index], f'{entry}, box {index}', video, track, taken)
    next_track[video] = next_track.get(video, 0) + len(ends)
  return rows.table()


def _add_box(source, rows, box, entry, video, track, taken) -> None:
  """Adds the key frames of a box after the frame `taken`."""
  start, stop = _span(source, box, entry)
  key_frames = source.mapping(source.field(box, 'keyframes', entry), entry)
  try:
    corners_of = {whole(name, 'the key frame', 1, _MAX): key_frames[name] for name in key_frames}
  except ValueError as error:
    raise source.fault(entry, str(error)) from None
  outside = [frame for frame in corners_of if not start <= frame <= stop]
  if outside or not corners_of or len(corners_of) < len(key_frames):
    raise source.fault(
        entry, f'the key frames {shown(list(key_frames))} do not lie once each in {start}..{stop}'
    )
  for index, frame in enumerate(sorted(corners_of)):
    box_xyxy = _enclosing(source, corners_of[frame], f'{entry}, key frame {frame}')
    if frame > taken:
      rows.add(
          f'{entry}, key frame {frame}', video=video, frame=frame, box=box_xyxy, track=track,
          joined=index > 0,
      )


def _span(source: Source, box: object, entry: str) -> tuple[int, int]:
  """Returns first and last frame of a box."""
  source.mapping(box, entry)
  try:
    start, stop = (
        whole(source.field(box, name, entry), name, 1, _MAX)
        for name in ('start_frame', 'end_frame')
    )
  except ValueError as error:
    raise source.fault(entry, str(error)) from None
  if stop < start:
    raise source.fault(entry, f'end_frame {stop} lies before start_frame {start}')
  return start, stop


def _enclosing(source: Source, corners: object, entry: str) -> list[float]:
  """Returns the box around four corners [x, y]."""
  for corner in source.sequence(corners, entry, length=4):
    source.sequence(corner, entry, length=2)
  try:
    columns = [
        [real(corner[axis], 'xy'[axis], -(10**5), 10**5) for corner in corners] for axis in (0, 1)
    ]
  except ValueError as error:
    raise source.fault(entry, str(error)) from None
  (xs, ys) = columns
  return [min(xs), min(ys), max(xs), max(ys)]
