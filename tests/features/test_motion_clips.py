"""Tests of motion_clips."""

import numpy as np
import pytest

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.features import motion_clips


@pytest.fixture
def folder(tmp_path):
  files.write_json(
      str(tmp_path / 'labels.json'),
      {'names': ['touching', 'speed'], 'is_binary': [True, False], 'num_videos': 20},
  )
  rng = np.random.default_rng(0)
  for number in range(20):
    labels = np.stack([rng.integers(0, 2, 3), rng.uniform(0, 9, 3)], axis=1)
    clips = np.full((3, 16, 4, 4), number, np.uint8)
    np.savez(tmp_path / f'{number:05}.npz', clips=clips, labels=labels.astype(np.float32))
  return tmp_path


def test_every_tenth_video_is_held_out(folder):
  clips = motion_clips.read_clips(str(folder))
  assert set(clips.clips[clips.held_out, 0, 0, 0]) == {9, 19}
  assert len(clips.train) + len(clips.held_out) == 60


def test_targets_are_standardised_by_the_training_videos_unless_binary(folder):
  clips = motion_clips.read_clips(str(folder))
  targets = clips.targets()
  np.testing.assert_array_equal(targets[:, 0], clips.labels[:, 0])
  np.testing.assert_allclose(targets[clips.train, 1].mean(), 0, atol=1e-5)
  np.testing.assert_allclose(targets[clips.train, 1].std(), 1, rtol=1e-5)


def test_a_missing_or_broken_file_is_named(folder):
  (folder / '00003.npz').write_bytes(b'nothing')
  with pytest.raises(UserError, match='00003.npz'):
    motion_clips.read_clips(str(folder))
  (folder / '00003.npz').unlink()
  with pytest.raises(UserError, match='00003.npz'):
    motion_clips.read_clips(str(folder))
