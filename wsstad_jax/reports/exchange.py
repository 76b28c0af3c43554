"""Predictions and truth of all test videos, as JSON that other programs write and read.

`schemas/` describes both files. Frames count from 0, spans are half-open, boxes are pixels
with exclusive maxima. Numbers keep every digit, so that what is read back scores the same.
"""

from collections.abc import Callable, Sequence
import dataclasses
import json

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.formats import table
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown
from wsstad_jax.reports.predictions import Prediction

PREDICTIONS = 'wsstad_jax.predictions'
GROUND_TRUTH = 'wsstad_jax.ground_truth'
VERSION = 1
_MOST = 10**8  # frames and pixels


@dataclasses.dataclass(frozen=True)
class PredictedVideo:
  """What a method says of a video.

  Attributes:
    video_id: unique.
    frames_per_second: nan if unknown.
    frame_scores: [num_frames], in [0, 1].
    found: the tubes, best first.
    detected_frames: bool [num_frames]; all True where it is unknown.
  """

  video_id: str
  frames_per_second: float
  frame_scores: np.ndarray
  found: Sequence[Prediction]
  detected_frames: np.ndarray


@dataclasses.dataclass(frozen=True)
class TrueVideo:
  """What is true of a video.

  Attributes:
    video_id: unique.
    label: 1 abnormal, 0 normal, -1 unknown.
    category: '' if unknown.
    num_frames: of the video; 0 if unknown.
    frames_per_second: nan if unknown.
    events: the annotated tubes.
  """

  video_id: str
  label: int
  category: str
  num_frames: int
  frames_per_second: float
  events: Sequence[Tube]


def write_predictions(path: str, videos: Sequence[PredictedVideo]) -> None:
  """Writes predictions.json."""
  _write(path, PREDICTIONS, [
      {
          'video_id': video.video_id,
          'num_frames': len(video.frame_scores),
          'frames_per_second': _or_none(video.frames_per_second),
          'frame_scores': np.asarray(video.frame_scores, float).tolist(),
          'detected_spans': _runs(video.detected_frames),
          'tubes': [
              {
                  'score': float(prediction.tube.score),
                  'tube_branch_score': _or_none(prediction.tube_branch_score),
                  'temporal_branch_score': _or_none(prediction.temporal_branch_score),
                  'kind': prediction.tube.kind.name.lower(),
                  **_boxes(prediction.tube),
              }
              for prediction in video.found
          ],
      }
      for video in videos
  ])


def write_ground_truth(path: str, videos: Sequence[TrueVideo]) -> None:
  """Writes ground_truth.json."""
  _write(path, GROUND_TRUTH, [
      {
          'video_id': video.video_id,
          'label': int(video.label),
          'category': video.category,
          'num_frames': int(video.num_frames),
          'frames_per_second': _or_none(video.frames_per_second),
          'events': [_boxes(event) for event in video.events],
      }
      for video in videos
  ])


def read_predictions(path: str) -> list[PredictedVideo]:
  """Returns the videos of predictions.json; tubes are sorted, the best first.

  Raises:
    UserError: the file cannot be read, or an entry is not as the schema has it.
  """
  return _read(path, PREDICTIONS, _read_predicted)


def read_ground_truth(path: str) -> list[TrueVideo]:
  """Returns the videos of ground_truth.json.

  Raises:
    UserError: the file cannot be read, or an entry is not as the schema has it.
  """
  return _read(path, GROUND_TRUTH, _read_true)


def _write(path: str, name: str, videos: list[dict]) -> None:
  with files.atomic_path(path) as temporary:
    with open(temporary, 'w', encoding='utf-8') as file:
      content = {'format': name, 'version': VERSION, 'videos': videos}
      json.dump(content, file, separators=(',', ':'), allow_nan=False)


def _read(path: str, name: str, read_fn: Callable[['_Entry'], object]) -> list:
  schema = name.split('.')[1]
  source = Source(path, f'a file as wsstad_jax/reports/schemas/{schema}.schema.json describes it')
  content = source.mapping(source.read_json(), '')
  for key, value in (('format', name), ('version', VERSION)):
    found = source.field(content, key, '')
    if found != value or isinstance(found, bool):
      raise source.fault('', f'{key} is {shown(found)}, which is not {value!r}')
  videos = [
      read_fn(_Entry(source, source.mapping(entry, f'video {number}'), f'video {number}'))
      for number, entry in enumerate(source.sequence(source.field(content, 'videos', ''), 'videos'))
  ]
  names = [video.video_id for video in videos]
  if not names:
    raise source.fault('', 'it holds no video')
  if len(set(names)) < len(names):
    twice = next(name for name in names if names.count(name) > 1)
    raise source.fault('', f'the video {shown(twice)} stands twice')
  return videos


