"""Tests of a person's own folders, and of what all data sets of own files share."""

import collections
import json
import os
import pathlib
import shutil

import cv2
import numpy as np
import pytest

import tfds_builders
from configs import video_folder as config_file
from tests.tfds_builders import making
from tfds_builders import collecting
from tfds_builders import inspection
from tfds_builders.video_folder import video_folder_builder
from wsstad_jax.core import config as config_lib
from wsstad_jax.core.errors import UserError
from wsstad_jax.data import bags as bags_lib
from wsstad_jax.formats import by_name
from wsstad_jax.runs import prepare

_PED2 = pathlib.Path(__file__).parents[3] / 'shared' / 'data' / 'ped2_dev'
_HEADER = 'video,frame,x_min,y_min,x_max,y_max\n'
NAMES = [
    *(f'normal/{number}.mp4' for number in range(8)),
    *(f'anomalous/{category}/{number}.mp4' for category in ('fall', 'fire') for number in range(4)),
]


@pytest.fixture(scope='session')
def videos(tmp_path_factory):
  folder = tmp_path_factory.mktemp('own') / 'street'
  for number, name in enumerate(NAMES):
    making.write_video(folder / name, 20 + number, seed=number, frames_per_second=10)
  return folder


@pytest.fixture
def street(videos, tmp_path):
  return pathlib.Path(shutil.copytree(videos, tmp_path / 'street'))


def config_of(folder, tiny_config, **data):
  return making.changed(tiny_config, name='video_folder', root=str(folder), **{
      'prepared': str(folder.parent / 'prepared'), **data
  })


def entries_of(folder, tiny_config, **data):
  return video_folder_builder.VideoFolder.list_videos(
      config_of(folder, tiny_config, **data), making.NO_PROGRESS
  )


def splits_of(entries):
  return {entry.video_id: entry.split for entry in entries}


def write_boxes(folder, names, num_frames=10):
  rows = [f'{name},{frame},4,8,40,40\n' for name in names for frame in range(5, 5 + num_frames)]
  (folder / 'boxes.csv').write_text(_HEADER + ''.join(rows))


def test_two_folders_become_bags_and_nothing_is_written_among_them(street, tiny_config):
  write_boxes(street, [name for name in NAMES if 'anomalous' in name])
  before = sorted(street.rglob('*'))
  config = config_of(street, tiny_config)
  found = making.read_bags(tfds_builders.prepare(config))
  assert sorted(street.rglob('*')) == before
  assert len(found) == len(NAMES)
  counts = collections.Counter((split, int(bag['label'])) for split, bag in found.values())
  assert counts == {
      ('train', 0): 5, ('train', 1): 5, ('validation', 0): 1, ('validation', 1): 1,
      ('test', 0): 2, ('test', 1): 2,
  }
  for video_id, (split, bag) in found.items():
    label, *category, _ = video_id.split('-')
    assert bag['label'] == (label == 'anomalous')
    assert bag['category'] == ''.join(category)
    spans = [(tube.start, tube.stop) for tube in bags_lib.truth_tubes(bag)]
    assert spans == ([(5, 15)] if split == 'test' and label == 'anomalous' else [])


def test_splits_do_not_depend_on_where_the_folder_is(street, tiny_config, tmp_path):
  first = splits_of(entries_of(street, tiny_config))
  other = pathlib.Path(shutil.move(street, tmp_path / 'moved'))
  assert splits_of(entries_of(other, tiny_config)) == first


def test_a_new_video_changes_the_split_of_few(street, tiny_config):
  before = splits_of(entries_of(street, tiny_config))
  making.write_video(street / 'normal' / 'new.mp4')
  after = splits_of(entries_of(street, tiny_config))
  assert sum(after[name] != split for name, split in before.items()) <= 2
  assert all(after[name] == split for name, split in before.items() if 'anomalous' in name)


def test_own_test_videos_are_the_test_split(street, tiny_config):
  for label in ('normal', 'anomalous'):
    making.write_video(street / 'test' / label / '0.mp4')
  splits = splits_of(entries_of(street, tiny_config))
  tests = {name for name, split in splits.items() if split == 'test'}
  assert tests == {'test-normal-0', 'test-anomalous-0'}
  assert collections.Counter(splits.values())['validation'] == 2


def test_no_test_split_if_none_is_wanted(street, tiny_config):
  assert set(splits_of(entries_of(street, tiny_config, test_share=0.0)).values()) == {
      'train', 'validation'
  }


