"""Tests of the training step and of inference against equations 4-9."""

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.baselines import making
from wsstad_jax.losses.classification import cross_entropy
from wsstad_jax.losses.ranking import ranking_loss
from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training import step
from wsstad_jax.training.state import Networks, create_optimizer, create_state
from wsstad_jax.training.step import Objective, read_instances, bag_logits

create_batch = functools.partial(making.create_batch, t=5)
NOISY = Networks(BranchNetwork(value_scale=1.0), BranchNetwork(value_scale=1.0))
QUIET = Networks(
    BranchNetwork(dropout_rate=0.0, value_scale=1.0),
    BranchNetwork(dropout_rate=0.0, value_scale=1.0),
)
COARSE = Networks(*[dataclasses.replace(QUIET.tube, dtype='bfloat16')] * 2)
OPTIMIZER = create_optimizer()


def create_train_step(networks, optimizer, objective):
  """Returns the compiled step; the state given is used up."""
  step_fn = functools.partial(
      step.train_step, networks=networks, optimizer=optimizer, objective=objective
  )
  return jax.jit(step_fn, donate_argnames='state')


@functools.cache
def create(networks=QUIET):
  return create_state(networks, OPTIMIZER, rng=jax.random.key(0), feature_dim=making.FEATURE_DIM)


@functools.cache
def compiled(networks, objective):
  return create_train_step(networks, OPTIMIZER, objective)


def take_step(batch, *, psi, networks=QUIET, objective=Objective(), state=None):
  state = create(networks) if state is None else state
  state = jax.tree.map(jnp.copy, state)  # as it is used up
  return compiled(networks, objective)(state=state, batch=batch, psi=psi)


def host(tree):
  """Copies arrays, since a step uses up the state that it is given."""
  return jax.tree.map(lambda array: np.array(array), tree)


def assert_equal(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a, b, atol=1e-6):
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=atol, rtol=1e-4), a, b)


def sigmoid(x):
  return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def losses_by_loops(batch, state, psi, context):
  """Equations 4-7 bag by bag, each branch seeing one bag without its padding."""

  def scores(name, instances, bag):
    mask = np.asarray(instances.mask[bag])
    one = jax.tree.map(lambda array: np.asarray(array)[bag][mask][None], instances)
    network, params = getattr(QUIET, name), getattr(state, name).params
    return sigmoid(network.apply({'params': params}, one)[0])

  def alone(name, instances, bag, m):
    one = jax.tree.map(lambda array: np.asarray(array)[bag : bag + 1, m : m + 1], instances)
    network, params = getattr(QUIET, name), getattr(state, name).params
    return sigmoid(network.apply({'params': params}, one)[0, 0])

  regions, images, videolets = read_instances(batch)
  learner, guide, seen, told = (
      ('tube', 'temporal', regions, images) if psi else ('temporal', 'tube', videolets, videolets)
  )
  positives, negatives = [], []
  for bag, label in enumerate(batch['label']):
    own = scores(learner, seen, bag)
    m = int(np.argmax(own))
    weight = alone(guide, told, bag, m) if context == 'alone' else scores(guide, told, bag)[m]
    (positives if label else negatives).append((own[m], weight))
  ranking = np.mean([max(0, w * (1 - p + n)) for p, w in positives for n, _ in negatives])
  entropy = -np.mean([np.log(p) for p, _ in positives])
  entropy -= np.mean([np.log(1 - n) for n, _ in negatives])
  return ranking, entropy, np.mean([w for _, w in positives])


@pytest.mark.parametrize('psi', [0, 1])
@pytest.mark.parametrize('context', ['bag', 'alone'])
def test_losses_equal_the_equations(psi, context):
  batch = create_batch(labels=(0, 1, 1, 0))
  ranking, entropy, guidance = losses_by_loops(batch, create(), psi, context)
  _, metrics = take_step(batch, psi=psi, objective=Objective(guidance_context=context))
  np.testing.assert_allclose(metrics['ranking'], ranking, rtol=1e-4)
  np.testing.assert_allclose(metrics['cross_entropy'], entropy, rtol=1e-4)
  np.testing.assert_allclose(metrics['guidance'], guidance, rtol=1e-4)
  np.testing.assert_allclose(metrics['loss'], ranking + entropy, rtol=1e-4)


