"""Tests of prepare."""

import dataclasses
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys

import ml_collections
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import VideoEntry
from wsstad_jax.runs import prepare

_REPOSITORY = pathlib.Path(__file__).parents[2]

# Prepares what the pickle on stdin says, and is killed when three files of features are there.
_PREPARE_AND_DIE = """
import os, pickle, signal, sys
from wsstad_jax.features import store
from wsstad_jax.runs import prepare
write_features, count = store.write_features, 0
def write_then_die(path, features):
  global count
  write_features(path, features)
  count += 1
  if count == 3:
    os.kill(os.getpid(), signal.SIGKILL)
store.write_features = write_then_die
prepare.prepare_videos(*pickle.load(sys.stdin.buffer))
"""


def _contents(folder):
  return {
      path.relative_to(folder).as_posix(): path.read_bytes()
      for path in pathlib.Path(folder).rglob('*.npz')
      if not path.name.startswith('.')
  }


def _config(tiny_config, **data):
  config = ml_collections.ConfigDict(tiny_config.to_dict())
  config.data.update(data)
  return config


def test_killed_preparation_resumes_to_the_same_bytes(tmp_path, tiny_config, tiny_entries):
  killed = tmp_path / 'killed'
  arguments = pickle.dumps((tiny_entries, tiny_config, str(killed)))
  done = subprocess.run(
      [sys.executable, '-c', _PREPARE_AND_DIE], input=arguments, cwd=_REPOSITORY,
      stderr=subprocess.DEVNULL, check=False,
  )
  assert done.returncode == -signal.SIGKILL
  assert len(_contents(killed)) == 8 + 3  # all tubes, three files of features
  prepare.prepare_videos(tiny_entries, tiny_config, str(killed))
  prepare.prepare_videos(tiny_entries, tiny_config, str(tmp_path / 'straight'))
  assert len(_contents(killed)) == 16
  assert _contents(killed) == _contents(tmp_path / 'straight')


def test_processes_change_nothing(tmp_path, tiny_config, tiny_entries):
  for count in (1, 2):
    config = _config(tiny_config, num_processes=count)
    prepare.prepare_videos(tiny_entries[:3], config, str(tmp_path / str(count)))
  assert _contents(tmp_path / '1') == _contents(tmp_path / '2')


def test_videos_that_cannot_be_read_are_told_together(tmp_path, tiny_config, tiny_entries):
  (tmp_path / 'text.mp4').write_text('no video')
  bad = [
      VideoEntry('text', str(tmp_path / 'text.mp4'), 'train', 0),
      VideoEntry('absent', str(tmp_path / 'absent.mp4'), 'train', 1),
  ]
  entries = [bad[0], *tiny_entries[:2], bad[1]]
  with pytest.raises(UserError) as caught:
    prepare.prepare_videos(entries, tiny_config, str(tmp_path))
  for part in ('2 of 4 videos', 'text.mp4', 'absent.mp4', '--config.data.skip_unreadable=True'):
    assert part in str(caught.value)
  assert len(_contents(tmp_path)) == 2  # what could be read is not lost
  skipping = _config(tiny_config, skip_unreadable=True)
  videos = prepare.prepare_videos(entries, skipping, str(tmp_path))
  assert [entry.video_id for entry in videos.entries] == ['video_0', 'video_1']
  absent = dataclasses.replace(bad[1], split='validation')
  with pytest.raises(UserError, match='no anomalous one for validation is left of 5'):
    prepare.prepare_videos([*entries, absent], skipping, str(tmp_path))
  with pytest.raises(UserError, match='no video can be used'):
    prepare.prepare_videos(bad, skipping, str(tmp_path))


def test_what_is_left_out_is_remembered_until_it_is_mended(tmp_path):
  def leave_out(faults, stage, **options):
    prepare.leave_out(faults, 500, skip=True, folder=str(tmp_path), stage=stage, **options)

  assert not prepare.read_left_out(str(tmp_path))
  leave_out({}, 'checking')
  assert not list(tmp_path.iterdir())
  leave_out({'a': 'a.mp4: too short'}, 'checking', others=['b.mp4: no list names it'])
  leave_out({'c': 'c.mp4: damaged'}, 'decoding')
  assert prepare.read_left_out(str(tmp_path)) == {'a': 'a.mp4: too short', 'c': 'c.mp4: damaged'}
  leave_out({}, 'checking')
  assert prepare.read_left_out(str(tmp_path)) == {'c': 'c.mp4: damaged'}


