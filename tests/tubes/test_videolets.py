"""Tests of the segments of a video."""

import numpy as np
import pytest

from wsstad_jax.tubes.videolets import create_videolets


def test_edges_by_hand():
  # 10 / 4 = 2.5: edges 0, 2.5 -> 2, 5, 7.5 -> 8, 10.
  assert create_videolets(10, 4).tolist() == [[0, 2], [2, 5], [5, 8], [8, 10]]


@pytest.mark.parametrize('num_clips', [1, 5, 31, 32, 33, 100])
def test_videolets_cover_the_video_without_overlap(num_clips):
  spans = create_videolets(num_clips, 32)
  assert spans.dtype == np.int32 and len(spans) == min(32, num_clips)
  assert spans[0, 0] == 0 and spans[-1, 1] == num_clips
  assert (spans[1:, 0] == spans[:-1, 1]).all()
  assert (spans[:, 1] > spans[:, 0]).all()
