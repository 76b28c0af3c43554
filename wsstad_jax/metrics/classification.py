"""How well scores tell abnormal from normal."""

import numpy as np
from sklearn import metrics


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
  """Returns the area under the ROC curve, in [0, 1]; equal scores count half.

  Args:
    labels: [n], 1 abnormal and 0 normal.
    scores: [n], finite, higher is more abnormal.

  Returns:
    The area; nan if only one of the two labels occurs, where it is not defined.

  Raises:
    ValueError: a score is not finite, or the lengths differ.
  """
  if len(np.unique(labels)) < 2:
    return np.nan
  return float(metrics.roc_auc_score(labels, scores))
