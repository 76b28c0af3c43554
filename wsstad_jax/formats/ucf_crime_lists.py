"""The lists that come with UCF-Crime (Sultani 2018): names, frame counts, temporal intervals."""

from collections.abc import Iterator, Sequence
import dataclasses
import os
import pathlib
import re

from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.formats.table import whole

NORMAL = 'Normal'
_MAX_FRAMES = 10**8
_VIDEO = re.compile(r'[\w-]+/[\w-]+\.mp4', re.ASCII)
_FILE = re.compile(r'[\w-]+\.mp4', re.ASCII)


@dataclasses.dataclass(frozen=True)
class ListedVideo:
  """A video of an official list.

  Attributes:
    name: 'Abuse/Abuse001_x264.mp4'; without folder in the list of intervals.
    num_frames: 0 where the list does not tell.
    spans: (start, stop) of the anomalous intervals, 0-based and half-open; the lists count
      from 1 and name the last frame.
  """

  name: str
  num_frames: int = 0
  spans: tuple[tuple[int, int], ...] = ()

  @property
  def category(self) -> str:
    """The folder, 'Normal' for those of normal videos."""
    folder = self.name.split('/')[0]
    return NORMAL if 'Normal' in folder else folder


def read_train_names(path: str | os.PathLike) -> list[ListedVideo]:
  """Returns the videos of Anomaly_Train.txt: one path a row.

  Raises:
    UserError: the file cannot be read, a row is no path, or a video stands twice.
  """
  source = Source(path, 'one <class>/<video>.mp4 a row')
  return _unique(source, [
      (entry, ListedVideo(_path(source, entry, line.split(), 1)))
      for entry, line in source.read_rows()
  ])


def read_train_counts(path: str | os.PathLike) -> list[ListedVideo]:
  """Returns the videos of train_list_with_frame_counts.txt.

  Raises:
    UserError: the file cannot be read, a row cannot, or a video stands twice.
  """
  source = Source(path, 'rows `<class>/<video>.mp4 <frames>`')
  return _unique(source, [
      (entry, ListedVideo(_path(source, entry, values, 2), _count(source, entry, values[1])))
      for entry, values in _split(source)
  ])


def read_test_counts(path: str | os.PathLike) -> list[ListedVideo]:
  """Returns the videos of test_list_with_frame_counts.txt, with their intervals.

  Raises:
    UserError: the file cannot be read, a row cannot, or a video stands twice.
  """
  source = Source(path, 'rows `<class>/<video>.mp4 <frames> <class> <start> <end> <start> <end>`')
  videos = []
  for entry, values in _split(source):
    name = _path(source, entry, values, 7)
    count = _count(source, entry, values[1])
    spans = _spans(source, entry, values[3:], values[2], count)
    videos.append((entry, ListedVideo(name, count, spans)))
  return _unique(source, videos)


def read_intervals(path: str | os.PathLike) -> list[ListedVideo]:
  """Returns the videos of Temporal_Anomaly_Annotation.txt, without their folders.

  Raises:
    UserError: the file cannot be read, a row cannot, or a video stands twice.
  """
  source = Source(path, 'rows `<video>.mp4 <class> <start> <end> <start> <end>`')
  videos = []
  for entry, values in _split(source):
    name = _path(source, entry, values, 6, pattern=_FILE)
    spans = _spans(source, entry, values[2:], values[1], _MAX_FRAMES)
    videos.append((entry, ListedVideo(name, spans=spans)))
  return _unique(source, videos)


def stem(name: str) -> str:
  """Returns what the sources of boxes call a video alike: 'Abuse001' of any path to it."""
  return pathlib.PurePosixPath(name.replace('\\', '/')).name.split('.')[0].removesuffix('_x264')


def _split(source: Source) -> Iterator[tuple[str, list[str]]]:
  for entry, line in source.read_rows():
    yield entry, line.split()


def _path(source, entry, values: list[str], columns: int, pattern=_VIDEO) -> str:
  """Returns the first column of a row, once the row has the right form."""
  if len(values) != columns:
    raise source.fault(entry, f'there are {len(values)} columns, not {columns}')
  if not pattern.fullmatch(values[0]):
    raise source.fault(entry, f'the video is {shown(values[0])}')
  return values[0]


def _count(source: Source, entry: str, value: str) -> int:
  return _whole(source, entry, value, 'the number of frames', 1, _MAX_FRAMES)


def _whole(source, entry, value, name, low, high) -> int:
  try:
    return whole(value, name, low, high)
  except ValueError as error:
    raise source.fault(entry, str(error)) from None


def _spans(
    source: Source, entry: str, values: Sequence[str], category: str, num_frames: int
) -> tuple[tuple[int, int], ...]:
  """Returns the intervals of a row; -1 -1 stands for none.

  A few of the official ones begin with frame 0, which MATLAB does not have, or end some
  frames after their video.
  """
  spans = []
  for start, end in zip(values[::2], values[1::2]):
    if (start, end) == ('-1', '-1'):
      continue
    start = _whole(source, entry, start, 'the start', 0, num_frames)
    end = _whole(source, entry, end, 'the end', start, _MAX_FRAMES)
    spans.append((max(start - 1, 0), min(end, num_frames)))
  if bool(spans) == (category == NORMAL):
    raise source.fault(entry, f'a video of class {shown(category)} has {len(spans)} intervals')
  return tuple(spans)


def _unique(source: Source, videos: list[tuple[str, ListedVideo]]) -> list[ListedVideo]:
  seen = {}
  for entry, video in videos:
    if video.name in seen:
      raise source.fault(entry, f'{video.name} stands in {seen[video.name]} too')
    seen[video.name] = entry
  return [video for _, video in videos]
