"""Tests of clips as Caffe saw them."""

import cv2
import ml_collections
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind, VideoFacts, VideoTubes
from wsstad_jax.features import caffe_input
from wsstad_jax.features import extraction
from wsstad_jax.video import decode


def test_a_whole_image_is_resized_and_its_middle_cut_out():
  frames = np.random.default_rng(0).integers(0, 256, (2, 240, 320, 3), np.uint8)
  found = caffe_input.cut_image(frames, 112)
  resized = cv2.resize(frames[1], (171, 128))
  np.testing.assert_array_equal(found[1], resized[8:120, 29:141])
  assert found.shape == (2, 112, 112, 3)
  assert caffe_input.cut_image(frames, 56).shape == (2, 56, 56, 3)


def test_an_image_of_that_size_already_is_only_cut():
  frames = np.random.default_rng(0).integers(0, 256, (1, 128, 171, 3), np.uint8)
  np.testing.assert_array_equal(caffe_input.cut_image(frames, 112), frames[:, 8:120, 29:141])


def test_channels_are_turned_and_the_mean_taken_off():
  clips = np.zeros((1, 16, 4, 4, 3), np.uint8) + np.uint8([200, 100, 50])  # RGB
  mean = caffe_input.read_mean('', (90.0, 98.0, 102.0), size=4)
  found = np.asarray(caffe_input.preprocess(clips, mean))
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found[0, 3, 2, 1], [50 - 90, 100 - 98, 200 - 102])


@pytest.mark.parametrize('leading', [(), (1,)])
@pytest.mark.parametrize('channels_last', [True, False])
def test_a_mean_cube_is_read_in_either_order(tmp_path, leading, channels_last):
  cube = np.random.default_rng(0).uniform(80, 120, (16, 128, 171, 3))
  stored = cube if channels_last else cube.transpose(3, 0, 1, 2)
  np.save(tmp_path / 'mean.npy', stored.reshape(*leading, *stored.shape))
  mean = caffe_input.read_mean(str(tmp_path / 'mean.npy'), (0.0,) * 3, size=112)
  assert mean.shape == (16, 112, 112, 3) and mean.dtype == np.float32
  np.testing.assert_allclose(mean[15, 111, 0], cube[15, 119, 29], rtol=1e-6)


def test_another_mean_is_refused(tmp_path):
  np.save(tmp_path / 'flat.npy', np.zeros((128, 171, 3)))
  np.save(tmp_path / 'cube.npy', np.zeros((16, 128, 171, 3)))
  np.save(tmp_path / 'objects.npy', np.array([{}]))
  np.savez(tmp_path / 'several.npz', a=np.zeros(3))
  (tmp_path / 'broken.npy').write_bytes(b'mean')
  read = lambda name, size: caffe_input.read_mean(str(tmp_path / name), (0.0,) * 3, size=size)
  with pytest.raises(UserError, match=r'shape \(128, 171, 3\) .* expected is \(16, 128, 171, 3\)'):
    read('flat.npy', 112)
  with pytest.raises(UserError, match='config.c3d.size=56; expected'):
    read('cube.npy', 56)
  with pytest.raises(UserError, match='several.npz has the shape'):
    read('several.npz', 112)
  for name in ('missing.npy', 'broken.npy', 'objects.npy'):
    with pytest.raises(UserError, match=f'{name} cannot be read'):
      read(name, 112)


def _settings(tiny_config, **changes):
  settings = ml_collections.ConfigDict(tiny_config.c3d.to_dict())
  settings.update(changes)
  return settings


def test_extraction_shows_the_net_what_caffe_would(tiny_config, tmp_path):
  picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
  picture = picture.repeat(8, axis=0).repeat(8, axis=1)  # 64 by 96
  path = str(tmp_path / 'video.mp4')
  decode.write_video(path, [picture] * 16, frames_per_second=25)
  tube = Tube(0, np.tile(np.float32([40, 20, 60, 40]), (16, 1)), TubeKind.UNARY)
  video = VideoTubes(VideoFacts(path, 96, 64, 25.0, 16), (tube,), np.ones(16, bool))
  settings = _settings(tiny_config, preprocessing='caffe', window_context=1.0)
  seen = []

  def compute_fn(batch):
    seen.extend(batch)
    return np.zeros((len(batch), 4), np.float16)

  list(extraction.extract_videos([video], compute_fn, settings))
  (frame,) = list(decode.iterate_frames(path))[:1]
  np.testing.assert_array_equal(seen[0][0], caffe_input.cut_image(frame[None], 32)[0])
  expected = cv2.resize(frame[20:40, 40:60], (32, 32))  # the whole window of the tube
  assert np.abs(seen[1][0].astype(int) - expected).mean() < 2


def test_features_depend_on_the_preprocessing(tiny_config, tmp_path):
  clip = np.random.default_rng(1).integers(0, 256, (16, 32, 32, 3), np.uint8)
  features, prints = [], []
  for changes in (
      {}, {'preprocessing': 'caffe'}, {'preprocessing': 'caffe', 'mean_bgr': (1.0, 2.0, 3.0)}
  ):
    settings = _settings(tiny_config, **changes)
    compute_fn = extraction.create_compute_fn(settings)
    ((_, feature),) = extraction.extract([(0, clip)], compute_fn, batch_size=8)
    features.append(feature)
    prints.append(str(extraction.describe_settings(settings)))
  assert len(set(prints)) == 3
  assert not np.allclose(features[0], features[1], atol=1e-3)
  assert not np.allclose(features[1], features[2], atol=1e-3)
