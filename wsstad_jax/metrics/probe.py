"""How much features tell about the anomaly if the truth were known: a supervised yardstick."""

import numpy as np
from sklearn import linear_model
from sklearn import model_selection
from sklearn import pipeline
from sklearn import preprocessing

from wsstad_jax.metrics import classification

_FOLDS = 5
_REGULARIZATION = 1e-2  # inverse strength C: features are many, videos few


def linear_probe_auc(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
  """Returns the ROC area of a linear classifier on videos that it was not fitted to.

  Logistic regression on standardised features, cross-validated with whole videos left
  out; the held-out scores of all folds make one ROC curve.

  Args:
    features: [n, d].
    labels: [n], 1 or 0.
    groups: [n], the video that each row comes from.

  Returns:
    In [0, 1]; nan if fewer than five videos hold a row of label 1.
  """
  if len(np.unique(groups[labels == 1])) < _FOLDS:
    return float('nan')
  classifier = pipeline.make_pipeline(
      preprocessing.StandardScaler(),
      linear_model.LogisticRegression(C=_REGULARIZATION, class_weight='balanced', max_iter=500),
  )
  folds = model_selection.StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
  scores = model_selection.cross_val_predict(
      classifier, features, labels, groups=groups, cv=folds, method='decision_function'
  )
  return classification.roc_auc(labels, scores)