def test_terms_make_up_the_loss():
  batch, state = create_batch(), create()
  regions, images, _ = read_instances(batch)
  guide_fn = functools.partial(step.guide, QUIET.temporal, state.temporal.params, images)
  rng = jax.random.key(0)

  def metrics(*terms):
    arguments = (QUIET.tube, regions, batch['label'], guide_fn, rng, Objective(terms=terms))
    return step.objective_fn(state.tube.params, *arguments)[1]

  plain, guided = metrics('rank', 'ce'), metrics('mg_rank', 'ce')
  assert guided['ranking'] < plain['ranking']
  np.testing.assert_allclose(plain['loss'], plain['ranking'] + plain['cross_entropy'], rtol=1e-6)
  np.testing.assert_allclose(guided['loss'], guided['ranking'] + plain['cross_entropy'], rtol=1e-6)
  assert metrics('rank')['loss'] == plain['ranking']
  assert metrics('mg_rank')['loss'] == guided['ranking']
  assert metrics('ce')['loss'] == plain['cross_entropy']


def test_the_gradient_is_that_of_the_loss_over_all_instances():
  networks, batch, state = NOISY, create_batch(), create(NOISY)
  regions, images, _ = read_instances(batch)
  rng = jax.random.key(3)

  def plain_loss(params):
    rngs = {'dropout': rng}
    everything = networks.tube.apply({'params': params}, regions, train=True, rngs=rngs)
    everything = jnp.where(regions.mask, everything, -jnp.inf)
    logits, rows = everything.max(-1), everything.argmax(-1)
    guidance = jax.nn.sigmoid(networks.temporal.apply({'params': state.temporal.params}, images))
    guidance = jnp.take_along_axis(guidance, rows[:, None], 1)[:, 0]
    positive, scores = batch['label'] == 1, jax.nn.sigmoid(logits)
    return cross_entropy(logits, batch['label']) + ranking_loss(
        scores, scores, guidance, where_positive=positive, where_negative=~positive
    )

  guide_fn = functools.partial(step.guide, networks.temporal, state.temporal.params, images)

  def fast_loss(params):
    arguments = (networks.tube, regions, batch['label'], guide_fn, rng, Objective())
    return step.objective_fn(params, *arguments)[0]

  gradient, expected = (jax.jit(jax.grad(fn))(state.tube.params) for fn in (fast_loss, plain_loss))
  assert_close(gradient, expected, atol=1e-5)


@pytest.mark.parametrize('networks', [QUIET, COARSE], ids=['float32', 'bfloat16'])
@pytest.mark.parametrize(
    'psi, learner, resting', [(1, 'tube', 'temporal'), (0, 'temporal', 'tube')]
)
def test_the_resting_branch_keeps_every_bit(psi, learner, resting, networks):
  take = functools.partial(take_step, create_batch(), networks=networks)
  state, _ = take(psi=1 - psi)  # so that its optimizer remembers something
  before = host({name: getattr(state, name) for name in (learner, resting)})
  state, _ = take(psi=psi, state=state)
  assert_equal(getattr(state, resting), before[resting])
  moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), getattr(state, learner),
                       before[learner])
  assert all(jax.tree.leaves(moved))
  assert state.step == 2


def test_bfloat16_is_close_and_keeps_parameters_in_float32():
  batch, states, found = create_batch(), [], []
  for networks in (QUIET, COARSE):
    state, temporal = take_step(batch, psi=0, networks=networks)
    state, tube = take_step(batch, psi=1, networks=networks, state=state)
    states.append(state)
    found.append({'temporal': temporal, 'tube': tube})
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=0.01), *found)
  dtypes = jax.tree.map(lambda leaf: leaf.dtype, states)
  assert dtypes[0] == dtypes[1]
  logits = [bag_logits(params=states[0].params, batch=batch, networks=networks)
            for networks in (QUIET, COARSE)]
  for name, expected in logits[0].items():
    assert logits[1][name].dtype == jnp.float32
    np.testing.assert_allclose(sigmoid(logits[1][name]), sigmoid(expected), atol=0.01)


def test_padding_changes_nothing():
  batch = create_batch()
  changed = dict(batch)
  for features, spans, mask in (
      ('region_features', 'tube_spans', 'tube_mask'),
      ('image_features', 'tube_spans', 'tube_mask'),
      ('videolet_features', 'videolet_spans', 'videolet_mask'),
  ):
    real = batch[mask][..., None]
    changed[features] = np.where(real, batch[features], np.float16(9))
    changed[spans] = np.where(real, batch[spans], 0)
  for psi in (0, 1):
    plain, other = take_step(batch, psi=psi), take_step(changed, psi=psi)
    assert_equal(plain[1], other[1])
    assert_equal(host(plain[0].params), host(other[0].params))
  params = create().params
  logits = [bag_logits(params=params, batch=bags, networks=QUIET) for bags in (batch, changed)]
  assert_equal(*({name: each[name][batch['tube_mask']] for name in each} for each in logits))


