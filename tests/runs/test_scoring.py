"""Tests of what the scores of branches are turned into."""

import dataclasses

import numpy as np
import pytest

from configs import base
from tests.baselines import making
from wsstad_jax.runs import scoring


@dataclasses.dataclass(frozen=True)
class Said:
  """A method that says of every bag what it is told to."""

  logits: tuple

  def bag_logits(self, *, params, batch):
    del params
    rows = np.ones((len(batch['label']), 1), np.float32)
    return {name: rows * np.float32(values) for name, values in self.logits}


def score(method, branches):
  batch = making.create_batch(labels=(1,), t=40)
  bag = {name: array[0] for name, array in batch.items()} | {
      'tube_mask': np.arange(40) < 3, 'tube_kinds': np.ones(40, np.int32),
      'tube_sources': np.zeros(40, np.int32),
  }
  config = base.get_config()
  config.evaluate.branches = branches
  ((_, scores),) = scoring.create_score_fn(method, {}, config)([bag])
  return scores


TUBE, TEMPORAL = np.linspace(-3, 3, 40), np.linspace(4, -4, 40)
BOTH = Said((('tube', tuple(TUBE)), ('temporal', tuple(TEMPORAL))))


@pytest.mark.parametrize('branches, expected', [
    (('tube', 'temporal'), (making.sigmoid(TUBE) + making.sigmoid(TEMPORAL)) / 2),
    (('tube',), making.sigmoid(TUBE)),
    (('temporal',), making.sigmoid(TEMPORAL)),
])
def test_the_branches_asked_are_fused(branches, expected):
  scores = score(BOTH, branches)
  np.testing.assert_allclose(scores.fused, expected[:3], rtol=1e-5)
  np.testing.assert_allclose(scores.tube, making.sigmoid(TUBE)[:3], rtol=1e-5)
  np.testing.assert_allclose(scores.temporal, making.sigmoid(TEMPORAL)[:3], rtol=1e-5)


def test_a_method_of_one_branch_is_scored_by_it():
  scores = score(Said((('temporal', tuple(TEMPORAL)),)), ('tube',))
  np.testing.assert_allclose(scores.fused, making.sigmoid(TEMPORAL)[:3], rtol=1e-5)


@pytest.mark.parametrize('retrieval, top, scores', [
    ('score', 2, [0.6, 0.6, 0.65]), ('expected_overlap', 0, [0.65, 0.65, None]),
])
def test_a_tube_is_retrieved_by_its_score_or_by_its_agreement(retrieval, top, scores):
  boxes_xyxy = np.float32([[0, 0, 10, 10], [0, 0, 10, 10], [50, 0, 60, 10]]).repeat(20, axis=0)
  bag = {
      'tube_spans': np.array([[0, 20]] * 3), 'tube_sources': np.arange(3),
      'source_spans': np.array([[0, 20]] * 3), 'source_boxes_xyxy': boxes_xyxy,
      'source_kinds': np.zeros(3, int),
  }
  said = np.array([0.6, 0.6, 0.65])
  config = base.get_config()
  config.evaluate.retrieval = retrieval
  tubes = scoring.scored_tubes(bag, scoring.Scores(said, said, said), config.evaluate)
  found = [tube.score for tube in tubes]
  assert np.argmax(found) == top and max(found) == pytest.approx(0.65)  # the video's stays
  for value, expected in zip(found, scores):
    assert expected is None or value == pytest.approx(expected)
