"""Arithmetic of spans of frames, start and stop, half-open."""

import numpy as np


def pairs_at_once(spans: np.ndarray) -> np.ndarray:
  """Returns which spans share a frame: the rows of each pair, int [p, 2], ascending, in order.

  In a long video few of all pairs do, and only those cost time.

  Args:
    spans: int [n, 2], none of them empty.
  """
  order = np.argsort(spans[:, 0], kind='stable')
  starts, stops = spans[order].T
  places = np.arange(len(spans))
  counts = np.searchsorted(starts, stops) - places - 1  # of later ones that begin within each
  first = np.repeat(places, counts)
  second = np.arange(counts.sum()) + np.repeat(places + 1 - np.cumsum(counts) + counts, counts)
  pairs = np.sort(np.stack([order[first], order[second]], axis=1), axis=1)
  return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
