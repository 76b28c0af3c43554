"""Tests of the equations of the baselines against loops over bags without padding."""

import jax
import numpy as np

from tests.baselines import making
from wsstad_jax.baselines import asa, gclnc, stil
from wsstad_jax.training.step import read_instances

LABELS = (1, 0, 1, 0)


def test_stil_chooses_in_time_and_learns_by_the_hinge():
  method, batch = making.create_method('stil'), making.create_batch(LABELS)
  state, (regions, _, videolets) = making.create_state(method), read_instances(batch)
  means = []
  for bag in range(4):
    f = making.apply(method.network, state.params['tube'], regions, bag)
    spans = regions.spans[bag][regions.mask[bag]]
    best = []
    for start, stop in videolets.spans[bag][videolets.mask[bag]]:
      there = [value for value, (a, b) in zip(f, spans) if a < stop and start < b]
      best += [max(there)] if there else []
    best.sort(reverse=True)
    means.append(np.mean(best[: int(np.ceil(0.5 * len(best)))]) if best else 0.0)
    logit = method.bag_logits(params=state.params, batch=batch)['tube'][bag]
    np.testing.assert_allclose(
        making.sigmoid(logit)[: len(f)], making.sigmoid(f) * making.sigmoid(means[-1]), rtol=1e-3
    )
  hinge = [max(0, 1 - f) if label else max(0, 1 + f) for f, label in zip(means, LABELS)]
  expected = (hinge[0] + hinge[2]) / 2 + (hinge[1] + hinge[3]) / 2
  np.testing.assert_allclose(making.loss_of(method, batch, state), expected, rtol=1e-4)


def test_stil_keeps_its_choice_for_a_round():
  method, batch = making.create_method('stil'), making.create_batch(LABELS)
  assert method.round_steps == 2  # 20 steps in 10 rounds
  state = making.create_state(method)
  first = np.array(state.memory['chooser']['f']['kernel'])
  state, _ = making.take_step(method, batch, state)
  np.testing.assert_array_equal(state.memory['chooser']['f']['kernel'], first)
  state, _ = making.take_step(method, batch, state)
  np.testing.assert_array_equal(
      state.memory['chooser']['f']['kernel'], state.params['tube']['f']['kernel']
  )


def test_hinge_by_hand():
  # (0.5 + 0) / 2 of the positive ones and 1.25 of the negative one.
  loss = stil.hinge_loss(
      np.float32([0.5, 2, 0.25, 9]), np.array([1, 1, 0, 0]), np.array([True, True, True, False])
  )
  np.testing.assert_allclose(loss, 0.25 + 1.25)


def test_asa_sums_logits_by_attention():
  method, batch = making.create_method('asa'), making.create_batch(LABELS)
  state, (regions, *_) = making.create_state(method), read_instances(batch)
  entropies = {0: [], 1: []}
  for bag, label in enumerate(LABELS):
    logits, log_attention = making.apply(method.network, state.params['tube'], regions, bag)
    attention = np.exp(log_attention)
    np.testing.assert_allclose(attention.sum(), 1, rtol=1e-5)
    score = making.sigmoid(attention @ logits)
    entropies[label].append(-np.log(score if label else 1 - score))
    found = method.bag_logits(params=state.params, batch=batch)['tube'][bag]
    np.testing.assert_allclose(
        making.sigmoid(found)[: len(logits)],
        attention / attention.max() * making.sigmoid(logits), rtol=1e-4,
    )
  expected = np.mean(entropies[0]) + np.mean(entropies[1])
  np.testing.assert_allclose(making.loss_of(method, batch, state), expected, rtol=1e-4)


def test_a_logit_comes_back_from_the_log_of_its_score():
  logits = np.float32([-20, -1, 0, 3])
  np.testing.assert_allclose(
      asa.logit_of_log(jax.nn.log_sigmoid(logits)), logits, rtol=1e-4, atol=1e-5
  )


def test_soft_labels_and_their_entropy_by_hand():
  where = np.array([[True, True, True, False], [True, True, False, False]])
  logits = np.log(np.float32([[0.2, 0.6, 0.4, 0.9], [0.5, 0.5, 0.1, 0.1]]))
  logits -= np.log1p(-np.exp(logits))
  np.testing.assert_allclose(
      gclnc.soft_labels(logits, where), [[0, 1, 0.5, 0], [1, 1, 0, 0]], atol=1e-5
  )
  # The logit 0 has the entropy log 2 whatever the target is.
  loss = gclnc.balanced_entropy(
      np.zeros((2, 4), np.float32), np.full((2, 4), 0.3), np.array([1, 0]), where
  )
  np.testing.assert_allclose(loss, 2 * np.log(2), rtol=1e-5)


def test_gclnc_takes_the_label_of_the_bag_until_there_is_a_cleaner():
  method, batch = making.create_method('gclnc'), making.create_batch(LABELS)
  state, (regions, *_) = making.create_state(method), read_instances(batch)

  def expected(targets):
    parts = {0: [], 1: []}
    for bag, label in enumerate(LABELS):
      score = making.sigmoid(making.apply(method.classifier, state.params['tube'], regions, bag))
      target = targets(bag) * label
      parts[label] += list(-target * np.log(score) - (1 - target) * np.log(1 - score))
    return np.mean(parts[0]) + np.mean(parts[1])

  def soft(bag):
    score = making.sigmoid(making.apply(method.cleaner, state.params['cleaner'], regions, bag))
    return (score - score.min()) / (score.max() - score.min())

  np.testing.assert_allclose(making.loss_of(method, batch, state), expected(lambda bag: 1), rtol=1e-4)
  state = state.replace(memory=state.memory | {'cleaned': np.array(True)})
  np.testing.assert_allclose(making.loss_of(method, batch, state), expected(soft), rtol=1e-3)


def test_the_cleaner_agrees_with_the_classifier_where_that_is_sure():
  method, batch = making.create_method('gclnc'), making.create_batch(LABELS)
  state, (regions, *_) = making.create_state(method), read_instances(batch)
  # Without dropout the passes are one and nothing varies: the first 30 % are sure. The past is
  # the present, so that there is no change.
  entropies = []
  for bag in (0, 2):
    target = making.sigmoid(making.apply(method.classifier, state.params['tube'], regions, bag))
    score = making.sigmoid(making.apply(method.cleaner, state.params['cleaner'], regions, bag))
    sure = int(np.ceil(0.3 * len(target)))
    entropies += list(-target * np.log(score) - (1 - target) * np.log(1 - score))[:sure]
  loss, _ = method.loss(
      state.params, batch, branch='cleaner', rng=jax.random.key(0), memory=state.memory
  )
  np.testing.assert_allclose(loss, np.mean(entropies), rtol=1e-3)
