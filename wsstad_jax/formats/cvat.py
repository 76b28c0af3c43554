"""CVAT's XML for video ("CVAT for video 1.1"): tracks of boxes, in every frame or by key frames.

<annotations>
  <version>1.1</version>
  <track id="0" label="car">
    <box frame="12" outside="0" occluded="0" keyframe="1" xtl="0" ytl="0" xbr="9" ybr="9"/>
    <box frame="20" outside="1" occluded="0" keyframe="1" xtl="0" ytl="0" xbr="9" ybr="9"/>
  </track>
</annotations>

Frames count from 0, xbr and ybr are exclusive. Between two boxes of a track edges move on
straight lines; a box with outside="1" is in the first frame without the object.
"""

import os
import pathlib
from xml.parsers import expat
from xml.sax import saxutils

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import Rows
from wsstad_jax.formats.table import UNTRACKED
from wsstad_jax.formats.table import whole

_EXPECTED = (
    'an export as "CVAT for video 1.1": <annotations> with <version> and <track id= label=> of '
    '<box frame= outside= xtl= ytl= xbr= ybr=>, frames ascending from 0'
)
_SIDES = ('xtl', 'ytl', 'xbr', 'ybr')
_NO_LABEL = 'object'  # CVAT has no track without a label


def read(path: str | os.PathLike, *, video: str | None = None) -> BoxTable:
  """Returns the boxes of one video, without those outside of the view.

  Args:
    path: the XML file. One with a document type is refused: entities that it declares could
      name other files, or grow without end.
    video: its video; the name of the file without ending if None.

  Raises:
    UserError: the file cannot be read, is of another kind of export, or an entry is no box.
  """
  source = Source(path, _EXPECTED)
  reader = _Reader(source, video or pathlib.Path(path).stem)
  try:
    reader.parser.Parse(source.read_text(), True)
  except expat.ExpatError as error:
    reason = expat.errors.messages[error.code]
    raise source.fault(f'row {error.lineno}', f'it is no XML ({reason})') from error
  return reader.rows.table()


def write(path: str | os.PathLike, table: BoxTable, *, num_frames: int | None = None) -> None:
  """Writes the boxes of one video; their scores have no place in this format.

  Each box without track becomes a track of the id -1; a box without class is an 'object'.

  Args:
    path: the XML file.
    table: boxes of one video.
    num_frames: of the video. CVAT refuses frames beyond it, and would otherwise be told of
      the frame after the last one that a track ends there.
  """
  if len(set(table.videos)) > 1:
    raise ValueError(f'a CVAT file holds one video, not {len(set(table.videos))}')
  tracks = {}
  for row, (track, label) in enumerate(zip(table.tracks.tolist(), table.classes)):
    key = (track, label, row if track == UNTRACKED else 0)
    tracks.setdefault(key, []).append(row)
  lines = ['<?xml version="1.0" encoding="utf-8"?>', '<annotations>', '  <version>1.1</version>']
  for (track, label, _), rows in tracks.items():
    of_track = table.rows(np.array(rows)[np.argsort(table.frames[rows], kind='stable')])
    frames = of_track.frames.tolist()
    goes_on = [
        bool(joined) or after == frame + 1
        for frame, after, joined in zip(frames, frames[1:], of_track.joined[1:])
    ]
    lines.append(f'  <track id="{track}" label={saxutils.quoteattr(label or _NO_LABEL)}>')
    for frame, box, on in zip(frames, of_track.boxes_xyxy.tolist(), [*goes_on, False]):
      lines.append(_format(frame, box, outside=0))
      if not on and frame + 1 != num_frames:
        lines.append(_format(frame + 1, box, outside=1))
    lines.append('  </track>')
  with files.atomic_path(os.fspath(path)) as temporary:
    pathlib.Path(temporary).write_text('\n'.join([*lines, '</annotations>', '']), 'utf-8')


class _Reader:
  """Takes the boxes of a file as its tags go by; keeps no tree of it."""

  def __init__(self, source: Source, video: str):
    self.rows = Rows(source, sides=_SIDES)
    self.parser = expat.ParserCreate()
    self.parser.StartElementHandler = self._start
    self.parser.EndElementHandler = self._end
    self.parser.CharacterDataHandler = self._text
    self.parser.StartDoctypeDeclHandler = self._refuse_document_type
    self._source = source
    self._video = video
    self._open: list[str] = []  # the tags around where the parser is
    self._version = ''
    self._track: dict[str, str] = {}
    self._last: dict[str, str] = {}  # box of the track
    self._last_frame = -1

  def _start(self, tag, attributes):
    around, place = '/'.join(self._open[:3]), f'row {self.parser.CurrentLineNumber}'
    self._open.append(tag)
    if not around and tag != 'annotations':
      raise self._source.fault(place, f'<{tag}> is no <annotations>')
    if around == 'annotations' and tag not in ('version', 'meta', 'track'):
      raise self._source.fault(place, f'<{tag}> is none of <version>, <meta> and <track>')
    if (around, tag) == ('annotations', 'track'):
      self._check_version(place)
      for name in ('id', 'label'):
        self._source.field(attributes, name, place)
      self._track, self._last, self._last_frame = attributes, {}, -1
    if around == 'annotations/track':
      if tag != 'box':
        raise self._source.fault(place, f'<{tag}> is no <box>')
      self._add(attributes, place)

  def _end(self, tag):
    self._open.pop()
    if tag == 'annotations' and not self._open:
      self._check_version('')

  def _text(self, text):
    if self._open == ['annotations', 'version']:
      self._version += text

  def _refuse_document_type(self, *_):
    place = f'row {self.parser.CurrentLineNumber}'
    raise self._source.fault(place, 'it has a document type, which may declare anything')

  def _check_version(self, place):
    if not self._version.strip().startswith('1.'):
      raise self._source.fault(place, f'the version is {shown(self._version)}, which is not 1.1')

  def _add(self, box, place):
    outside, rotation = self._source.field(box, 'outside', place), box.get('rotation', '0')
    if outside not in ('0', '1'):
      raise self._source.fault(place, f'outside is {shown(outside)}')
    if rotation.strip('0.'):
      raise self._source.fault(place, f'the box is rotated by {shown(rotation)} degrees')
    try:
      frame = whole(self._source.field(box, 'frame', place), 'frame', 0, 10**8)
    except ValueError as error:
      raise self._source.fault(place, str(error)) from None
    if frame <= self._last_frame:
      raise self._source.fault(place, f'frame {frame} comes after frame {self._last_frame}')
    if outside == '0':
      self._add_row(place, frame, box)
      self._last = box
    elif self._last and frame > self._last_frame + 1:  # there until then, where it was
      self._add_row(place, frame - 1, self._last)
    if outside == '1':
      self._last = {}
    self._last_frame = frame

  def _add_row(self, place, frame, box):
    self.rows.add(
        place,
        video=self._video,
        frame=frame,
        box=[self._source.field(box, side, place) for side in _SIDES],
        track=self._track['id'],
        category=self._track['label'],
        joined=bool(self._last),
    )


def _format(frame: int, box_xyxy: list[float], *, outside: int) -> str:
  sides = ' '.join(f'{side}="{edge!r}"' for side, edge in zip(_SIDES, box_xyxy))
  return (f'    <box frame="{frame}" outside="{outside}" occluded="0" keyframe="1" {sides} '
          'z_order="0"/>')
