"""RBDC and TBDC (Ramachandra & Jones 2020): detected regions and tracks against false alarms."""

from collections.abc import Sequence
import dataclasses

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.metrics import ranking


@dataclasses.dataclass(frozen=True)
class RegionCurves:
  """What the two criteria need of all videos, for any draw of them.

  Attributes:
    num_frames: int [v].
    num_regions: int [v], annotated boxes.
    num_tracks: int [v], annotated events.
    regions: found annotated boxes as positives, false detections as negatives.
    tracks: found annotated events as positives, false detections as negatives.
  """

  num_frames: np.ndarray
  num_regions: np.ndarray
  num_tracks: np.ndarray
  regions: ranking.Ranking
  tracks: ranking.Ranking

  def rbdc(self, videos: np.ndarray) -> float:
    """Returns the area, in [0, 1], under found regions over false alarms a frame up to 1."""
    return self._area(self.regions, self.num_regions, videos)

  def tbdc(self, videos: np.ndarray) -> float:
    """Returns the area, in [0, 1], under found tracks over false alarms a frame up to 1."""
    return self._area(self.tracks, self.num_tracks, videos)

  def _area(self, ranked: ranking.Ranking, totals: np.ndarray, videos: np.ndarray) -> float:
    total = totals[videos].sum()
    if not total:
      return np.nan
    found, false = ranked.counts(videos)
    return held_area(false / self.num_frames[videos].sum(), found / total)


def create_region_curves(
    detections: Sequence[Detections],
    truths: Sequence[Sequence[Tube]],
    num_frames: Sequence[int],
    *,
    threshold: float = 0.1,
    track_share: float = 0.1,
) -> RegionCurves:
  """Returns the curves of the detections of videos.

  Taking detections from the highest score down, an annotated box is found by the first
  that overlaps it with at least `threshold`; a track once `track_share` of its boxes are
  found. A detection that overlaps no annotated box is false; a second one on the same box
  is neither. The authors' IoU adds 1 to sides because their boxes name the last pixel;
  boxes here end one past it, so that the plain IoU counts the same pixels.

  Args:
    detections: of each video; scores are anomaly scores.
    truths: the annotated events of each video.
    num_frames: of each video.
    threshold: IoU, > 0.
    track_share: in (0, 1].
  """
  regions, tracks = [], []
  for found, events in zip(detections, truths, strict=True):
    false, box_scores = _match(found, events, threshold)
    track_scores = [_reached(scores, track_share) for scores in box_scores]
    box_scores = np.concatenate([np.zeros(0), *box_scores])
    regions.append(_rows(box_scores, false))
    tracks.append(_rows(np.array(track_scores), false))
  return RegionCurves(
      num_frames=np.asarray(num_frames),
      num_regions=np.array([sum(len(event.boxes_xyxy) for event in events) for events in truths]),
      num_tracks=np.array([len(events) for events in truths]),
      regions=ranking.create_ranking(*zip(*regions)),
      tracks=ranking.create_ranking(*zip(*tracks)),
  )


def held_area(rates: np.ndarray, shares: np.ndarray) -> float:
  """Returns the area under a curve over rates in [0, 1].

  The points [k] are joined by straight lines, from (0, 0); the last share is held to a
  rate of 1, and what lies beyond it is cut off.
  """
  rates, shares = np.append(0.0, rates), np.append(0.0, shares)
  inside = rates <= 1
  end = np.interp(1.0, rates, shares) if not inside.all() else shares[-1]
  return float(np.trapezoid(np.append(shares[inside], end), np.append(rates[inside], 1.0)))


def _match(
    found: Detections, events: Sequence[Tube], threshold: float
) -> tuple[np.ndarray, list[np.ndarray]]:
  """Returns the scores of false detections and, by event, the score that finds each box.

  That is the largest of the detections that overlap it; -inf if none does.
  """
  sizes = [len(event.boxes_xyxy) for event in events]
  frames = np.concatenate([np.arange(0), *(np.arange(e.start, e.stop) for e in events)])
  boxes_xyxy = np.concatenate([np.zeros((0, 4)), *(event.boxes_xyxy for event in events)])
  order = np.argsort(frames, kind='stable')
  low, high = (np.searchsorted(frames[order], found.frames, side) for side in ('left', 'right'))
  # All pairs of a detection and an annotated box of its frame.
  pairs = high - low
  detection = np.repeat(np.arange(len(found)), pairs)
  offset = np.arange(pairs.sum()) - np.repeat(np.cumsum(pairs) - pairs, pairs)
  box = order[np.repeat(low, pairs) + offset]
  hit = boxes.iou(found.boxes_xyxy[detection].astype(float), boxes_xyxy[box]) >= threshold
  scores = np.full(len(frames), -np.inf)
  np.maximum.at(scores, box[hit], found.scores[detection[hit]])
  false = np.ones(len(found), bool)
  false[detection[hit]] = False
  return found.scores[false], np.split(scores, np.cumsum(sizes)[:-1]) if sizes else []


def _reached(scores: np.ndarray, share: float) -> float:
  """Returns the lowest score down to which `share` of the boxes of a track are found."""
  needed = max(int(np.ceil(share * len(scores) - 1e-9)), 1)
  return float(np.sort(scores)[-needed])


def _rows(scores: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns labels and scores of what was found and of what is false."""
  scores = scores[scores > -np.inf]
  labels = np.arange(len(scores) + len(false)) < len(scores)
  return labels, np.concatenate([scores, false])
