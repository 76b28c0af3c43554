"""How well each tube agrees with all that is scored abnormal, itself included."""

from collections.abc import Sequence

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Tube

_NEGLIGIBLE = 1e-4  # share of the highest odds below which a part says nothing


def expected_overlaps(
    spans: np.ndarray, sources: np.ndarray, scores: np.ndarray, tubes: Sequence[Tube]
) -> np.ndarray:
  """Returns the expected S_loc [t] of each part, were one of the parts the event.

  The probability that a part is the event is taken to be in proportion to its odds (score over
  1 - score). The part of the highest score is one guess among many; the one that is expected to
  overlap the event most is less at the mercy of a single score. S_loc is over all frames of
  both parts (eq. 10 with a detection in every frame).

  Args:
    spans: int [t, 2], frames start:stop of each part.
    sources: int [t], the number of the tube of each.
    scores: [t], in (0, 1).
    tubes: undivided, that `sources` counts.
  """
  scores = np.clip(scores, 1e-12, 1 - 1e-12)
  odds = scores / (1 - scores)
  heard = odds >= _NEGLIGIBLE * odds.max()
  weights = np.where(heard, odds, 0) / odds[heard].sum()
  expected = np.zeros(len(spans))
  parts = {source: np.flatnonzero(sources == source) for source in np.unique(sources)}
  for other in np.unique(sources[heard]):
    targets = parts[other][heard[parts[other]]]
    for source, rows in parts.items():
      overlaps = _overlaps(spans[rows], tubes[source], spans[targets], tubes[other])
      expected[rows] += overlaps @ weights[targets]
  return expected


def _overlaps(spans: np.ndarray, tube: Tube, others: np.ndarray, other: Tube) -> np.ndarray:
  """Returns S_loc [n, m] of parts of one tube, spans [n, 2], with parts of another, [m, 2]."""
  first, stop = max(tube.start, other.start), min(tube.stop, other.stop)
  if first >= stop:
    return np.zeros((len(spans), len(others)))
  ious = boxes.iou(tube.part(first, stop).boxes_xyxy, other.part(first, stop).boxes_xyxy)
  total = np.append(0, np.cumsum(ious))
  latest_start = np.maximum.outer(spans[:, 0], others[:, 0])
  earliest_stop = np.minimum.outer(spans[:, 1], others[:, 1])
  both = np.maximum.outer(spans[:, 1], others[:, 1]) - np.minimum.outer(spans[:, 0], others[:, 0])
  shared = total[np.clip(earliest_stop - first, 0, stop - first)]
  shared = shared - total[np.clip(latest_start - first, 0, stop - first)]
  return np.where(latest_start < earliest_stop, shared / both, 0)
