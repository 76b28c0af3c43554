"""Arithmetic of axis-aligned boxes (x_min, y_min, x_max, y_max), maxima exclusive."""

import numpy as np


def area(boxes_xyxy: np.ndarray) -> np.ndarray:
  """Returns the areas [...] of boxes [..., 4] in square pixels; 0 where inverted."""
  sides = np.maximum(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0)
  return sides[..., 0] * sides[..., 1]


def intersection(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
  """Returns the shared areas [...] of boxes [..., 4], broadcast against each other."""
  low = np.maximum(a_xyxy[..., :2], b_xyxy[..., :2])
  high = np.minimum(a_xyxy[..., 2:], b_xyxy[..., 2:])
  return area(np.concatenate([low, high], axis=-1))


def iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
  """Returns intersection over union [...] in [0, 1] of boxes [..., 4]; 0 for empty boxes."""
  shared = intersection(a_xyxy, b_xyxy)
  joint = area(a_xyxy) + area(b_xyxy) - shared
  return np.divide(shared, joint, out=np.zeros_like(shared, dtype=float), where=joint > 0)


def pairwise_iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
  """Returns the IoU matrix [n, m] of boxes [n, 4] and [m, 4]."""
  return iou(a_xyxy[:, None], b_xyxy[None, :])


def enclosing(boxes_xyxy: np.ndarray, axis: int = 0) -> np.ndarray:
  """Returns the smallest box around boxes [..., 4] along `axis`."""
  low = boxes_xyxy[..., :2].min(axis=axis)
  high = boxes_xyxy[..., 2:].max(axis=axis)
  return np.concatenate([low, high], axis=-1)


def dilate(boxes_xyxy: np.ndarray, factor: float) -> np.ndarray:
  """Returns boxes [..., 4] scaled about their centres by `factor` (1 keeps them)."""
  centres = (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2
  halves = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]) / 2 * factor
  return np.concatenate([centres - halves, centres + halves], axis=-1)


def clip(boxes_xyxy: np.ndarray, width: int, height: int) -> np.ndarray:
  """Returns boxes [..., 4] cut to the image."""
  limits = np.array([width, height, width, height], boxes_xyxy.dtype)
  return np.clip(boxes_xyxy, 0, limits)
