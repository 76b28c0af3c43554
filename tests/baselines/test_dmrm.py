"""Tests of DMRM's loss against the authors' code written out, also on bags that they published."""

import gzip
import pathlib

import jax
import numpy as np
import pytest

from tests.baselines import making
from wsstad_jax.baselines.dmrm import dmrm_loss
from wsstad_jax.tubes.videolets import create_videolets

BAGS = pathlib.Path(__file__).parents[3] / 'shared' / 'data' / 'c3d_bags'
FACTORS = dict(sparsity_factor=8e-5, smoothness_factor=8e-5)


def loss_by_loops(anomalous, normal):
  """The authors' custom_objective for bags in the order of time, float64."""
  ranking = 0.0
  for n in normal:
    ranking += sum(max(0, 1 - max(a) + max(n)) for a in anomalous)
  sparsity = sum(sum(a) for a in anomalous)
  smoothness = sum((a[i] - a[i + 1]) ** 2 for a in anomalous for i in range(len(a) - 1))
  return ranking / len(normal) + 8e-5 * sparsity + 8e-5 * smoothness


def test_by_hand():
  # Pairs: 1 - 0.9 + 0.2 = 0.3; sparsity 0.9 + 0.1 = 1; smoothness 0.8^2 = 0.64.
  scores = np.float32([[0.9, 0.1], [0.2, 0.2]])
  spans = np.int32([[[0, 16], [16, 32]]] * 2)
  loss = dmrm_loss(scores, spans, np.array([1, 0]), np.ones((2, 2), bool), **FACTORS)
  np.testing.assert_allclose(loss, 0.3 + 8e-5 * 1 + 8e-5 * 0.64, rtol=1e-6)


def test_equals_the_code_for_bags_of_any_size_and_order():
  rng = np.random.default_rng(0)
  label = np.array([0, 1, 1, 0, 1])
  where = np.arange(7) < np.array([7, 3, 5, 1, 7])[:, None]
  scores = rng.random((5, 7)).astype(np.float32)
  starts = rng.permuted(np.tile(np.arange(7) * 10, (5, 1)), axis=1)
  spans = np.stack([starts, starts + 16], axis=-1).astype(np.int32)
  bags = [
      [score for _, score in sorted(zip(starts[b][where[b]], scores[b][where[b]]))]
      for b in range(5)
  ]
  expected = loss_by_loops([bags[b] for b in (1, 2, 4)], [bags[b] for b in (0, 3)])
  np.testing.assert_allclose(
      dmrm_loss(scores, spans, label, where, **FACTORS), expected, rtol=1e-5
  )


@pytest.mark.parametrize('num_clips', [33, 100, 1234])
def test_thirty_two_segments_are_those_of_the_code_up_to_a_clip(num_clips):
  # The code numbers clips from 1 and ends a segment before the next begins, the last at N.
  edges = np.round(np.linspace(1, num_clips, 33)).astype(int)
  theirs = np.stack([edges[:-1] - 1, np.append(edges[1:-1] - 1, num_clips)], axis=1)
  ours = create_videolets(num_clips, 32)
  assert np.abs(ours - theirs).max() <= 1
  assert (ours[0, 0], ours[-1, 1]) == (0, num_clips)
  np.testing.assert_array_equal(ours[1:, 0], ours[:-1, 1])


@pytest.mark.skipif(not BAGS.exists(), reason='the published bags are not here')
def test_equals_the_code_on_published_bags():
  bags = {}
  for path in sorted(BAGS.glob('*.txt.gz')):
    with gzip.open(path, 'rt') as file:
      bags[path.name] = np.loadtxt(file, np.float32)
  features = np.stack(list(bags.values()))  # [4, 32, 4096]
  assert features.shape == (4, 32, 4096)
  np.testing.assert_allclose(np.linalg.norm(features, axis=-1), 1, atol=1e-3)
  label = np.array([not name.startswith('Normal') for name in bags], np.int32)
  starts = np.arange(32) * 16
  spans = np.tile(np.stack([starts, starts + 16], axis=-1).astype(np.int32), (4, 1, 1))
  batch = {
      'label': label, 'region_features': features, 'image_features': features,
      'trajectory_features': np.zeros((4, 32, 8), np.float32),
      'videolet_features': features, 'tube_mask': np.ones((4, 32), bool), 'tube_spans': spans,
      'videolet_mask': np.ones((4, 32), bool), 'videolet_spans': spans,
  }
  method = making.create_method('dmrm')
  state = method.create_state(rng=jax.random.key(0), feature_dim=4096)
  scores = making.sigmoid(method.bag_logits(params=state.params, batch=batch)['tube'])
  kernels = [leaf['kernel'] for leaf in state.params['tube']['scorer'].values()]
  expected = loss_by_loops(scores[label == 1], scores[label == 0])
  expected += 1e-3 * sum(np.sum(np.float64(kernel) ** 2) for kernel in kernels)
  loss, _ = method.loss(
      state.params, batch, branch='tube', rng=jax.random.key(1), memory={}
  )
  np.testing.assert_allclose(loss, expected, rtol=1e-5)
