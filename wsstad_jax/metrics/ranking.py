"""Areas under curves of scores that belong to videos, for any draw of the videos.

The rows are sorted and equal ones joined once; each draw of videos (see `intervals`) then
only weighs them, so that thousands of draws over millions of frames stay affordable.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ranking:
  """Positive and negative rows of videos, the highest score first.

  Attributes:
    num_videos: v.
    videos: int [n], in 0 .. v - 1.
    positives: int [n], how many positive rows of the video have this score.
    negatives: int [n], how many negative ones.
    ends: int [k], the last row of each distinct score.
  """

  num_videos: int
  videos: np.ndarray
  positives: np.ndarray
  negatives: np.ndarray
  ends: np.ndarray

  def counts(self, videos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how many positives and negatives [k] reach each distinct score, highest first.

    Args:
      videos: int [m], the drawn videos; one that is drawn twice counts twice.
    """
    weights = np.bincount(videos, minlength=self.num_videos)[self.videos]
    return tuple(
        np.cumsum(weights * rows)[self.ends] for rows in (self.positives, self.negatives)
    )

  def roc_auc(self, videos: np.ndarray) -> float:
    """Returns the area under the ROC curve, ties counted half; nan with one label alone."""
    positives, negatives = self.counts(videos)
    if not len(self.ends) or not positives[-1] or not negatives[-1]:
      return np.nan
    above = positives - np.diff(positives, prepend=0) / 2
    return float(np.diff(negatives, prepend=0) @ above / positives[-1] / negatives[-1])

  def average_precision(self, videos: np.ndarray) -> float:
    """Returns the precision at each score, weighed by the recall gained there.

    There is no interpolation, and equal scores make one step. nan without positives.
    """
    positives, negatives = self.counts(videos)
    if not len(self.ends) or not positives[-1]:
      return np.nan
    precision = positives / np.maximum(positives + negatives, 1)
    return float(np.diff(positives, prepend=0) @ precision / positives[-1])


def create_ranking(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Ranking:
  """Returns the ranking of the rows of videos.

  Args:
    labels: of each video [rows], True or 1 where positive.
    scores: of each video [rows], finite, higher is more abnormal.

  Raises:
    ValueError: the lengths differ, or a score is not finite.
  """
  sizes = [len(rows) for rows in scores]
  if sizes != [len(rows) for rows in labels]:
    raise ValueError('there is not one label for each score')
  videos = np.repeat(np.arange(len(sizes)), sizes)
  positive = np.concatenate([np.zeros(0, bool), *(np.asarray(rows, bool) for rows in labels)])
  score = np.concatenate([np.zeros(0), *scores])
  if not np.isfinite(score).all():
    raise ValueError('a score is NaN or infinite')
  order = np.lexsort((videos, -score))
  videos, positive, score = videos[order], positive[order], score[order]
  new_score = np.append(np.diff(score) != 0, True)[: len(score)]
  last = np.flatnonzero(new_score | np.append(np.diff(videos) != 0, True)[: len(score)])
  joined = np.diff(np.cumsum(positive)[last], prepend=0)
  return Ranking(
      num_videos=len(sizes),
      videos=videos[last],
      positives=joined,
      negatives=np.diff(last, prepend=-1) - joined,
      ends=np.flatnonzero(new_score[last]),
  )
