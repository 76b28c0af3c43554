"""Tests of UR-DMU's terms against loops over bags without padding."""

import dataclasses

import jax
import numpy as np

from tests.baselines import making
from wsstad_jax.baselines import urdmu

LABELS = np.array([1, 0, 1, 0, 1])
MASK = np.arange(20) < np.array([20, 17, 3, 1, 0])[:, None]
POSITIVE = np.array([True, False, True, False, False])  # the last bag is empty
NEGATIVE = np.array([False, True, False, True, False])


def create_reading(seed=0):
  rng = np.random.default_rng(seed)

  def scalars():
    return rng.uniform(0.05, 0.95, (5, 20)).astype(np.float32)

  def features():
    return rng.standard_normal((5, 20, 6)).astype(np.float32)

  return urdmu.Reading(
      logits=features()[..., 0], features=features(), normal_recall=scalars(),
      anomaly_recall=scalars(), normal_mean=features(), normal_log_variance=features(),
      normal_sample=features(), anomaly_mean=features(),
  )


READING = create_reading()


def of_bag(name, bag):
  return np.float64(getattr(READING, name)[bag][MASK[bag]])


def top(values):
  return np.argsort(-values)[: len(values) // 16 + 1]


def test_memories_by_loops():
  some_known, some_strange, all_known, none_strange = [], [], [], []
  for bag in (0, 2):
    recall = of_bag('anomaly_recall', bag)
    some_strange.append(-np.log(recall[top(recall)].mean()))
    unknown = 1 - of_bag('normal_recall', bag)
    some_known.append(-np.log(unknown[top(unknown)].mean()))
  for bag in (1, 3):
    all_known += list(-np.log(of_bag('normal_recall', bag)))
    none_strange += list(-np.log(1 - of_bag('anomaly_recall', bag)))
  expected = sum(map(np.mean, (some_known, some_strange, all_known, none_strange)))
  np.testing.assert_allclose(
      urdmu.memory_loss(READING, MASK, POSITIVE, NEGATIVE), expected, rtol=1e-5
  )


def test_triplets_by_loops():
  def feature(bag, recall):
    mean = of_bag('features', bag)[top(of_bag(recall, bag))].mean(axis=0)
    return mean / np.linalg.norm(mean)

  losses = []
  for normal in (1, 3):
    anchor = feature(normal, 'normal_recall')
    for anomalous in (0, 2):
      near = np.linalg.norm(anchor - feature(anomalous, 'normal_recall'))
      far = np.linalg.norm(anchor - feature(anomalous, 'anomaly_recall'))
      losses.append(max(0, 1 + near - far))
  np.testing.assert_allclose(
      urdmu.triplet_loss(READING, MASK, POSITIVE, NEGATIVE), np.mean(losses), rtol=1e-5
  )


def test_distances_by_loops():
  def length(bag, name, recall):
    return np.linalg.norm(of_bag(name, bag)[top(of_bag(recall, bag))].mean(axis=0))

  losses = [
      max(0, 2 - length(a, 'anomaly_mean', 'anomaly_recall')
          + length(n, 'normal_sample', 'normal_recall'))
      for a in (0, 2) for n in (1, 3)
  ]
  np.testing.assert_allclose(
      urdmu.distance_loss(READING, MASK, POSITIVE, NEGATIVE, 2.0), np.mean(losses), rtol=1e-5
  )


def test_divergence_by_hand():
  # Mean 1 and variance 1 in each of 6 dimensions: 0.5 * 6 * 1^2.
  reading = dataclasses.replace(
      READING, normal_mean=np.ones((5, 20, 6)), normal_log_variance=np.zeros((5, 20, 6))
  )
  np.testing.assert_allclose(urdmu.divergence(reading, MASK), 3, rtol=1e-6)


def test_a_memory_by_hand():
  network = urdmu.Memory(slots=60)
  x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
  (best, recalled), variables = network.init_with_output(jax.random.key(0), x)
  table = np.float64(variables['params']['table'])
  matches = making.sigmoid(x @ table.T / 2)  # sqrt(4)
  np.testing.assert_allclose(best, np.sort(matches)[..., -4:].mean(axis=-1), rtol=1e-5)
  np.testing.assert_allclose(recalled, matches @ table, rtol=1e-4, atol=1e-6)


def test_the_label_of_a_video_is_not_looked_at_when_it_is_scored():
  method, batch = making.create_method('urdmu'), making.create_batch()
  params = making.create_state(method).params
  logits = method.bag_logits(params=params, batch=batch)['tube']
  other = method.bag_logits(params=params, batch=batch | {'label': 1 - batch['label']})['tube']
  np.testing.assert_array_equal(logits, other)