def test_an_empty_bag_counts_for_nothing():
  batch = create_batch(labels=(1, 0, 1, 0))
  longer = create_batch(labels=(1, 0, 1, 0, 1, 0))
  longer = {key: np.concatenate([batch[key], value[4:]]) for key, value in longer.items()}
  longer['tube_mask'][4:] = False
  plain, other = take_step(batch, psi=1), take_step(longer, psi=1)
  assert_close(plain[1], other[1])
  assert_close(host(plain[0].params), host(other[0].params))


@pytest.mark.parametrize('psi', [0, 1])
def test_nothing_but_padding_stays_finite(psi):
  batch = create_batch()
  batch['tube_mask'][:] = batch['videolet_mask'][:] = False
  before = host(create().params)
  state, metrics = take_step(batch, psi=psi)
  assert_equal(host(state.params), before)
  assert all(value == 0 for value in metrics.values())


def test_logits_are_those_of_regions_and_images():
  batch, state = create_batch(), create()
  logits = bag_logits(params=state.params, batch=batch, networks=QUIET)
  regions, images, _ = read_instances(batch)
  tube = QUIET.tube.apply({'params': state.tube.params}, regions)
  temporal = QUIET.temporal.apply({'params': state.temporal.params}, images)
  np.testing.assert_allclose(logits['tube'], tube, rtol=1e-5)
  np.testing.assert_allclose(logits['temporal'], temporal, rtol=1e-5)


def test_noise_depends_on_the_step_and_the_key_alone():
  first, second = (take_step(create_batch(), psi=1, networks=NOISY) for _ in range(2))
  assert_equal(first[1], second[1])
  later = create(NOISY).replace(step=jnp.int32(1))
  _, metrics = take_step(create_batch(), psi=1, networks=NOISY, state=later)
  assert metrics['loss'] != first[1]['loss']


def test_training_finds_the_planted_instance():
  def create_planted(seed):
    batch = create_batch(labels=(1,) * 8 + (0,) * 8, t=8, s=6, seed=seed)
    for features in ('region_features', 'image_features'):
      batch[features][:8, 1, 0] = 8  # the one abnormal tube of each positive bag
    batch['videolet_features'][:8, 0, 0] = 8
    return batch

  train_step = create_train_step(NOISY, OPTIMIZER, Objective())
  state = jax.tree.map(jnp.copy, create(NOISY))
  for i in range(120):
    state, _ = train_step(state=state, batch=create_planted(seed=i), psi=i % 2)
  planted = create_planted(seed=1000)
  logits = bag_logits(params=state.params, batch=planted, networks=NOISY)
  scores = np.where(planted['tube_mask'], sigmoid(logits['tube']) + sigmoid(logits['temporal']), 0)
  assert (np.argmax(scores[:8], axis=-1) == 1).all()
  assert scores[:8].max(-1).min() > scores[8:].max()


_ON_DEVICES = '''
import sys
import jax
import numpy as np
from jax import sharding

sys.path.insert(0, sys.argv[1])
import test_step

assert len(jax.devices()) == int(sys.argv[2])
mesh = jax.make_mesh((len(jax.devices()),), ('data',), (sharding.AxisType.Auto,))
networks = test_step.NOISY
train_step = test_step.create_train_step(
    networks, test_step.OPTIMIZER, test_step.Objective(pairing='one_to_one')
)
batch = test_step.create_batch(labels=(1, 1, 1, 1, 0, 0, 0, 0))
batch = jax.device_put(batch, sharding.NamedSharding(mesh, sharding.PartitionSpec('data')))
state = test_step.create(networks)
state = jax.device_put(state, sharding.NamedSharding(mesh, sharding.PartitionSpec()))
for psi in (0, 1):
  state, metrics = train_step(state=state, batch=batch, psi=psi)
scores = test_step.bag_logits(params=state.params, batch=batch, networks=networks)
leaves = jax.tree.leaves((state.params, metrics, scores))
np.savez(sys.argv[3], *[np.asarray(leaf) for leaf in leaves])
'''


def test_four_devices_equal_one(tmp_path):
  here = pathlib.Path(__file__).parent
  processes = []
  for count in (1, 4):
    environment = dict(os.environ, JAX_PLATFORMS='cpu', PYTHONPATH=str(here.parents[1]),
                       XLA_FLAGS=f'--xla_force_host_platform_device_count={count}')
    arguments = [str(here), str(count), str(tmp_path / f'{count}.npz')]
    processes.append(
        subprocess.Popen([sys.executable, '-c', _ON_DEVICES, *arguments], env=environment)
    )
  assert [process.wait() for process in processes] == [0, 0]
  with np.load(tmp_path / '1.npz') as one, np.load(tmp_path / '4.npz') as four:
    assert one.files == four.files
    for name in one.files:
      np.testing.assert_allclose(four[name], one[name], rtol=1e-3, atol=1e-5)
