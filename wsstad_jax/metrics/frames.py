"""Scores of single frames, and which frames are anomalous."""

from collections.abc import Iterable, Sequence

import numpy as np


def frame_scores(spans: np.ndarray, scores: np.ndarray, num_frames: int) -> np.ndarray:
  """Returns the score [num_frames] of each frame: the largest of the instances in it.

  Args:
    spans: int [t, 2], half-open frames of the instances.
    scores: [t], in [0, 1].
    num_frames: of the video.

  Returns:
    float64 [num_frames]; 0 where no instance is.
  """
  curve = np.zeros(num_frames)
  for (start, stop), score in zip(spans, scores, strict=True):
    np.maximum(curve[start:stop], score, out=curve[start:stop])
  return curve


def frame_labels(spans: Iterable[Sequence[int]], num_frames: int) -> np.ndarray:
  """Returns bool [num_frames], True in the frames of the spans (start, stop) of events."""
  labels = np.zeros(num_frames, bool)
  for start, stop in spans:
    labels[start:stop] = True
  return labels
