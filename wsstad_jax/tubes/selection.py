"""Choosing few instances that stand for many."""

from collections.abc import Sequence

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Tube
from wsstad_jax.core.spans import pairs_at_once


def select_covering(tubes: Sequence[Tube], spans: np.ndarray, max_selected: int) -> np.ndarray:
  """Returns the rows, ascending, of the parts that best cover all parts.

  A part is covered as well as it overlaps the most similar chosen one. Parts are chosen
  greedily by what they add to the sum of all covers, each weighted by the mean side of
  its boxes: near copies add nothing, and specks little.

  Args:
    tubes: the sources.
    spans: int [n, 3], source, start and stop of each part.
    max_selected: how many to choose at most.
  """
  if len(spans) <= max_selected:
    return np.arange(len(spans))
  overlap = pairwise_overlap(tubes, spans)
  weights = np.array(
      [_mean_side(tubes[source].part(start, stop)) for source, start, stop in spans], np.float32
  )
  cover = np.zeros(len(spans), np.float32)
  gains = overlap @ weights  # upper bounds: what a part adds only shrinks
  chosen = []
  while len(chosen) < max_selected:
    best = int(gains.argmax())
    exact = float(np.maximum(overlap[best] - cover, 0) @ weights)
    gains[best] = -np.inf
    if exact >= gains.max() - 1e-6 * abs(exact):
      chosen.append(best)
      cover = np.maximum(cover, overlap[best])
    else:
      gains[best] = exact
  return np.sort(chosen)


def pairwise_overlap(tubes: Sequence[Tube], spans: np.ndarray) -> np.ndarray:
  """Returns the mean per-frame IoU over the frames of either part, float32 [n, n].

  Sums over frames are differences of running sums along each pair of tubes, so that the
  IoU of two boxes is computed once for all parts that contain them.
  """
  overlap = np.zeros((len(spans), len(spans)), np.float32)
  sources, places, counts = np.unique(spans[:, 0], return_inverse=True, return_counts=True)
  rows = np.split(np.argsort(places, kind='stable'), np.cumsum(counts)[:-1])  # of each source
  of_source = np.array([(tubes[source].start, tubes[source].stop) for source in sources])
  itself = np.tile(np.arange(len(sources))[:, None], 2)
  for first, second in np.concatenate([itself, pairs_at_once(of_source)]):
    tube, other = tubes[sources[first]], tubes[sources[second]]
    start, stop = max(tube.start, other.start), min(tube.stop, other.stop)
    ious = boxes.iou(tube.part(start, stop).boxes_xyxy, other.part(start, stop).boxes_xyxy)
    sums = np.concatenate([[0], np.cumsum(ious)])
    starts, stops = spans[rows[first], 1][:, None], spans[rows[first], 2][:, None]
    other_starts, other_stops = spans[rows[second], 1], spans[rows[second], 2]
    begin = np.clip(np.maximum(starts, other_starts) - start, 0, stop - start)
    end = np.clip(np.minimum(stops, other_stops) - start, begin, stop - start)
    length = np.maximum(stops, other_stops) - np.minimum(starts, other_starts)
    block = (sums[end] - sums[begin]) / length
    overlap[np.ix_(rows[first], rows[second])] = block
    overlap[np.ix_(rows[second], rows[first])] = block.T
  return overlap


def _mean_side(tube: Tube) -> float:
  return float(np.sqrt(boxes.area(tube.boxes_xyxy)).mean())
