"""Tests of the scores of frames."""

import numpy as np
import pytest

from wsstad_jax.metrics import frames


def test_largest_instance_wins_and_uncovered_frames_are_zero():
  curve = frames.frame_scores(np.array([[1, 4], [3, 6]]), np.array([0.5, 0.25]), 7)
  np.testing.assert_array_equal(curve, [0, 0.5, 0.5, 0.5, 0.25, 0.25, 0])


def test_equals_plain_reference():
  rng = np.random.default_rng(0)
  starts = rng.integers(0, 30, 12)
  spans = np.stack([starts, starts + rng.integers(1, 10, 12)], axis=1)
  scores = rng.random(12)
  expected = [
      max([s for (a, b), s in zip(spans, scores) if a <= frame < b], default=0)
      for frame in range(40)
  ]
  np.testing.assert_array_equal(frames.frame_scores(spans, scores, 40), expected)


def test_no_instances():
  np.testing.assert_array_equal(frames.frame_scores(np.zeros((0, 2), int), np.zeros(0), 3), [0] * 3)


def test_unequal_lengths_are_refused():
  with pytest.raises(ValueError):
    frames.frame_scores(np.array([[0, 1]]), np.array([0.1, 0.2]), 3)


def test_labels_of_spans_that_overlap():
  labels = frames.frame_labels([(1, 3), (2, 4)], 6)
  assert labels.tolist() == [False, True, True, True, False, False]
  assert not frames.frame_labels([], 2).any()
