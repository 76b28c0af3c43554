"""How much of an annotated event the detector and the tubes got hold of.

S_loc mixes faults in space and in time. These figures look at the frames of the event
alone and so say which stage lost it.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.metrics import localization


def truth_coverage(detections: Detections, truth: Tube) -> float:
  """Returns the share of the event's boxes that all detections together cover.

  It is the mean over the event's frames, in [0, 1]. Parts that several detections cover
  count once.
  """
  covered = [_covered_area(found, box) for found, box in _by_frame(detections, truth)]
  areas = boxes.area(truth.boxes_xyxy)
  return float(np.mean(np.divide(covered, areas, out=np.zeros(len(areas)), where=areas > 0)))


def box_recall(detections: Detections, truth: Tube, *, threshold: float = 0.5) -> float:
  """Returns the share of the event's frames whose box can be had from the detections.

  That is where a detection, or the box around those that lie inside the event with at
  least half of their area, reaches the IoU `threshold`. The second matters because the
  event's box encloses all that are involved.
  """
  return float(np.mean([
      _best_iou(found, box) >= threshold for found, box in _by_frame(detections, truth)
  ]))


def tube_recall(tubes: Sequence[Tube], truth: Tube, *, threshold: float = 0.5) -> float:
  """Returns the share of the event's frames where one tube reaches the IoU `threshold`.

  The tube is the one with the largest share. Its frames outside the event do not
  matter. 0 without tubes.
  """
  shares = [np.mean(localization.iou_by_frame(tube, truth) >= threshold) for tube in tubes]
  return float(max(shares, default=0.0))


def _by_frame(detections: Detections, truth: Tube) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields the detected boxes [n, 4] and the true box [4] of each frame of the event."""
  edges = np.searchsorted(detections.frames, np.arange(truth.start, truth.stop + 1))
  for low, high, box in zip(edges[:-1], edges[1:], truth.boxes_xyxy):
    yield detections.boxes_xyxy[low:high], box


def _covered_area(found: np.ndarray, box: np.ndarray) -> float:
  """Returns the area of `box` inside the union of the boxes `found` [n, 4]."""
  low = np.clip(found[:, :2], box[:2], box[2:])
  high = np.clip(found[:, 2:], box[:2], box[2:])
  # The edges of all boxes cut the plane into cells that are each covered or free.
  inside, sides = [], []
  for axis in range(2):
    edges = np.unique(np.concatenate([low[:, axis], high[:, axis]]))
    inside.append((low[:, axis, None] <= edges[:-1]) & (edges[1:] <= high[:, axis, None]))
    sides.append(np.diff(edges))
  covered = (inside[0][:, :, None] & inside[1][:, None, :]).any(axis=0)  # [x, y]
  return float(sides[0] @ covered @ sides[1])


def _best_iou(found: np.ndarray, box: np.ndarray) -> float:
  candidates = list(found)
  shared = boxes.intersection(found, box)
  inside = found[(shared > 0) & (2 * shared >= boxes.area(found))]
  if len(inside):
    candidates.append(boxes.enclosing(inside))
  return max((float(boxes.iou(candidate, box)) for candidate in candidates), default=0.0)
