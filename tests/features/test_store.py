"""Tests of store."""

import os

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.core.records import VideoTubes
from wsstad_jax.features import store


def _video():
  rng = np.random.default_rng(0)
  tubes = tuple(
      Tube(start, rng.random((length, 4), np.float32), kind, score)
      for start, length, kind, score in [
          (0, 5, TubeKind.UNARY, 0.5), (3, 1, TubeKind.MULTIVARIATE, 0.25)
      ]
  )
  return VideoTubes(VideoFacts('old.mp4', 64, 48, 29.97, 20), tubes, rng.random(20) < 0.5)


def test_tubes_come_back_as_written(tmp_path):
  path, video = str(tmp_path / 'folder' / 'v.npz'), _video()
  store.write_tubes(path, video)
  found = store.read_tubes(path, 'new.mp4')
  assert found.facts == VideoFacts('new.mp4', 64, 48, 29.97, 20)
  np.testing.assert_array_equal(found.detected_frames, video.detected_frames)
  assert len(found.tubes) == 2
  for read, written in zip(found.tubes, video.tubes):
    assert (read.start, read.kind, read.score) == (written.start, written.kind, written.score)
    np.testing.assert_array_equal(read.boxes_xyxy, written.boxes_xyxy)


def test_features_come_back_as_written(tmp_path):
  path = str(tmp_path / 'v.npz')
  features = store.VideoFeatures(
      np.array([[0, 1]], np.int32), np.ones((1, 3), np.float16), np.zeros((2, 3), np.float16)
  )
  store.write_features(path, features)
  found = store.read_features(path)
  for name in ('pairs', 'region', 'image'):
    assert getattr(found, name).dtype == getattr(features, name).dtype
    np.testing.assert_array_equal(getattr(found, name), getattr(features, name))


def test_same_content_gives_same_bytes_and_no_other_file(tmp_path):
  for name in ('a.npz', 'b.npz'):
    store.write_tubes(str(tmp_path / name), _video())
  assert (tmp_path / 'a.npz').read_bytes() == (tmp_path / 'b.npz').read_bytes()
  assert sorted(os.listdir(tmp_path)) == ['a.npz', 'b.npz']


@pytest.mark.parametrize('keep', [0, 10, 400, -30])
def test_broken_file_names_itself_and_the_remedy(tmp_path, keep):
  path = tmp_path / 'v.npz'
  store.write_tubes(str(path), _video())
  path.write_bytes(path.read_bytes()[:keep])
  with pytest.raises(UserError, match=r'v\.npz is broken.*--mode=prepare'):
    store.read_tubes(str(path), 'v.mp4')


def test_missing_file_and_missing_array(tmp_path):
  path = str(tmp_path / 'v.npz')
  with pytest.raises(UserError, match=r'v\.npz is missing'):
    store.read_features(path)
  store.write_tubes(path, _video())
  with pytest.raises(UserError, match='pairs'):
    store.read_features(path)


def test_fingerprint_changes_with_its_parts_alone():
  print_of = store.fingerprint
  assert print_of(1, {'a': 2, 'b': (3,)}) == print_of(1, {'b': [3], 'a': 2})
  assert print_of(1, {'a': 2}) != print_of(1, {'a': 2.5})
  assert len(print_of('x')) == 12


def test_file_digest(tmp_path):
  (tmp_path / 'empty').write_bytes(b'')
  assert store.file_digest(str(tmp_path / 'empty')).startswith('e3b0c44298fc1c14')
  with pytest.raises(UserError, match='nothing cannot be read'):
    store.file_digest(str(tmp_path / 'nothing'))
