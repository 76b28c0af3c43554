"""Tests of generic motion: labels say what was played, and are reproducible."""

import numpy as np
import pytest

from tfds_builders.generic_motion import clips
from tfds_builders.generic_motion import playground
from tfds_builders.synthetic_traffic import sites
from tfds_builders.synthetic_traffic import videos

COLUMN = {name: column for column, name in enumerate(playground.FACTORS)}


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
  told = playing.factors[1:]
  for number, actor in enumerate(playing.recording.cast):
    lengths = moved[:, number] * 15 / max(actor.length, 1.5)
    steady = ~np.isnan(lengths) & (told[:, number, COLUMN['touching']] == 0)
    if steady.any():
      errors = np.abs(lengths - told[:, number, COLUMN['speed']])[steady]
      assert np.median(errors) < 0.2


def test_factors_are_those_of_motion_by_hand():
  frames = 24
  poses = np.zeros((frames, 4, 8), np.float32)
  velocities, knocks = np.zeros((frames, 4, 2)), np.zeros((frames, 4))
  velocities[:, 0, 0] = np.maximum(8 - 6 / 15 * np.arange(frames), 0)  # brakes by 6 m/s^2
  angle = np.arange(frames) / 15  # turns by 1 rad/s
  velocities[:, 1] = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
  poses[:, 1, 3] = angle
  velocities[:, 2, 0] = 5
  poses[:, 2, 3] = 3 * angle  # spins
  velocities[12:, 3, 1], knocks[12, 3] = 4, 4  # stands and is knocked
  gaps = np.full((frames, 4), playground.NEAR_M)
  gaps[12, 3] = 0
  factors = playground.measure(poses, velocities, knocks, gaps, np.full(4, 4.0))
  strongest = factors[6:16].max(axis=0)
  told = {name: strongest[:, column] for name, column in COLUMN.items()}
  np.testing.assert_allclose(told['braking'], [6, 0, 0, 0], atol=1e-3)
  np.testing.assert_allclose(told['turning'], [0, 1, 0, 0], atol=1e-3)
  np.testing.assert_allclose(told['spinning'], [0, 0, 3, 0], atol=1e-3)
  np.testing.assert_allclose(told['impulse'], [0, 0, 0, 4], atol=1e-3)
  np.testing.assert_array_equal(told['touching'], [0, 0, 0, 1])
  np.testing.assert_allclose(told['accelerating'][3], 0, atol=1e-3)  # a knock is no driving
  assert told['jolt'][3] == pytest.approx(4)


def test_what_is_absent_has_no_factors(playing):
  absent = np.isnan(playing.recording.poses[..., 0])
  assert not playing.factors[absent].any()
  assert np.isfinite(playing.factors).all()


def test_contact_counts_only_where_it_is_seen():
  outlines = np.full((16, 2, 4), np.nan, np.float32)
  outlines[:, 0], outlines[:, 1] = (100, 100, 120, 112), (118, 104, 150, 120)
  window = np.float32([90, 90, 125, 125])
  seen = clips._seen(outlines, window, 56)
  assert seen[:, 0].all()
  assert not seen[:, 1].any()  # less than half of it is in the window
  assert not clips._seen(outlines, window, 4).any()  # too small to be seen


def test_labels_are_the_strongest_of_what_the_window_shows(playing):
  span = slice(0, 16)
  factors, poses = playing.factors[span], playing.recording.poses[span]
  outlines = np.zeros((*poses.shape[:2], 4), np.float32)
  seen = np.zeros(poses.shape[:2], bool)
  seen[4:, 0] = True
  window = np.float32([0, 0, 56, 56])
  made = clips._labels(playing.recording, span, factors, outlines, seen, window)
  labels = dict(zip(clips.LABEL_NAMES, made))
  for name, column in COLUMN.items():
    assert labels[name] == factors[4:, 0, column].max()
  assert labels['mean_speed'] == pytest.approx(factors[4:, 0, 0].mean())
  made = clips._labels(playing.recording, span, factors, outlines, ~seen & seen, window)
  assert set(made) == {0.0}


def test_sites_are_not_those_of_traffic():
  used = {plan.site_seed for size in videos.SIZES for plan in videos.plan_videos(size=size, seed=99)}
  assert max(used) < clips._FIRST_SITE


def test_a_killed_making_goes_on(tmp_path, monkeypatch):
  monkeypatch.setattr(clips, 'NUM_FRAMES', 32)
  settings = {'num_videos': 2, 'size': 24, 'num_processes': 1}
  folder = clips.make_clips(str(tmp_path / 'a'), **settings)
  first = np.load(f'{folder}/00001.npz')
  assert first['clips'].shape[1:] == (16, 24, 24)
  assert first['labels'].shape == (len(first['clips']), len(clips.LABEL_NAMES))
  other = clips.make_clips(str(tmp_path / 'b'), **settings | {'num_videos': 1})
  clips.make_clips(str(tmp_path / 'b'), **settings)
  second = np.load(f'{other}/00001.npz')
  np.testing.assert_array_equal(first['clips'], second['clips'])
  np.testing.assert_array_equal(first['labels'], second['labels'])
