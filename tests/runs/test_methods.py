"""Each method on the tiny videos: trained, interrupted and resumed, and scored."""

import json
import os

import jax
import ml_collections
import numpy as np
import pytest

from configs import base
from tests.baselines import making
from wsstad_jax.core.records import TubeKind
from wsstad_jax.data import bags
from wsstad_jax.data import pipeline
from wsstad_jax.models.c3d import C3D
from wsstad_jax.runs import scoring
from wsstad_jax.runs import train as train_lib
from wsstad_jax.runs.evaluate import evaluate
from wsstad_jax.training import devices

LEARNERS = ['mgpr', 'without_multivariate', 'gcn_relation', *making.list_learners()]


def create_config(tiny_config, method):
  config = base.apply_method(ml_collections.ConfigDict(tiny_config.to_dict()), method)
  config.train.update(num_steps=5, evaluate_every=2, bags_per_label=2)
  config.evaluate.num_pictures = 0
  if 'units' in config.baseline:
    config.baseline.units = 16
  return ml_collections.FrozenConfigDict(config)


def read(workdir, name):
  return json.loads((workdir / name).read_text())


@pytest.mark.parametrize('method', LEARNERS)
def test_a_method_is_trained_resumed_to_the_bit_and_scored(
    method, tiny_config, tiny_entries, tiny_bags, tmp_path, monkeypatch
):
  config = create_config(tiny_config, method)
  straight, broken = tmp_path / 'straight', tmp_path / 'broken'
  straight.mkdir(), broken.mkdir()
  train_lib.train(config, str(straight), tiny_bags)

  shard, calls = devices.shard, []

  def stop(*arguments, **more):
    calls.append(None)
    if len(calls) == 4:
      raise KeyboardInterrupt
    return shard(*arguments, **more)

  streaming = ml_collections.ConfigDict(config.to_dict())
  streaming.train.resident_share = 0
  with monkeypatch.context() as patch:
    patch.setattr(devices, 'shard', stop)
    with pytest.raises(KeyboardInterrupt):
      train_lib.train(streaming, str(broken), tiny_bags)
  train_lib.train(config, str(broken), tiny_bags)
  assert (straight / 'history.json').read_text() == (broken / 'history.json').read_text()
  states = []
  for folder in (straight, broken):
    with scoring.open_checkpoints(str(folder)) as checkpoints:
      state = scoring.create_state(
          scoring.create_method(config), config, C3D(config.c3d.width).feature_dim
      )
      state = checkpoints.restore_best(state)
      states.append(jax.tree.map(np.asarray, state.replace(rng=jax.random.key_data(state.rng))))
  jax.tree.map(np.testing.assert_array_equal, *states)

  metrics = evaluate(config, str(straight), tiny_bags)
  assert metrics['method'] == method
  assert np.isfinite(metrics['vauc'])
  for video in read(straight, 'videos.json'):
    assert 0 <= video['score'] <= 1


@pytest.mark.parametrize('method', ['random', 'upper_bound'])
def test_a_yardstick_needs_no_training(method, tiny_config, tiny_entries, tiny_bags, tmp_path):
  config = create_config(tiny_config, method)
  train_lib.train(config, str(tmp_path), tiny_bags)
  assert not os.listdir(tmp_path)
  metrics = evaluate(config, str(tmp_path), tiny_bags)
  if method == 'upper_bound':
    for name, value in metrics['upper_bound'].items():
      assert metrics[name] == pytest.approx(value), name


def test_random_is_the_lot_of_one_tube(tiny_config, tiny_entries, tiny_bags, tmp_path):
  videos = list(pipeline.iterate(pipeline.BagSource(tiny_bags, 'test')))
  tops, scores = [], []
  for seed in range(300):
    config = base.apply_method(ml_collections.ConfigDict(tiny_config.to_dict()), 'random')
    config.seed = seed
    score_fn = scoring.restore_score_fn(config, str(tmp_path), 0)
    (bag, first), *_ = score_fn(videos)
    tops.append(int(np.argmax(first.fused)))
    scores.append(first.fused.max())
  count = np.count_nonzero(bag['tube_mask'])
  assert set(tops) == set(range(count))
  assert np.mean(scores) == pytest.approx(0.5, abs=0.08)  # whatever the number of tubes is


def test_without_multivariate_tubes_the_others_keep_their_boxes():
  kinds = np.array([TubeKind.MULTIVARIATE, TubeKind.UNARY, TubeKind.UNARY, 0])
  bag = {
      'label': np.int32(1), 'tube_kinds': kinds, 'tube_mask': np.array([True] * 3 + [False]),
      'tube_spans': np.arange(8).reshape(4, 2), 'tube_sources': np.array([5, 6, 7, -1]),
      'region_features': np.arange(4.0)[:, None], 'image_features': np.arange(4.0)[:, None],
  }
  kept = bags.select_instances(bag, 'unary')
  np.testing.assert_array_equal(kept['tube_mask'], [True, True, False, False])
  np.testing.assert_array_equal(kept['tube_sources'][:2], [6, 7])
  np.testing.assert_array_equal(kept['tube_spans'][:2], [[2, 3], [4, 5]])
  np.testing.assert_array_equal(kept['region_features'][:2, 0], [1, 2])
  assert kept['label'] == 1
  assert bags.select_instances(bag, 'all') is bag
  alone = bag | {'tube_kinds': np.full(4, TubeKind.MULTIVARIATE)}
  assert bags.select_instances(alone, 'unary') is alone


def test_training_batches_without_multivariate_tubes_differ_in_nothing_else(
    tiny_bags
):
  plain, unary = (
      next(pipeline.create_train_iterator(pipeline.TrainBags(tiny_bags, kept), bags_per_label=2, seed=0))
      for kept in ('all', 'unary')
  )
  assert set(plain) == set(unary) == set(bags.MODEL_KEYS)
  for key in ('label', 'videolet_features', 'videolet_spans'):
    np.testing.assert_array_equal(plain[key], unary[key])
  assert (unary['tube_mask'].sum(axis=-1) <= plain['tube_mask'].sum(axis=-1)).all()
  assert unary['tube_mask'].any(axis=-1).all()
