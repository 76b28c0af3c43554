"""Unary tubes: the boxes of one object, linked over time by an online tracker.

Objects enter, leave and are lost for a while, as in surveillance, where the linking of
Gkioxari and Malik (2015), whose tubes all span the whole video, does not fit.
"""

import dataclasses

import numpy as np
from scipy.optimize import linear_sum_assignment

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections, Tube, TubeKind

_VELOCITY_MEMORY = 0.7  # share of the old velocity in the new one: boxes jitter
_NEVER = 1e6  # cost of a pair that must not be matched


@dataclasses.dataclass(frozen=True)
class Linking:
  """Settings of `link_detections`.

  Attributes:
    max_gap: frames without a detection after which an object is lost; shorter gaps are
      filled by linear interpolation.
    min_length: frames; shorter tubes are noise.
    min_iou: overlap of predicted and detected box from which they may match.
    reach: small fast objects leave their box from frame to frame; such a box may still
      match when the centres are no further apart than `reach` mean diagonals.
    max_growth: the sides' ratio of two such boxes is at most this.
  """

  max_gap: int = 12
  min_length: int = 8
  min_iou: float = 0.1
  reach: float = 1.0
  max_growth: float = 2.0


def link_detections(
    detections: Detections, *, num_frames: int, linking: Linking = Linking()
) -> list[Tube]:
  """Returns unary tubes, in order of their first frame.

  In every frame the objects, moved on at constant velocity, are matched to the detected
  boxes at the least total cost (Hungarian algorithm); unmatched boxes begin new objects.
  A tube begins and ends with a detection. Its score is the mean score of its detections.
  """
  bounds = np.searchsorted(detections.frames, np.arange(num_frames + 1))
  live: list[_Track] = []
  tubes: list[Tube] = []  # of objects that are lost
  for frame, (first, last) in enumerate(zip(bounds[:-1], bounds[1:])):
    found_xyxy = detections.boxes_xyxy[first:last]
    matches = _match([track.predict(frame) for track in live], found_xyxy, linking)
    for track_index, box_index in matches:
      live[track_index].add(frame, found_xyxy[box_index], detections.scores[first + box_index])
    for box_index in set(range(last - first)) - {box_index for _, box_index in matches}:
      live.append(_Track(frame, found_xyxy[box_index], detections.scores[first + box_index]))
    tubes += [track.tube() for track in live if frame - track.frames[-1] > linking.max_gap]
    live = [track for track in live if frame - track.frames[-1] <= linking.max_gap]
  tubes += [track.tube() for track in live]
  tubes = [tube for tube in tubes if tube.stop - tube.start >= linking.min_length]
  return sorted(tubes, key=lambda tube: (tube.start, tuple(tube.boxes_xyxy[0])))


class _Track:
  """One object while it is followed."""

  def __init__(self, frame: int, box_xyxy: np.ndarray, score: float):
    self.frames = [frame]
    self.boxes_xyxy = [box_xyxy]
    self.scores = [score]
    self.velocity = None  # pixels a frame; unknown until the second detection

  def predict(self, frame: int) -> np.ndarray:
    velocity = np.zeros(2) if self.velocity is None else self.velocity
    return self.boxes_xyxy[-1] + np.tile(velocity * (frame - self.frames[-1]), 2)

  def add(self, frame: int, box_xyxy: np.ndarray, score: float) -> None:
    moved = (box_xyxy - self.boxes_xyxy[-1]).reshape(2, 2).mean(axis=0)
    velocity = moved / (frame - self.frames[-1])
    if self.velocity is not None:
      velocity = _VELOCITY_MEMORY * self.velocity + (1 - _VELOCITY_MEMORY) * velocity
    self.velocity = velocity
    self.frames.append(frame)
    self.boxes_xyxy.append(box_xyxy)
    self.scores.append(score)

  def tube(self) -> Tube:
    span = np.arange(self.frames[0], self.frames[-1] + 1)
    columns = [np.interp(span, self.frames, column) for column in zip(*self.boxes_xyxy)]
    return Tube(
        start=self.frames[0],
        boxes_xyxy=np.stack(columns, axis=1).astype(np.float32),
        kind=TubeKind.UNARY,
        score=float(np.mean(self.scores)),
    )


def _match(predicted, found_xyxy: np.ndarray, linking: Linking) -> list[tuple[int, int]]:
  """Returns (predicted, found) pairs: overlapping ones in [0, 1] before near ones in [1, 2]."""
  if not len(predicted) or not len(found_xyxy):
    return []
  predicted_xyxy = np.stack(predicted)
  overlap = boxes.pairwise_iou(predicted_xyxy, found_xyxy)
  low, high = predicted_xyxy[:, None, :2], predicted_xyxy[:, None, 2:]
  found_low, found_high = found_xyxy[None, :, :2], found_xyxy[None, :, 2:]
  sides, found_sides = high - low, found_high - found_low
  diagonal = (np.linalg.norm(sides, axis=-1) + np.linalg.norm(found_sides, axis=-1)) / 2
  distance = np.linalg.norm(low + high - found_low - found_high, axis=-1) / 2 / diagonal
  growth = np.maximum(sides / found_sides, found_sides / sides).max(axis=-1)
  near = (distance <= linking.reach) & (growth <= linking.max_growth)
  cost = np.where(near, 1 + distance / linking.reach, _NEVER)
  cost = np.where(overlap >= linking.min_iou, 1 - overlap, cost)
  rows, columns = linear_sum_assignment(cost)
  return [(row, column) for row, column in zip(rows, columns) if cost[row, column] < _NEVER]
