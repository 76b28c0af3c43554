"""Tests of the overlap of each part with all that is scored abnormal."""

import numpy as np
import pytest

from wsstad_jax.core.records import NO_PLACE_XYXY
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.metrics import localization
from wsstad_jax.tubes import agreement


def odds(values):
  values = np.array(values, float)
  return values / (1 + values)


def still(start, stop, box):
  return Tube(start, np.tile(np.float32(box), (stop - start, 1)), TubeKind.UNARY)


def plain(spans, sources, scores, tubes):
  """Of every pair of parts the S_loc of the metrics."""
  parts = [tubes[source].part(*span) for source, span in zip(sources, spans)]
  every_frame = np.ones(max(part.stop for part in parts), bool)
  weights = scores / (1 - scores)
  return np.array([
      sum(
          weight * localization.spatio_temporal_score(part, other, every_frame)
          for weight, other in zip(weights, parts)
      ) / weights.sum()
      for part in parts
  ])


def test_by_hand():
  tubes = [still(0, 20, (0, 0, 10, 10)), still(5, 15, (0, 0, 10, 20)), still(0, 20, (50, 50, 60, 60))]
  spans = np.array([[0, 10], [10, 20], [5, 15], [0, 20]])
  sources = np.array([0, 0, 1, 2])
  # Of 8 parts of odds: 2, 1, 1, 4. The first and the third share 5 of 15 frames by half.
  expected = agreement.expected_overlaps(spans, sources, odds([2, 1, 1, 4]), tubes)
  sixth = 0.5 * 5 / 15
  np.testing.assert_allclose(
      expected, np.array([2 + sixth, 1 + sixth, 3 * sixth + 1, 4]) / 8, rtol=1e-6
  )


def test_many_that_agree_outweigh_one_that_stands_alone():
  tubes = [still(0, 10, (0, 0, 10, 10)), still(0, 10, (1, 0, 11, 10)), still(0, 10, (50, 0, 60, 10))]
  spans, sources = np.array([[0, 10]] * 3), np.arange(3)
  close = agreement.expected_overlaps(spans, sources, odds([5, 5, 6]), tubes)
  assert np.argmax(close) != 2
  sure = agreement.expected_overlaps(spans, sources, odds([5, 5, 60]), tubes)
  assert np.argmax(sure) == 2


@pytest.mark.parametrize('spread', [0.3, 3.0])
def test_equals_the_metric_on_random_parts(spread):
  rng = np.random.default_rng(1)
  tubes = []
  for start in rng.integers(0, 60, 6):
    low = rng.uniform(0, 20, 2) + rng.normal(0, 1, (40, 2)).cumsum(axis=0)
    boxes_xyxy = np.concatenate([low, low + rng.uniform(10, 30, 2)], axis=1).astype(np.float32)
    tubes.append(Tube(int(start), boxes_xyxy, TubeKind.UNARY))
  sources = np.sort(rng.integers(0, 6, 30))
  edges = np.sort(rng.integers(0, 40, (30, 2)), axis=1) + [0, 1]
  spans = edges + np.array([tubes[source].start for source in sources])[:, None]
  scores = odds(np.exp(spread * rng.normal(size=30)))
  np.testing.assert_allclose(
      agreement.expected_overlaps(spans, sources, scores, tubes),
      plain(spans, sources, scores, tubes), rtol=0, atol=30e-4,  # what is negligible is left out
  )


def test_sure_scores_and_tubes_without_a_place():
  tubes = [still(0, 10, NO_PLACE_XYXY), still(5, 20, NO_PLACE_XYXY)]
  spans, sources = np.array([[0, 10], [5, 20]]), np.arange(2)
  found = agreement.expected_overlaps(spans, sources, np.array([1.0, 0.0]), tubes)
  np.testing.assert_allclose(found, [1, 5 / 20])
  found = agreement.expected_overlaps(spans, sources, np.array([1.0, 1.0]), tubes)
  np.testing.assert_allclose(found, [(1 + 5 / 20) / 2] * 2)
