"""What the boxes of a tube alone tell: how fast it goes, its size and shape, how steady they are.

C3D sees a window that is as large as the object and its way, so speed and size are hidden in it;
here they are eight numbers, which few videos suffice to learn from.
"""

import numpy as np

from wsstad_jax.core.records import Tube, VideoFacts

NUM_FEATURES = 8
_SPAN = 0.6  # seconds between two positions: boxes jitter from frame to frame
_STANDSTILL = 3e-3  # added to speeds, image diagonals a second: below, there is only jitter
# Means and spreads over the tubes of streets, so that features are about 0, give or take 1. A
# camera of another view moves them a little, which a bias makes up for.
_MEANS = np.array([-3.1, -2.4, -1.2, -1.8, -2.1, 0.3, 0.3, 0.25], np.float32)
_SPREADS = np.array([1.0, 1.0, 1.2, 0.9, 0.7, 0.6, 0.2, 0.2], np.float32)


def trajectory_features(tube: Tube, facts: VideoFacts) -> np.ndarray:
  """Returns float32 [8], about 0 on average; zeros for a tube that has no place.

  In order: the logarithms of the median speed, of the 80th percentile of speed (both in image
  diagonals a second), of the median speed in sides of the box a second, of the median width, of the
  median height (both in image diagonals) and of width over height; the variation of width and
  of height over the tube, as standard deviation over mean.
  """
  if not tube.has_place:
    return np.zeros(NUM_FEATURES, np.float32)
  diagonal = np.hypot(facts.width, facts.height)
  boxes_xyxy = tube.boxes_xyxy.astype(np.float64) / diagonal
  sides = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 1e-6)
  frames = min(max(round(_SPAN * facts.frames_per_second), 1), len(sides) - 1)
  centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
  moved = np.linalg.norm(centres[frames:] - centres[: len(centres) - frames], axis=1)
  speeds = moved * facts.frames_per_second / max(frames, 1)
  width, height = np.median(sides, axis=0)
  speed, high_speed = np.median(speeds), np.percentile(speeds, 80)
  values = [
      *np.log(np.array([speed, high_speed]) + _STANDSTILL),
      np.log((speed + _STANDSTILL) / np.sqrt(width * height)),
      np.log(width), np.log(height), np.log(width / height),
      *(sides.std(axis=0) / sides.mean(axis=0)),
  ]
  return ((np.array(values, np.float32) - _MEANS) / _SPREADS).astype(np.float32)