def test_folders_of_images_are_videos(street, tiny_config):
  for label, suffix in (('normal', '.jpg'), ('anomalous/fall', '.tif')):
    folder = street / label / 'images'
    folder.mkdir()
    for number in range(20):
      picture = np.full((48, 64, 3), 90, np.uint8)
      picture[10:30, 2 * number : 2 * number + 20] = 240
      cv2.imwrite(str(folder / f'{number:03d}{suffix}'), picture)
  entries = {entry.video_id: entry for entry in entries_of(street, tiny_config)}
  assert len(entries) == len(NAMES) + 2
  assert entries['anomalous-fall-images'].category == 'fall'
  config = config_of(street, tiny_config)
  found = making.read_bags(tfds_builders.prepare(config))
  for name in ('normal-images', 'anomalous-fall-images'):
    assert found[name][1]['num_frames'] == 20


@pytest.mark.parametrize('name', [
    'anomalous/fall/clip.mp4', 'anomalous/fall/clip', 'anomalous-fall-clip', 'clip.mp4', 'clip',
])
def test_boxes_name_videos_by_path_or_file_name(street, name):
  (street / 'anomalous' / 'fall' / '0.mp4').rename(street / 'anomalous' / 'fall' / 'clip.mp4')
  write_boxes(street, [name])
  table = by_name.read_folder(street)
  listed = video_folder_builder.list_folder(str(street), validation_share=0.15, test_share=0.25)
  assigned, misfits = collecting.assign(listed, table, None)
  assert list(assigned) == ['anomalous/fall/clip.mp4'] and not misfits


def test_a_name_that_fits_several_videos_is_told(street, tiny_config):
  write_boxes(street, ['0.mp4'])
  with pytest.raises(UserError, match="'0.mp4' may be any of anomalous/fall/0.mp4, "):
    entries_of(street, tiny_config)


def test_all_faults_are_told_together_and_can_be_left_out(street, tiny_config, caplog):
  shares = {'test_share': 0.4, 'validation_share': 0.4}
  splits = splits_of(entries_of(street, tiny_config, **shares))
  tests = [name for name in NAMES if splits[name[:-4].replace('/', '-')] == 'test']
  late, wide, good = [name for name in tests if 'anomalous' in name]
  (street / 'boxes.csv').write_text(
      f'{_HEADER}{late},5,4,8,40,40\n{late},500,4,8,40,40\n{wide},5,60,8,160,40\n'
      f'{tests[0]},1,4,8,40,40\nnowhere.mp4,1,4,8,40,40\n{good},5,4,8,40,40\n'
  )
  (street / 'normal' / 'text.mp4').write_text('no video')
  making.write_video(street / 'normal' / 'short.mp4', 10)
  shutil.copy(street / 'normal' / '1.mp4', street / 'normal' / '1.MP4')
  with pytest.raises(UserError) as caught:
    entries_of(street, tiny_config, **shares)
  message = str(caught.value)
  for told in (
      'row 3: 1 boxes of', 'frames, first in frame 500 (4, 8, 40, 40)',
      'row 4: 1 boxes of', 'its 64x48 pixels, first in frame 5 (60, 8, 160, 40)',
      f'row 5: a box in the normal video {tests[0]}',
      "row 6: there is no video 'nowhere.mp4'",
      'text.mp4 (8 bytes)', 'short.mp4: the video has 10 frames',
      "its name is too much like that of normal/1.",
  ):
    assert told in message, told
  config = config_of(street, tiny_config, skip_unreadable=True, **shares)
  folder = tfds_builders.prepare(config)
  left_out = json.loads((pathlib.Path(folder) / prepare.LEFT_OUT_FILE).read_text())
  assert len(making.read_bags(folder)) + len(left_out) == len(NAMES) + 3
  assert 'going on without' in caplog.text and 'text.mp4' in caplog.text


def test_boxes_a_little_out_are_cut_to_video_and_image(street, tiny_config):
  names = [name for name in NAMES if 'anomalous' in name]
  rows = [f'{name},{frame},-4,8,40,50\n' for name in names for frame in range(5, 40)]
  (street / 'boxes.csv').write_text(_HEADER + ''.join(rows))
  entries = [entry for entry in entries_of(street, tiny_config) if entry.truth]
  assert len(entries) == 2
  for entry in entries:
    (tube,) = entry.truth
    number = NAMES.index(entry.video_id.replace('-', '/') + '.mp4')
    assert (tube.start, tube.stop) == (5, min(20 + number, 40))
    assert (tube.boxes_xyxy == [0, 8, 40, 48]).all()


def test_videos_are_looked_at_once(street, tiny_config, monkeypatch):
  entries_of(street, tiny_config)
  looked_at = []
  look_at = inspection.look_at
  monkeypatch.setattr(
      inspection, 'look_at', lambda path: looked_at.append(os.path.basename(path)) or look_at(path)
  )
  entries_of(street, tiny_config)
  assert not looked_at
  making.write_video(street / 'normal' / '3.mp4', 33)
  entries_of(street, tiny_config)
  assert looked_at == ['3.mp4']
  (memory,) = (street.parent / 'prepared').rglob('facts.json')
  memory.write_text('{broken')
  assert len(entries_of(street, tiny_config)) == len(NAMES)


