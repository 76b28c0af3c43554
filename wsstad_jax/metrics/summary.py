"""The figures of the paper's Table 1 from the results of single videos."""

from collections.abc import Sequence
import dataclasses

import numpy as np

from wsstad_jax.metrics import classification
from wsstad_jax.metrics import localization

IOU_THRESHOLDS = (0.1, 0.2, 0.3, 0.5)


@dataclasses.dataclass(frozen=True)
class VideoResult:
  """Scores of the hypothetical tubes of one video.

  Attributes:
    label: 1 abnormal, 0 normal.
    scores: [t] fused anomaly score of each tube (eq. 9), in [0, 1].
    localizations: [t] S_loc of each tube, nan if the video has no true boxes; not read for a
      normal video.
  """

  label: int
  scores: np.ndarray
  localizations: np.ndarray

  def __post_init__(self):
    if self.label and len(self.scores) != len(self.localizations):
      raise ValueError(f'{len(self.scores)} scores, {len(self.localizations)} localizations')

  @property
  def score(self) -> float:
    """Score of the video: of its top-1 tube; 0 without tubes."""
    return float(np.max(self.scores, initial=0.0))

  @property
  def localization(self) -> float:
    """S_loc of the top-1 tube, the first of equals; 0 without tubes."""
    return float(self.localizations[np.argmax(self.scores)]) if len(self.scores) else 0.0


def summarize(results: Sequence[VideoResult]) -> dict[str, float | dict[str, float]]:
  """Returns VAUC, MIoU and IoU@ in percent, with both yardsticks beside them.

  'random' is the expectation, without sampling, of drawing a tube of each video
  uniformly and a score independent of the label. 'upper_bound' takes the best tube of
  each video and a score that tells the labels apart. A figure is nan if the videos it
  needs are not there: both labels for VAUC, abnormal ones with true boxes for the others.
  """
  abnormal = [
      result for result in results if result.label and not np.isnan(result.localizations).any()
  ]
  vauc = classification.roc_auc(
      np.array([result.label for result in results]),
      np.array([result.score for result in results]),
  )
  top = np.array([result.localization for result in abnormal])
  best = np.array([np.max(result.localizations, initial=0.0) for result in abnormal])
  # A video without tubes has one thing to draw: nothing, which scores 0.
  drawn = [result.localizations if len(result.localizations) else [0.0] for result in abnormal]
  random = {'vauc': 50.0, 'miou': _percent(localization.mean_iou([np.mean(d) for d in drawn]))}
  for threshold in IOU_THRESHOLDS:
    shares = [localization.iou_at(values, threshold) for values in drawn]
    random[f'iou@{threshold}'] = _percent(localization.mean_iou(shares))
  return {
      'vauc': _percent(vauc),
      **_localized(top),
      'random': random,
      'upper_bound': {'vauc': 100.0, **_localized(best)},
  }


def _localized(scores: np.ndarray) -> dict[str, float]:
  figures = {'miou': _percent(localization.mean_iou(scores))}
  for threshold in IOU_THRESHOLDS:
    figures[f'iou@{threshold}'] = _percent(localization.iou_at(scores, threshold))
  return figures


def _percent(share: float) -> float:
  return 100 * share
