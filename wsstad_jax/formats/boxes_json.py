"""The project's own JSON of boxes: tracks of videos, dense or by key frames.

{"format": "wsstad_jax.boxes", "version": 1,
 "videos": {"anomalous/a.mp4": [
   {"track": 0, "class": "car", "key_frames": false,
    "frames": [12, 13], "boxes_xyxy": [[0, 0, 9, 9], [1, 0, 9, 9]], "scores": [0.9, 0.8]}]}}

Frames count from 0, x_max and y_max are exclusive. Only frames and boxes_xyxy are needed:
without a track each box stands alone, without scores they are 1. With "key_frames": true the
boxes between those given lie on straight lines, however far apart they are.
"""

import os

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows
from wsstad_jax.formats.table import UNTRACKED

FORMAT = 'wsstad_jax.boxes'
VERSION = 1
_EXPECTED = (
    f'{{"format": "{FORMAT}", "version": {VERSION}, "videos": {{video: [{{"frames": [...], '
    '"boxes_xyxy": [[x_min, y_min, x_max, y_max], ...]}, ...]}}, if known with "track", "class", '
    '"scores" and "key_frames"'
)
_KNOWN = {'track', 'class', 'key_frames', 'frames', 'boxes_xyxy', 'scores'}


def read(path: str | os.PathLike) -> BoxTable:
  """Returns the boxes of all videos.

  Raises:
    UserError: the file cannot be read, has another version, or an entry is no box.
  """
  source = Source(path, _EXPECTED)
  content = source.mapping(source.read_json(), '')
  for name, value in (('format', FORMAT), ('version', VERSION)):
    found = source.field(content, name, '')
    if found != value or isinstance(found, bool):
      raise source.fault('', f'{name} is {shown(found)}, which this program does not read')
  rows = Rows(source)
  for video, tracks in source.mapping(source.field(content, 'videos', ''), 'videos').items():
    for number, track in enumerate(source.sequence(tracks, f'video {shown(video)}')):
      _add_track(source, rows, video, track, f'video {shown(video)}, track {number}')
  return rows.table()


def write(path: str | os.PathLike, table: BoxTable) -> None:
  """Writes a table; the boxes without a track of one video and class become one entry."""
  videos = {}
  for video, of_video in table.by_video().items():
    groups = {}
    for row, (track, category) in enumerate(zip(of_video.tracks.tolist(), of_video.classes)):
      groups.setdefault((track, category), []).append(row)
    videos[video] = [
        _describe(of_video.rows(part), track, category)
        for (track, category), rows in groups.items()
        for part in _parts(of_video, np.array(rows))
    ]
  files.write_json(
      os.fspath(path), {'format': FORMAT, 'version': VERSION, 'videos': videos}
  )


def _add_track(source: Source, rows: Rows, video: str, track: object, entry: str) -> None:
  unknown = source.mapping(track, entry).keys() - _KNOWN
  if unknown:
    raise source.fault(entry, f'{shown(sorted(unknown))} is not known')
  frames = source.sequence(source.field(track, 'frames', entry), entry)
  boxes_xyxy = source.sequence(
      source.field(track, 'boxes_xyxy', entry), f'{entry}, boxes_xyxy', len(frames)
  )
  scores = source.sequence(
      track.get('scores', [1.0] * len(frames)), f'{entry}, scores', len(frames)
  )
  key_frames = track.get('key_frames', False)
  if not isinstance(key_frames, bool):
    raise source.fault(entry, f'key_frames is {shown(key_frames)}, neither true nor false')
  for index, (frame, box_xyxy, score) in enumerate(zip(frames, boxes_xyxy, scores)):
    box_entry = f'{entry}, box {index}'
    rows.add(
        box_entry,
        video=video,
        frame=frame,
        box=source.sequence(box_xyxy, box_entry, 4),
        track=track.get('track', UNTRACKED),
        score=score,
        category=track.get('class', ''),
        joined=key_frames and index > 0,
    )
  if key_frames and (frames != sorted(frames) or 'track' not in track):
    raise source.fault(entry, 'key frames need a track, and their frames in ascending order')


def _parts(table: BoxTable, rows: np.ndarray) -> list[np.ndarray]:
  """Returns the rows of a track in order, divided so that in each part all or none is joined."""
  rows = rows[np.argsort(table.frames[rows], kind='stable')]
  if not table.joined[rows].any():
    return [rows]
  return np.split(rows, np.flatnonzero(~table.joined[rows])[1:])


def _describe(table: BoxTable, track: int, category: str) -> dict[str, object]:
  described = {
      'frames': table.frames.tolist(),
      'boxes_xyxy': table.boxes_xyxy.tolist(),
      'scores': table.scores.tolist(),
      'key_frames': bool(table.joined[1:].any()),
  }
  if track != UNTRACKED:
    described['track'] = track
  if category:
    described['class'] = category
  return described
