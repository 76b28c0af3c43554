"""Tests of STRA on made videos in the documented layout."""

import shutil

import numpy as np
import pytest

import tfds_builders
from tests.tfds_builders import making
from tfds_builders.stra import stra_builder
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.data import bags as bags_lib
from wsstad_jax.formats import boxes_json
from wsstad_jax.formats import coco
from wsstad_jax.formats import conversion
from wsstad_jax.formats import mot
from wsstad_jax.formats import table as table_lib

TRAIN = {
    f'{"accident" if number % 2 else "normal"}_{number:02d}': number % 2 for number in range(16)
}
TEST = {f'test/{number:02d}': number % 2 for number in range(100, 106)}
TRUTH = Tube(5, np.tile(np.float32([4, 8, 40, 40]), (12, 1)), TubeKind.TRUTH)


def truth_table(names=tuple(name for name, label in TEST.items() if label)):
  return table_lib.concatenate(conversion.from_tubes(name, [TRUTH]) for name in names)


def write_mot(folder, table):
  for name, of_video in table.by_video().items():
    mot.write(folder / 'mot' / f'{name}.txt', of_video)


def write_csv(folder, table):
  rows = [
      f'{video},{frame},{",".join(str(int(edge)) for edge in box)}\n'
      for video, frame, box in zip(table.videos, table.frames, table.boxes_xyxy)
  ]
  (folder / 'boxes.csv').write_text('video,frame,x_min,y_min,x_max,y_max\n' + ''.join(rows))


WRITERS = {
    'mot': write_mot,
    'csv': write_csv,
    'coco': lambda folder, table: coco.write(folder / 'coco.json', table),
    'json': lambda folder, table: boxes_json.write(folder / 'boxes.json', table),
}


@pytest.fixture(scope='session')
def videos(tmp_path_factory):
  folder = tmp_path_factory.mktemp('stra') / 'videos'
  for number, name in enumerate(TRAIN | TEST):
    suffix = '.avi' if number % 5 == 0 else '.mp4'
    path = folder / f'{name}{suffix}'
    making.write_video(path, 20 + number % 4, seed=number, frames_per_second=25)
  return folder


@pytest.fixture
def stra(videos, tmp_path):
  folder = tmp_path / 'stra'
  shutil.copytree(videos, folder / 'videos')
  for split, labels in (('train', TRAIN), ('test', TEST)):
    (folder / f'{split}.txt').write_text(
        ''.join(f'{name} {label}\n' for name, label in labels.items())
    )
  return folder


def entries_of(folder, tiny_config, **data):
  config = making.changed(tiny_config, name='stra', root=str(folder.parent), **data)
  return stra_builder.Stra.list_videos(config, making.NO_PROGRESS)


def test_videos_in_the_layout_become_bags_with_truth(stra, tiny_config, tmp_path):
  write_csv(stra, truth_table())
  config = making.changed(
      tiny_config, name='stra', root=str(tmp_path), prepared=str(tmp_path / 'elsewhere')
  )
  found = making.read_bags(tfds_builders.prepare(config))
  assert len(found) == len(TRAIN) + len(TEST) >= 20
  assert {split for split, _ in found.values()} == {'train', 'validation', 'test'}
  for name, label in (TRAIN | TEST).items():
    split, bag = found[name.replace('/', '-')]
    assert (split == 'test') == (name in TEST)
    assert bag['label'] == label
    truths = bags_lib.truth_tubes(bag)
    assert len(truths) == (label and name in TEST)
    for truth in truths:
      assert truth.start == 5
      np.testing.assert_array_equal(truth.boxes_xyxy, TRUTH.boxes_xyxy)
  assert {path.name for path in stra.iterdir()} == {'videos', 'train.txt', 'test.txt', 'boxes.csv'}


@pytest.mark.parametrize('kind', WRITERS)
def test_boxes_of_each_format_give_the_same_truth(stra, tiny_config, kind):
  WRITERS[kind](stra, truth_table())
  for entry in entries_of(stra, tiny_config):
    assert len(entry.truth) == (entry.split == 'test' and entry.label)
    for truth in entry.truth:
      assert truth.start == 5
      np.testing.assert_allclose(truth.boxes_xyxy, TRUTH.boxes_xyxy, atol=1e-5)


def test_boxes_are_not_needed(stra, tiny_config):
  assert not any(entry.truth for entry in entries_of(stra, tiny_config))


def test_a_share_of_each_label_is_for_validation(stra, tiny_config):
  for share, count in ((0.15, 1), (0.25, 2), (0.5, 4)):
    entries = entries_of(stra, tiny_config, validation_share=share)
    for label in (0, 1):
      chosen = [e for e in entries if e.split == 'validation' and e.label == label]
      assert len(chosen) == count


def test_all_faults_are_told_together(stra, tiny_config):
  names = [name for name, label in TEST.items() if label]
  write_csv(stra, truth_table([*names[:2], 'normal_02', 'nowhere']))
  (stra / 'videos' / 'accident_01.mp4').unlink()
  (stra / 'videos' / 'normal_04.mp4').write_bytes(b'')
  making.write_video(stra / 'videos' / 'short.mp4', 15)
  making.write_video(stra / 'videos' / 'accident_03.avi')
  making.write_video(stra / 'videos' / 'normal_06.mp4', 15)
  with pytest.raises(UserError) as caught:
    entries_of(stra, tiny_config)
  for told in (
      '5 of 22 videos cannot be used, 3 other entries fit no video',
      'accident_01.mp4: there is no such file',
      'normal_04.mp4 (0 bytes)',
      'normal_06.mp4: the video has 15 frames',
      'short.mp4: no list names this video',
      'accident_03.mp4: accident_03.avi has the same name',
      f'{names[2]}.mp4: an anomalous test video without a box',
      'boxes.csv, row 26: a box in the normal video normal_02',
      "boxes.csv, row 38: there is no video 'nowhere'",
  ):
    assert told in str(caught.value), told


@pytest.mark.parametrize('line, told', [
    ('video', "row 17: there is 'video'"),
    ('video 2', "row 17: there is 'video 2'"),
    ('video accident', 'row 17: there is'),
    ('accident_01 1', "row 17: the video 'accident_01' stands twice"),
    ('accident_01.mp4 1', "row 17: the video 'accident_01' stands twice"),
    ('test/101 1', 'are in train.txt and in test.txt'),
])
def test_broken_lists_are_told(stra, tiny_config, line, told):
  with open(stra / 'train.txt', 'a') as file:
    file.write(line)
  with pytest.raises(UserError) as caught:
    entries_of(stra, tiny_config)
  assert told in str(caught.value)
