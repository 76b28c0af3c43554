"""What an operator would see: alarms that are false, and how long an event goes unnoticed.

An alarm is a run of frames whose score reaches the threshold. It is false if none of its
frames lies in an event. An event is noticed if one of its frames raises an alarm.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Alarms:
  """Alarms of all videos at each threshold that an event can be noticed at.

  Attributes:
    hours: [v], length of each video; nan if its frame rate is unknown.
    false_alarms: int [v, k], at each threshold, the highest first.
    event_videos: int [e].
    event_ranks: int [e], the first threshold that notices the event; k if none does.
    delays: [e, k], seconds from the event's first frame to the alarm; nan while unnoticed.
  """

  hours: np.ndarray
  false_alarms: np.ndarray
  event_videos: np.ndarray
  event_ranks: np.ndarray
  delays: np.ndarray

  def false_alarms_per_hour(self, videos: np.ndarray, *, recall: float) -> float:
    """Returns the false alarms in an hour of video at the highest threshold of that recall.

    Args:
      videos: int [m], the drawn videos.
      recall: share of the events to be noticed, in (0, 1].

    Returns:
      nan without events, if no positive score gives the recall, or without frame rates.
    """
    rank = self._rank(videos, recall)
    if rank is None:
      return np.nan
    return float(self.false_alarms[videos, rank].sum() / self.hours[videos].sum())

  def seconds_to_detection(self, videos: np.ndarray, *, recall: float) -> float:
    """Returns the mean delay of the noticed events at the threshold of that recall."""
    rank = self._rank(videos, recall)
    if rank is None:
      return np.nan
    weights = self._weights(videos) * (self.event_ranks <= rank)
    noticed = weights > 0
    return float(np.average(self.delays[noticed, rank], weights=weights[noticed]))

  def _rank(self, videos: np.ndarray, recall: float) -> int | None:
    weights, num_ranks = self._weights(videos), self.false_alarms.shape[1]
    noticed = np.cumsum(np.bincount(self.event_ranks, weights, num_ranks + 1))[:num_ranks]
    rank = int(np.searchsorted(noticed, recall * weights.sum() - 1e-9))
    return rank if weights.sum() and rank < num_ranks else None

  def _weights(self, videos: np.ndarray) -> np.ndarray:
    return np.bincount(videos, minlength=len(self.hours))[self.event_videos]


def create_alarms(
    scores: Sequence[np.ndarray],
    spans: Sequence[np.ndarray],
    frames_per_second: Sequence[float],
) -> Alarms:
  """Returns the alarms that frame scores raise.

  Args:
    scores: of each video [num_frames]; 0 never raises an alarm.
    spans: int [events, 2] of each video, half-open frames of its events.
    frames_per_second: of each video; nan if unknown.
  """
  rates = np.asarray(frames_per_second, float)
  events = [
      (video, start, np.maximum.accumulate(scores[video][start:stop]))
      for video, of_video in enumerate(spans)
      for start, stop in of_video
  ]
  reached = np.array([highest[-1] for _, _, highest in events])
  thresholds = np.unique(reached[reached > 0])[::-1]
  delays = np.full((len(events), len(thresholds)), np.nan)
  for row, (video, _, highest) in enumerate(events):
    first = np.searchsorted(highest, thresholds)
    noticed = first < len(highest)
    delays[row, noticed] = first[noticed] / rates[video]
  return Alarms(
      hours=np.array([len(curve) for curve in scores]) / rates / 3600,
      false_alarms=np.array([
          [_count_false(curve >= threshold, of_video) for threshold in thresholds]
          for curve, of_video in zip(scores, spans, strict=True)
      ], int).reshape(len(scores), len(thresholds)),
      event_videos=np.array([video for video, _, _ in events], int),
      event_ranks=np.searchsorted(-thresholds, -reached),
      delays=delays,
  )


def _count_false(alarm: np.ndarray, spans: np.ndarray) -> int:
  """Returns how many runs of True have no frame in any of the spans."""
  edges = np.flatnonzero(np.diff(alarm, prepend=False, append=False))
  starts, stops = edges[::2, None], edges[1::2, None]
  first, end = np.reshape(spans, (-1, 2)).T
  touches = (starts < end) & (stops > first)
  return int(np.count_nonzero(~touches.any(axis=1)))
