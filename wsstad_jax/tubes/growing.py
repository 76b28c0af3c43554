"""Parts of tubes that grow to as much of their tube as is about as abnormal."""

import numpy as np


def grow_best_parts(
    spans: np.ndarray,
    sources: np.ndarray,
    scores: np.ndarray,
    source_spans: np.ndarray,
    *,
    odds_ratio: float,
) -> np.ndarray:
  """Returns the spans [t, 2] with the best part of each tube grown to both sides.

  Parts are of a few given lengths, events are not. A part grows up to the first frame whose
  odds (score over 1 - score) are below `odds_ratio` times its own. The odds of a frame are the
  geometric mean of those of the parts that hold it, each weighted by one over its length, since
  short parts tell better where they are; between parts they are interpolated.

  Args:
    spans: int [t, 2], frames start:stop of each part.
    sources: int [t], the tube of each.
    scores: [t], in (0, 1).
    source_spans: int [n, 2], of the undivided tubes.
    odds_ratio: in (0, 1]; 1 leaves the spans as they are.
  """
  grown = np.array(spans)
  if odds_ratio >= 1:
    return grown
  scores = np.clip(scores, 1e-12, 1 - 1e-12)
  logits = np.log(scores) - np.log1p(-scores)
  for source in np.unique(sources):
    rows = np.flatnonzero(sources == source)
    best = rows[np.argmax(logits[rows])]
    first, stop = source_spans[source]
    curve = _frame_logits(spans[rows] - first, logits[rows], stop - first)
    below = np.flatnonzero(curve < logits[best] + np.log(odds_ratio))
    start, end = spans[best] - first
    before, after = below[below < start], below[below >= end]
    grown[best] = (
        first + (before[-1] + 1 if len(before) else 0),
        first + (after[0] if len(after) else stop - first),
    )
  return grown


def _frame_logits(spans: np.ndarray, logits: np.ndarray, num_frames: int) -> np.ndarray:
  """Returns the mean logit [f] of the parts that hold each frame."""
  total, weight = np.zeros(num_frames), np.zeros(num_frames)
  for (start, stop), logit in zip(spans, logits):
    total[start:stop] += logit / (stop - start)
    weight[start:stop] += 1 / (stop - start)
  held = np.flatnonzero(weight)
  return np.interp(np.arange(num_frames), held, total[held] / weight[held])