@dataclasses.dataclass(frozen=True)
class _Entry:
  """An object of a file, whose values are checked as they are taken."""

  source: Source
  values: dict
  place: str

  def number(self, name: str, low: float, high: float, *, integer: bool = False) -> float:
    """Returns a number of the object."""
    return self.checked(self.source.field(self.values, name, self.place), name, low, high, integer)

  def checked(self, value: object, name: str, low: float, high: float, integer: bool) -> float:
    """Returns the value if it is a JSON number within bounds."""
    try:
      if isinstance(value, str):
        raise ValueError(f'{name} is {shown(value)}, which is text')
      return (table.whole if integer else table.real)(value, name, low, high)
    except ValueError as error:
      raise self.source.fault(self.place, str(error)) from None

  def optional(self, name: str, high: float) -> float:
    """Returns a number of the object, nan if it is null or missing."""
    return np.nan if self.values.get(name) is None else self.number(name, 0, high)

  def text(self, name: str) -> str:
    """Returns a text of the object."""
    value = self.source.field(self.values, name, self.place)
    if not isinstance(value, str):
      raise self.source.fault(self.place, f'{name} is {shown(value)}, which is no text')
    return value

  def sequence(self, name: str, length: int | None = None) -> list:
    """Returns a list of the object."""
    value = self.source.field(self.values, name, self.place)
    return self.source.sequence(value, f'{self.place}, {name}', length)

  def entries(self, name: str) -> list['_Entry']:
    """Returns the objects of a list of the object."""
    return [
        _Entry(self.source, self.source.mapping(value, place), place)
        for index, value in enumerate(self.sequence(name))
        for place in [f'{self.place}, {name} {index}']
    ]

  def tube(self, num_frames: int, kind: TubeKind, score: float = 1.0) -> Tube:
    """Returns the object as a tube, which has to end within the video."""
    start = self.number('start', 0, _MOST, integer=True)
    rows = [
        [self.checked(side, 'a box', -_MOST, _MOST, False) for side in self.source.sequence(
            row, f'{self.place}, boxes_xyxy', 4)]
        for row in self.sequence('boxes_xyxy')
    ]
    boxes_xyxy = np.array(rows, np.float32).reshape(-1, 4)
    if not len(rows) or not (boxes_xyxy[:, :2] < boxes_xyxy[:, 2:]).all():
      raise self.source.fault(self.place, 'a box has no area' if rows else 'there is no box')
    if num_frames and start + len(rows) > num_frames:
      raise self.source.fault(
          self.place, f'frames {start}:{start + len(rows)} are not within {num_frames} frames'
      )
    return Tube(start, boxes_xyxy, kind, score)


def _read_predicted(entry: _Entry) -> PredictedVideo:
  num_frames = entry.number('num_frames', 1, _MOST, integer=True)
  scores = entry.sequence('frame_scores', num_frames)
  detected = np.zeros(num_frames, bool)
  whole = [[0, num_frames]]
  for span in entry.sequence('detected_spans') if 'detected_spans' in entry.values else whole:
    start, stop = (
        entry.checked(edge, 'an edge of detected_spans', 0, num_frames, True)
        for edge in entry.source.sequence(span, f'{entry.place}, detected_spans', 2)
    )
    detected[start:stop] = True
  found = []
  for tube in entry.entries('tubes'):
    kind = tube.text('kind') if 'kind' in tube.values else 'unary'
    if kind not in ('unary', 'multivariate'):
      raise entry.source.fault(tube.place, f'kind is {shown(kind)}, not unary or multivariate')
    found.append(Prediction(
        tube.tube(num_frames, TubeKind[kind.upper()], tube.number('score', 0, 1)),
        *(_or_none(tube.optional(f'{branch}_branch_score', 1)) for branch in ('tube', 'temporal')),
    ))
  return PredictedVideo(
      video_id=entry.text('video_id'),
      frames_per_second=entry.optional('frames_per_second', _MOST) or np.nan,
      frame_scores=np.array([entry.checked(score, 'a score', 0, 1, False) for score in scores]),
      found=sorted(found, key=lambda prediction: -prediction.tube.score),
      detected_frames=detected,
  )


def _read_true(entry: _Entry) -> TrueVideo:
  num_frames = entry.number('num_frames', 0, _MOST, integer=True)
  events = [event.tube(num_frames, TubeKind.TRUTH) for event in entry.entries('events')]
  label = entry.number('label', 0, 1, integer=True)
  if events and not label:
    raise entry.source.fault(entry.place, 'label is 0, but there are events')
  return TrueVideo(
      video_id=entry.text('video_id'),
      label=label,
      category=entry.text('category') if 'category' in entry.values else '',
      num_frames=num_frames,
      frames_per_second=entry.optional('frames_per_second', _MOST) or np.nan,
      events=events,
  )


def _boxes(tube: Tube) -> dict[str, object]:
  # By way of text: the shortest decimals that are the same float32 again.
  shortest = np.asarray(tube.boxes_xyxy, np.float32).astype(str).astype(float)
  return {'start': int(tube.start), 'boxes_xyxy': shortest.tolist()}


def _runs(mask: np.ndarray) -> list[list[int]]:
  """Returns the spans [start, stop] in which a mask is True."""
  return np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2).tolist()


def _or_none(number: float | None) -> float | None:
  return None if number is None or np.isnan(number) else float(number)
