"""Tests of extraction."""

import jax
import ml_collections
import numpy as np
import pytest

from wsstad_jax.features import clip_plan
from wsstad_jax.features import extraction
from wsstad_jax.features import proposals
from wsstad_jax.features import weights
from wsstad_jax.models import c3d


def _sums(batch):
  return batch.reshape(len(batch), -1).sum(axis=1, keepdims=True).astype(np.float16)


def _means(batch):
  return batch.reshape(len(batch), -1).mean(axis=1, keepdims=True).astype(np.float16)


def test_keys_and_features_come_in_order_whatever_the_batch():
  windows = [(f'clip {number}', np.full((2, 2), number, np.uint8)) for number in range(7)]
  for batch_size, num_threads in ((1, 1), (1, 4), (3, 2), (7, 1), (10, 3)):
    found = list(
        extraction.extract(iter(windows), _sums, batch_size=batch_size, num_threads=num_threads)
    )
    assert [key for key, _ in found] == [key for key, _ in windows]
    assert [float(feature[0]) for _, feature in found] == [4.0 * number for number in range(7)]


def test_every_batch_has_one_shape():
  shapes = set()

  def compute_fn(batch):
    shapes.add(batch.shape)
    return _sums(batch)

  list(extraction.extract(((0, np.zeros(3, np.uint8)) for _ in range(5)), compute_fn, batch_size=4))
  assert shapes == {(4, 3)}


def test_no_clips_no_features():
  assert not list(extraction.extract([], _sums, batch_size=4))


def test_faults_of_reading_are_raised():
  def windows():
    yield 0, np.zeros(3, np.uint8)
    raise OSError('the disk is gone')

  with pytest.raises(OSError, match='the disk is gone'):
    list(extraction.extract(windows(), _sums, batch_size=1))


def test_features_do_not_depend_on_the_other_clips_of_a_batch(tiny_config):
  compute_fn = extraction.create_compute_fn(tiny_config.c3d)
  rng = np.random.default_rng(0)
  windows = rng.integers(0, 256, (21, 16, 32, 32, 3), np.uint8)
  expected = dict(extraction.extract(enumerate(windows), compute_fn, batch_size=8))
  assert expected[0].dtype == np.float16
  for skipped in (1, 5, 20):  # as after a resume: other neighbours, another row
    rest = ((number, windows[number]) for number in range(skipped, 21))
    for number, feature in extraction.extract(rest, compute_fn, batch_size=8):
      np.testing.assert_array_equal(feature, expected[number])


def test_bfloat16_is_close_and_has_a_folder_of_its_own(tiny_config):
  coarse = ml_collections.ConfigDict(tiny_config.c3d.to_dict())
  coarse.dtype = 'bfloat16'
  windows = np.random.default_rng(2).integers(0, 256, (4, 16, 32, 32, 3), np.uint8)
  expected, found = (
      np.float32(extraction.create_compute_fn(settings)(windows))
      for settings in (tiny_config.c3d, coarse)
  )
  error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
  assert 0 < error < 0.05
  plain = extraction.describe_settings(tiny_config.c3d)
  assert len(plain) == 4  # so that folders without a dtype in their name stay valid
  assert extraction.describe_settings(coarse) == [*plain, 'bfloat16']


def test_features_are_those_of_the_net(tiny_config):
  net = c3d.C3D(width=tiny_config.c3d.width)
  params = weights.read_weights(tiny_config.c3d.weights, net, size=32)
  clip = np.random.default_rng(1).integers(0, 256, (16, 32, 32, 3), np.uint8)
  expected = jax.jit(net.apply)({'params': params}, c3d.preprocess(clip[None]))[0]
  compute_fn = extraction.create_compute_fn(tiny_config.c3d)
  ((_, found),) = extraction.extract([(0, clip)], compute_fn, batch_size=8)
  assert np.asarray(expected).max() > 0
  np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize('num_threads', [1, 3])
def test_features_of_several_videos_go_to_their_own_rows(tiny_config, tiny_entries, num_threads):
  videos = [proposals.propose_tubes(entry.path, tiny_config) for entry in tiny_entries[:3]]
  c3d_settings = tiny_config.c3d
  found = list(extraction.extract_videos(videos, _means, c3d_settings, num_threads=num_threads))
  assert len(found) == 3
  for video, features in zip(videos, found):
    windows = clip_plan.iterate_windows(
        video, features.pairs, size=c3d_settings.size, window_context=c3d_settings.window_context
    )
    expected = np.concatenate([_means(window[None]) for window in windows])
    image_rows, pair_rows = clip_plan.row_positions(features.pairs, len(features.image))
    np.testing.assert_array_equal(features.image, expected[image_rows])
    np.testing.assert_array_equal(features.region, expected[pair_rows])
    assert len(features.region) == len(features.pairs) >= 1


def test_weights_are_on_the_device_before_the_first_batch(tiny_config):
  compute_fn = extraction.create_compute_fn(tiny_config.c3d)
  batch = jax.device_put(np.zeros((8, 16, 32, 32, 3), np.uint8))
  with jax.transfer_guard_host_to_device('disallow'):
    compute_fn(batch)
