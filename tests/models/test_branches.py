"""Tests of what a branch makes of its instances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsstad_jax.models.branches import BranchNetwork, Instances, overlap
from wsstad_jax.tubes.trajectories import NUM_FEATURES as NUM_TRAJECTORY_FEATURES


def create_instances(b=3, t=6, d=16, seed=0):
  rng = np.random.default_rng(seed)
  starts = rng.integers(0, 40, (b, t))
  return Instances(
      features=rng.standard_normal((b, t, d)).astype(np.float32),
      mask=np.arange(t) < np.array([t, t - 2, 0])[:b, None],
      spans=np.stack([starts, starts + 16], axis=-1).astype(np.int32),
  )


NETWORKS = [
    BranchNetwork(value_scale=1.0),
    BranchNetwork(value_scale=1.0, relation_scope='overlap'),
    BranchNetwork(relation='none', feature_normalization='none'),
    BranchNetwork(value_scale=1.0, trajectory_scale=0.4),
]


@pytest.mark.parametrize('network', NETWORKS)
def test_scores_of_rows_are_those_of_all(network):
  instances = create_instances()
  everything, variables = network.init_with_output(jax.random.key(0), instances)
  rows = np.array([[0, 5], [3, 1], [0, 0]])
  some = network.apply(variables, instances, rows)
  assert everything.shape == (3, 6)
  np.testing.assert_allclose(some, np.take_along_axis(everything, rows, 1), atol=1e-5)


def test_rows_and_all_share_their_dropout_and_their_gradient():
  network, instances = BranchNetwork(value_scale=1.0), create_instances()
  variables = network.init(jax.random.key(0), instances)
  rows, rngs = np.array([[4], [2], [0]]), {'dropout': jax.random.key(1)}

  def of_rows(variables):
    return network.apply(variables, instances, rows, train=True, rngs=rngs)[:2].sum()

  def of_all(variables):
    logits = network.apply(variables, instances, train=True, rngs=rngs)
    return jnp.take_along_axis(logits, rows, 1)[:2].sum()

  assert of_rows(variables) != network.apply(variables, instances, rows)[:2].sum()
  np.testing.assert_allclose(of_rows(variables), of_all(variables), atol=1e-5)
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
      jax.jit(jax.grad(of_rows))(variables), jax.jit(jax.grad(of_all))(variables),
  )


@pytest.mark.parametrize('network', NETWORKS)
@pytest.mark.parametrize('filling', [7.0, np.nan], ids=['numbers', 'nan'])
def test_padding_changes_no_score(network, filling):
  instances = create_instances()
  scores, variables = network.init_with_output(jax.random.key(0), instances)
  mask = instances.mask
  changed = instances.replace(
      features=np.where(mask[..., None], instances.features, filling).astype(np.float32),
      spans=np.where(mask[..., None], instances.spans, 0),
  )
  np.testing.assert_array_equal(
      np.where(mask, network.apply(variables, changed), 0), np.where(mask, scores, 0)
  )
  longer = jax.tree.map(
      lambda array: np.pad(array, [(0, 0), (0, 3)] + [(0, 0)] * (array.ndim - 2)), changed
  )
  np.testing.assert_allclose(
      np.where(mask, network.apply(variables, longer)[:, :6], 0), np.where(mask, scores, 0),
      atol=1e-5,
  )


@pytest.mark.parametrize('network', NETWORKS)
def test_order_does_not_matter(network):
  instances = create_instances(b=1)
  scores, variables = network.init_with_output(jax.random.key(0), instances)
  order = np.array([3, 0, 5, 1, 4, 2])
  shuffled = jax.tree.map(lambda array: array[:, order], instances)
  np.testing.assert_allclose(network.apply(variables, shuffled), scores[:, order], atol=1e-5)


def test_the_bag_reaches_as_far_as_the_scope():
  instances = create_instances(b=1).replace(
      spans=np.array([[[0, 16], [8, 24], [16, 32], [40, 56], [56, 60], [0, 60]]], np.int32)
  )
  features = np.array(instances.features)
  features[0, 3] += 1
  changed = instances.replace(features=features)

  def moved(**options):
    network = BranchNetwork(value_scale=1.0, **options)
    variables = network.init(jax.random.key(0), instances)
    difference = network.apply(variables, changed) - network.apply(variables, instances)
    return np.flatnonzero(np.abs(difference[0]) > 1e-7).tolist()

  assert moved() == [0, 1, 2, 3, 4, 5]
  assert moved(relation_scope='overlap') == [3, 5]
  assert moved(relation='none') == [3]


def test_l2_makes_length_irrelevant():
  instances = create_instances()
  scores, variables = BranchNetwork().init_with_output(jax.random.key(0), instances)
  longer = instances.replace(features=(instances.features * 4).astype(np.float16))
  np.testing.assert_allclose(BranchNetwork().apply(variables, longer), scores, atol=1e-3)


def test_scorer_by_hand():
  network = BranchNetwork(relation='none', feature_normalization='none')
  instances = create_instances()
  scores, variables = network.init_with_output(jax.random.key(0), instances)
  scorer = variables['params']['scorer']
  assert [scorer[f'Dense_{i}']['kernel'].shape for i in range(3)] == [(16, 512), (512, 32), (32, 1)]
  x = np.maximum(instances.features[0, 0] @ scorer['Dense_0']['kernel'], 0)
  x = (x @ scorer['Dense_1']['kernel']) @ scorer['Dense_2']['kernel']
  np.testing.assert_allclose(scores[0, 0], x[0], rtol=1e-4, atol=1e-6)


def test_overlap_by_hand():
  spans = np.array([[[0, 16], [16, 32], [15, 17], [0, 0]]])
  np.testing.assert_array_equal(
      overlap(spans, spans)[0],
      [[True, False, True, False], [False, True, True, False], [True, True, True, False],
       [False, False, False, False]],
  )


def with_trajectories(instances, seed=1):
  shape = *instances.mask.shape, NUM_TRAJECTORY_FEATURES
  return instances.replace(trajectories=np.random.default_rng(seed).standard_normal(shape))


def test_trajectories_stand_behind_features_of_length_1():
  instances = with_trajectories(create_instances())
  prepared = instances.prepare('l2', trajectory_scale=0.5).features
  assert prepared.shape == (3, 6, 16 + NUM_TRAJECTORY_FEATURES)
  alone = instances.prepare('l2').features[0, 0]
  whole = np.concatenate([alone, 0.5 * instances.trajectories[0, 0]])
  np.testing.assert_allclose(prepared[0, 0], whole / np.linalg.norm(whole), atol=1e-6)
  np.testing.assert_allclose(np.linalg.norm(prepared[0], axis=-1), 1, atol=1e-6)
  assert not np.any(prepared[~instances.mask])


def test_trajectories_are_seen_only_with_a_scale():
  plain = create_instances()
  moving = with_trajectories(plain)
  for scale, differs in ((0.0, False), (0.4, True)):
    network = BranchNetwork(trajectory_scale=scale)
    scores, variables = network.init_with_output(jax.random.key(0), plain)
    assert np.any(network.apply(variables, moving)[0] != scores[0]) == differs


def test_no_trajectories_are_those_of_the_mean_tube():
  network, plain = BranchNetwork(trajectory_scale=0.4), create_instances()
  zeros = plain.replace(trajectories=np.zeros((3, 6, NUM_TRAJECTORY_FEATURES)))
  scores, variables = network.init_with_output(jax.random.key(0), plain)
  np.testing.assert_array_equal(network.apply(variables, zeros), scores)