def test_hundreds_of_faults_make_no_endless_message(tmp_path):
  faults = {str(number): f'{number}.mp4: damaged' for number in range(300)}
  with pytest.raises(UserError) as caught:
    prepare.leave_out(
        faults, 500, skip=False, folder=str(tmp_path), stage='checking', others=['x', 'y']
    )
  message = str(caught.value)
  assert message.startswith('300 of 500 videos cannot be used, 2 other entries fit no video:')
  assert '99.mp4' in message and '100.mp4' not in message and '... and 202 more' in message
  assert not list(tmp_path.iterdir())


def test_broken_file_is_named_when_its_bag_is_made(tmp_path, tiny_config, tiny_entries):
  videos = prepare.prepare_videos(tiny_entries[:1], tiny_config, str(tmp_path))
  path = videos.features_file(tiny_entries[0])
  pathlib.Path(path).write_bytes(b'half')
  with pytest.raises(UserError, match=r'video_0-\d+\.npz is broken'):
    videos.create_bag(tiny_entries[0], tiny_config.bags)


@pytest.mark.parametrize('change, same_tubes', [
    ({'c3d.window_context': 1.5}, True),
    ({'tubes.linking.max_gap': 3}, False),
    ({'detector.motion.warmup_frames': 30}, False),
])
def test_changed_settings_use_other_folders(
    tmp_path, tiny_config, tiny_entries, change, same_tubes
):
  old = prepare.prepare_videos(tiny_entries[:1], tiny_config, str(tmp_path))
  config = ml_collections.ConfigDict(tiny_config.to_dict())
  config.update_from_flattened_dict(change)
  new = prepare.prepare_videos(tiny_entries[:1], config, str(tmp_path))
  assert (new.tubes_folder == old.tubes_folder) == same_tubes
  assert new.features_folder != old.features_folder


def test_replaced_video_is_prepared_again(tmp_path, tiny_config, tiny_entries):
  path = tmp_path / 'video.mp4'
  entry = VideoEntry('video', str(path), 'train', 0)
  sizes = []
  for source in tiny_entries[1:3]:
    shutil.copy(source.path, path)
    videos = prepare.prepare_videos([entry], tiny_config, str(tmp_path / 'out'))
    sizes.append(int(videos.create_bag(entry, tiny_config.bags)['num_frames']))
  assert sizes == [47, 54]


def test_missing_weights_are_told_before_any_work(tmp_path, tiny_config, tiny_entries):
  config = ml_collections.ConfigDict(tiny_config.to_dict())
  config.c3d.weights = str(tmp_path / 'absent.npz')
  with pytest.raises(UserError, match='absent.npz'):
    prepare.prepare_videos(tiny_entries, config, str(tmp_path))
  assert not _contents(tmp_path)


def test_video_without_motion_gets_a_bag_of_its_whole_image(tiny_config, tiny_entries):
  bag = prepare.prepare_one(tiny_entries[0].path, tiny_config)
  real = np.count_nonzero(bag['tube_mask'])
  assert set(bag['tube_sources'][:real]) == {0}
  assert bag['tube_spans'][:real].tolist() == [[0, 20], [0, 40], [20, 40]]
  assert (bag['source_boxes_xyxy'] == [0, 0, 96, 64]).all()
  assert not bag['detected_frames'].any()
  assert np.isfinite(bag['region_features']).all() and bag['region_features'][0].any()


def test_one_video_gets_the_bag_that_its_data_set_gave_it(tmp_path, tiny_config, tiny_entries):
  entry = tiny_entries[7]
  videos = prepare.prepare_videos(tiny_entries[5:], tiny_config, str(tmp_path))
  expected = videos.create_bag(entry, tiny_config.bags)
  found = prepare.prepare_one(entry.path, tiny_config)
  assert (found['video_id'], found['label']) == ('video_7', -1)
  for key in expected.keys() - {'label', 'category', 'truth_spans', 'truth_boxes_xyxy'}:
    np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
