"""Between tables of boxes and the records of the pipeline."""

from collections.abc import Iterable

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections, Tube, TubeKind
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import UNTRACKED
from wsstad_jax.formats.table import create_table

_LINK_OVERLAP = 0.1  # IoU from which boxes without tracks are of one event


def to_detections(table: BoxTable) -> Detections:
  """Returns the boxes of one video, sorted by frame; those of a frame keep their order."""
  order = np.argsort(table.frames, kind='stable')
  return Detections(table.frames[order], table.boxes_xyxy[order], table.scores[order])


def to_tubes(table: BoxTable, *, max_gap: int) -> list[Tube]:
  """Returns the events of one video as tubes, sorted by start.

  Between two boxes of a track, the edges move on straight lines over the frames. A track
  without a box for more than `max_gap` frames ends, and the next box begins another event,
  unless the file says that the boxes between lie on lines (`joined`). Boxes without track
  are linked first: each goes on with the event whose last box, at most `max_gap` frames
  back, it overlaps most, from an IoU of 0.1. Boxes of score 0 are left out, as MOTChallenge
  has it for those that do not count. The score of a tube is the mean of those of its boxes.

  Args:
    table: boxes of one video.
    max_gap: frames without a box over which a track goes on, >= 0.
  """
  table = table.rows(np.flatnonzero(table.scores > 0))
  table = table.rows(np.argsort(table.frames, kind='stable'))
  tubes = []
  for rows in _tracks(table, max_gap):
    gaps = np.diff(table.frames[rows]) - 1
    ends = np.flatnonzero((gaps > max_gap) & ~table.joined[rows[1:]]) + 1
    tubes += [_interpolated(table.rows(event)) for event in np.split(rows, ends)]
  return sorted(tubes, key=lambda tube: (tube.start, tube.stop))


def from_detections(video: str, detections: Detections) -> BoxTable:
  """Returns detections as a table without tracks."""
  return create_table([
      (video, frame, UNTRACKED, box_xyxy, score, '', False, f'detection {row}')
      for row, (frame, box_xyxy, score) in enumerate(
          zip(detections.frames, detections.boxes_xyxy, detections.scores)
      )
  ])


def from_tubes(video: str, tubes: Iterable[Tube]) -> BoxTable:
  """Returns tubes as a table, each a track with a box in every frame."""
  return create_table([
      (video, tube.start + row, track, box_xyxy, tube.score, '', False, f'tube {track}')
      for track, tube in enumerate(tubes)
      for row, box_xyxy in enumerate(tube.boxes_xyxy)
  ])


def _tracks(table: BoxTable, max_gap: int) -> list[np.ndarray]:
  """Returns the rows of each track of a table sorted by frame."""
  tracked = [
      np.flatnonzero(table.tracks == track)
      for track in np.unique(table.tracks)
      if track != UNTRACKED
  ]
  return tracked + _link(table, np.flatnonzero(table.tracks == UNTRACKED), max_gap)


def _link(table: BoxTable, rows: np.ndarray, max_gap: int) -> list[np.ndarray]:
  """Returns tracks made of rows without: the pairs that overlap most first, frame by frame."""
  tracks = []
  for frame in np.unique(table.frames[rows]):
    new = rows[table.frames[rows] == frame]
    alive = [track for track in tracks if frame - table.frames[track[-1]] - 1 <= max_gap]
    overlap = boxes.pairwise_iou(
        table.boxes_xyxy[[track[-1] for track in alive]].reshape(-1, 4), table.boxes_xyxy[new]
    )
    free = set(range(len(new)))
    while overlap.size and overlap.max() >= _LINK_OVERLAP:
      old, box = np.unravel_index(np.argmax(overlap), overlap.shape)
      alive[old].append(new[box])
      overlap[old] = overlap[:, box] = 0
      free.remove(box)
    tracks += [[new[box]] for box in sorted(free)]
  return [np.array(track) for track in tracks]


def _interpolated(table: BoxTable) -> Tube:
  """Returns the tube through the boxes of one event, sorted by frame."""
  start, stop = int(table.frames[0]), int(table.frames[-1]) + 1
  boxes_xyxy = np.stack(
      [np.interp(np.arange(start, stop), table.frames, edge) for edge in table.boxes_xyxy.T], axis=1
  )
  # In float64 the mean of equal scores is that score.
  score = float(table.scores.mean(dtype=np.float64))
  return Tube(start, boxes_xyxy.astype(np.float32), TubeKind.TRUTH, score)
