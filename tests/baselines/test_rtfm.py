"""Tests of RTFM's loss against loops over bags without padding."""

import numpy as np
import pytest

from tests.baselines import making
from wsstad_jax.baselines import rtfm
from wsstad_jax.training.step import read_instances

LABELS = (1, 0, 1, 0)


def test_rtfm_equals_its_loss_by_loops():
  method, batch = making.create_method('rtfm'), making.create_batch(LABELS, t=25)
  state, (regions, *_) = making.create_state(method), read_instances(batch)
  entropies, lengths, scores_of = {0: [], 1: []}, {0: [], 1: []}, []
  for bag, label in enumerate(LABELS):
    logits, features = making.apply(method.network, state.params['tube'], regions, bag)
    scores, order = making.sigmoid(logits), np.argsort(-np.linalg.norm(features, axis=-1))
    top = order[: max(len(order) // 10, 1)]
    score = scores[top].mean()
    entropies[label].append(-np.log(score if label else 1 - score))
    lengths[label].append(np.linalg.norm(features[top].mean(axis=0)))
    if label:
      spans = regions.spans[bag][regions.mask[bag]]
      scores_of.append([scores[i] for i in np.lexsort((spans[:, 1], spans[:, 0]))])
  apart = np.mean([(abs(100 - a) + n) ** 2 for a in lengths[1] for n in lengths[0]])
  expected = np.mean(entropies[0]) + np.mean(entropies[1]) + 1e-4 * apart
  expected += 8e-3 * np.mean(np.concatenate(scores_of))
  expected += 8e-4 * sum(np.sum(np.diff(scores) ** 2) for scores in scores_of)
  np.testing.assert_allclose(making.loss_of(method, batch, state), expected, rtol=1e-4)


@pytest.mark.parametrize('count, chosen', [(3, 1), (10, 1), (20, 2), (29, 2)])
def test_rtfm_takes_a_tenth(count, chosen):
  where = np.arange(30)[None] < count
  found = rtfm.top_tenth(np.arange(30, 0, -1.0)[None], where)
  np.testing.assert_array_equal(np.flatnonzero(found), np.arange(chosen))
