"""Tests of generic motion: labels say what was played, and are reproducible."""

import numpy as np
import pytest

from tfds_builders.generic_motion import clips
from tfds_builders.generic_motion import playground
from tfds_builders.synthetic_traffic import sites
from tfds_builders.synthetic_traffic import videos


@pytest.fixture(scope='module')
def playing():
  site = sites.create_site(9_000_001)
  return playground.play(site, num_frames=60, rng=np.random.default_rng(3))


def test_the_same_seed_plays_the_same(playing):
  site = sites.create_site(9_000_001)
  again = playground.play(site, num_frames=60, rng=np.random.default_rng(3))
  np.testing.assert_array_equal(again.recording.poses, playing.recording.poses)
  np.testing.assert_array_equal(again.factors, playing.factors)


def test_speed_is_that_of_the_recorded_positions(playing):
  poses = playing.recording.poses
  moved = np.linalg.norm(np.diff(poses[:, :, :2], axis=0), axis=-1)  # metres a frame
  told = playing.factors[1:, :, 0]
  for number, actor in enumerate(playing.recording.cast):
    lengths = moved[:, number] * 15 / max(actor.length, 1.5)
    steady = (lengths < 8) & (playing.factors[1:, number, 6] == 0)  # no jump, no contact
    assert np.median(np.abs(lengths - told[:, number])[steady]) < 0.2


def test_labels_are_the_strongest_of_what_the_window_shows(playing):
  cast, factors = playing.recording.cast, playing.factors[:16]
  seen = np.zeros(len(cast), bool)
  seen[0] = True
  labels = dict(zip(clips.LABEL_NAMES, clips._labels(cast, factors, seen)))
  for column, name in enumerate(playground.FACTORS):
    assert labels[name] == factors[:, 0, column].max()
  assert labels['mean_speed'] == pytest.approx(factors[:, 0, 0].mean())
  assert set(clips._labels(cast, factors, ~seen & seen)) == {0.0}


def test_sites_are_not_those_of_traffic():
  used = {plan.site_seed for size in videos.SIZES for plan in videos.plan_videos(size=size, seed=99)}
  assert max(used) < clips._FIRST_SITE


def test_a_killed_making_goes_on(tmp_path, monkeypatch):
  monkeypatch.setattr(clips, 'NUM_FRAMES', 32)
  settings = {'num_videos': 2, 'size': 24, 'num_processes': 1}
  folder = clips.make_clips(str(tmp_path / 'a'), **settings)
  first = np.load(f'{folder}/00001.npz')
  assert first['clips'].shape[1:] == (16, 24, 24, 3)
  assert first['labels'].shape == (len(first['clips']), len(clips.LABEL_NAMES))
  other = clips.make_clips(str(tmp_path / 'b'), **settings | {'num_videos': 1})
  clips.make_clips(str(tmp_path / 'b'), **settings)
  second = np.load(f'{other}/00001.npz')
  np.testing.assert_array_equal(first['clips'], second['clips'])
  np.testing.assert_array_equal(first['labels'], second['labels'])