@pytest.mark.parametrize('count, told', [(0, '0 in anomalous/'), (2, '2 in anomalous/')])
def test_too_few_videos_are_told(street, tiny_config, count, told):
  for path in list((street / 'anomalous').rglob('*.mp4'))[count:]:
    path.unlink()
  with pytest.raises(UserError, match=f'too few videos: {told}. Expected at least 3'):
    entries_of(street, tiny_config)


@pytest.mark.parametrize('count', [2, 3])
def test_what_cannot_be_read_is_not_counted(street, tiny_config, count):
  for path in sorted((street / 'anomalous').rglob('*.mp4'))[count:]:
    path.write_text('no video')
  if count < 3:
    with pytest.raises(UserError, match='too few readable videos: 2 in anomalous/. Expected at'):
      entries_of(street, tiny_config, skip_unreadable=True)
  else:
    entries = entries_of(street, tiny_config, skip_unreadable=True)
    assert {entry.split for entry in entries if entry.label} == {'train', 'validation', 'test'}


def test_a_split_without_a_label_is_told(street, tiny_config):
  tests = [name for name in splits_of(entries_of(street, tiny_config)).items() if name[1] == 'test']
  boxed = [name for name, _ in tests if 'normal' in name]
  write_boxes(street, [f'{name.replace("-", "/")}.mp4' for name in boxed])  # all are faults
  with pytest.raises(UserError, match='no normal one for test and no anomalous one for test is'):
    entries_of(street, tiny_config, skip_unreadable=True)


def test_a_folder_without_the_two_is_told(tmp_path, tiny_config):
  with pytest.raises(UserError, match='lacks normal/, anomalous/. Expected there:'):
    entries_of(tmp_path, tiny_config)
  with pytest.raises(UserError, match='--config.data.root=DIR is missing'):
    video_folder_builder.VideoFolder.list_videos(
        making.changed(tiny_config, root=''), making.NO_PROGRESS
    )


def test_names_of_all_kinds_become_names_of_files(street, tiny_config):
  for number, name in enumerate(('ein schöner Film', 'a#1', 'a 1', 'x' * 200, "it's <b>")):
    making.write_video(street / 'normal' / f'{name}.mp4', seed=number)
  ids = [entry.video_id for entry in entries_of(street, tiny_config)]
  assert len(ids) == len(set(ids)) == len(NAMES) + 5
  assert all(len(name) < 150 and not set(name) & set('/<> #\'') for name in ids)


def test_hidden_files_and_links_that_lead_back_are_left_alone(street):
  (street / 'normal' / '.hidden.mp4').touch()
  (street / 'normal' / '.cache').mkdir()
  (street / 'normal' / '.cache' / 'x.mp4').touch()
  (street / 'normal' / 'loop').symlink_to(street / 'normal')
  (street / 'normal' / 'notes.txt').write_text('no video')
  assert inspection.find_videos(str(street / 'normal')) == [f'{number}.mp4' for number in range(8)]


def test_shares_are_taken_by_name_alone():
  names = [f'v{number}' for number in range(100)]
  chosen = collecting.split_off(names, 0.2)
  assert len(chosen) == 20 and chosen == collecting.split_off(names[::-1], 0.2)
  assert collecting.split_off(names, 0.1) < chosen
  for share in (0.01, 0.99):
    assert len(collecting.split_off(names[:2], share)) == 1
  assert not collecting.split_off(names, 0.0) and not collecting.split_off(names[:1], 0.2)


def test_the_config_is_valid_and_writes_outside_of_the_videos():
  config = config_lib.checked(config_file.get_config())
  assert config.data.prepared == 'data/video_folder'
  one, two = (
      video_folder_builder.VideoFolder.folder(making.changed(config, root=root))
      for root in ('/a/street', '/b/street')
  )
  assert one != two and one.startswith('data/video_folder/street-')


def test_every_format_can_be_chosen():
  config = config_file.get_config()
  for kind in by_name.PATTERNS:
    config.data.boxes = kind
    config_lib.checked(config)


@pytest.mark.skipif(not _PED2.exists(), reason='needs real videos')
def test_real_videos_with_their_boxes(tiny_config, tmp_path):
  config = making.changed(
      tiny_config, name='video_folder', root=str(_PED2), prepared=str(tmp_path), max_gap=30
  )
  entries = video_folder_builder.VideoFolder.list_videos(config, making.NO_PROGRESS)
  assert len(entries) == 16
  tests = [entry for entry in entries if entry.split == 'test']
  assert [entry.label for entry in tests].count(1) == 2
  assert all(bool(entry.truth) == bool(entry.label) for entry in tests)
