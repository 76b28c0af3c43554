"""Tests of what the scores of instances are turned into."""

import numpy as np
import pytest

from wsstad_jax.runs import scoring


def make_bag(spans):
  """Returns a bag whose instances are parts of one tube of 100 frames, and one padded row."""
  return {
      'tube_mask': np.arange(len(spans) + 1) < len(spans),
      'tube_sources': np.array([0] * len(spans) + [-1], np.int32),
      'tube_spans': np.array([*spans, (0, 0)], np.int32),
      'source_kinds': np.array([0], np.int32),
      'source_spans': np.array([[0, 100]], np.int32),
      'source_boxes_xyxy': np.tile(np.float32([0, 0, 8, 8]), (100, 1)),
  }


def test_support_by_hand():
  bag = make_bag([(0, 10), (0, 20), (10, 20)])  # overlaps 1/2, 0 and 1/2 in time, the same box
  scores = np.array([0.8, 0.6, 0.4])
  # exponent 1: 0.8 + 0.6 / 2 = 1.1, 0.6 + (0.8 + 0.4) / 2 = 1.2, 0.4 + 0.6 / 2 = 0.7
  expected = 0.8 * np.array([1.1, 1.2, 0.7]) / 1.2
  np.testing.assert_allclose(scoring.supported(bag, scores, 1.0), expected, rtol=1e-6)


@pytest.mark.parametrize('exponent', [1.0, 4.0])
def test_support_moves_the_choice_but_not_the_score_of_a_video(exponent):
  bag = make_bag([(30, 40), (40, 50), (30, 50), (80, 90)])
  scores = np.array([0.9, 0.9, 0.85, 0.91])
  found = scoring.supported(bag, scores, exponent)
  assert np.argmax(scores) == 3 and np.argmax(found) == 2
  assert found.max() == pytest.approx(0.91)


def test_a_lone_instance_keeps_its_score():
  assert scoring.supported(make_bag([(5, 25)]), np.array([0.3]), 4.0) == pytest.approx([0.3])
