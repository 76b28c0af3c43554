"""Videolets: the segments of a video that are the instances of the temporal branch."""

import numpy as np


def create_videolets(num_clips: int, num_videolets: int) -> np.ndarray:
  """Returns spans over clips, int32 [s, 2], half-open, that together cover the video.

  Edges are round(linspace(0, num_clips, s + 1)) as in Sultani 2018. A video of fewer
  clips than videolets gets one videolet a clip, so that none is empty.
  """
  count = min(num_videolets, num_clips)
  edges = np.rint(np.linspace(0, num_clips, count + 1)).astype(np.int32)
  return np.stack([edges[:-1], edges[1:]], axis=1)
