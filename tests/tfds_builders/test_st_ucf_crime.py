"""Tests of ST-UCF-Crime on made videos with the real names, lists and box files."""

import json
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tfds_builders
from configs import st_ucf_crime as config_file
from tests.tfds_builders import making
from tfds_builders.st_ucf_crime import rebuild
from tfds_builders.st_ucf_crime import rules
from tfds_builders.st_ucf_crime import st_ucf_crime_builder
from wsstad_jax.core.errors import UserError
from wsstad_jax.data import bags as bags_lib

_REPOSITORY = pathlib.Path(__file__).parents[2]
_UCF_CRIME = _REPOSITORY.parent / 'shared' / 'data' / 'ucf_crime'
_CATEGORIES = ('Abuse', 'Arrest', 'Robbery', 'RoadAccidents')
TRAIN = [
    *(f'{category}/{category}{number:03d}_x264.mp4'
      for category in _CATEGORIES for number in (1, 2)),
    *(f'Training_Normal_Videos_Anomaly/Normal_Videos{number:03d}_x264.mp4'
      for number in range(1, 9)),
]
TEST = [f'{category}/{category}028_x264.mp4' for category in _CATEGORIES]
NORMAL_TEST = [f'Testing_Normal_Videos_Anomaly/Normal_Videos_{n:03d}_x264.mp4' for n in (3, 6, 10)]
FRAMES = {name: 24 + number % 5 for number, name in enumerate([*TRAIN, *TEST, *NORMAL_TEST])}
_PARTS = {  # the folders of the downloaded archives
    'Training_Normal_Videos_Anomaly': 'Training-Normal-Videos-Part-1',
    'Testing_Normal_Videos_Anomaly': 'Testing_Normal_Videos_Anomaly',
}


def write_liu_ma(folder, names):
  boxes = {
      pathlib.Path(name).stem: [
          [f'/home/lk/{name[:-4]}/image_{number:04d}.jpg', 5, 9, 40, 40] for number in (20, 4)
      ]
      for name in names
  }
  for split in ('test', 'train'):
    content = {name: rows for name, rows in boxes.items() if ('028' in name) == (split == 'test')}
    if content:
      (folder / f'liu_ma_{split}_boxes.pkl').write_bytes(pickle.dumps(content, protocol=0))


def write_sst(folder, names):
  corners = [[4, 8], [40, 8], [40, 40], [4, 40]]
  (folder / 'sst_boxes.json').write_text(json.dumps([
      {'id': name, 'file_name': name.split('/')[1], 'start_frame': 4, 'end_frame': 20,
       'bounding_boxes': [{'id': 'bbox_0', 'start_frame': 4, 'end_frame': 20,
                           'keyframes': {'4': corners, '20': corners}}]}
      for name in names
  ]))


def write_vatic(folder, names):
  (folder / 'vatic').mkdir()
  for name in names:
    stem = pathlib.Path(name).stem.removesuffix('_x264')
    (folder / 'vatic' / f'{stem}.txt').write_text(''.join(
        f'0 4 8 40 40 {frame} 0 0 {int(frame % 4 > 0)} "{name.split("/")[0]}"\n'
        for frame in range(3, 20)
    ))


def write_own(folder, names):
  (folder / 'boxes.json').write_text(json.dumps({
      'format': 'wsstad_jax.boxes', 'version': 1,
      'videos': {name: [{'track': 0, 'key_frames': True, 'frames': [3, 19],
                         'boxes_xyxy': [[4, 8, 40, 40]] * 2}] for name in names},
  }))


WRITERS = {'liu_ma': write_liu_ma, 'sst': write_sst, 'vatic': write_vatic, 'json': write_own}


def write_lists(folder):
  (folder / 'train_list_with_frame_counts.txt').write_text(
      ''.join(f'{name} {FRAMES[name]}\n' for name in TRAIN)
  )
  (folder / 'test_list_with_frame_counts.txt').write_text(''.join(
      [f'{name} {FRAMES[name]} {name.split("/")[0]} 4 20 -1 -1\n' for name in TEST]
      + [f'{name} {FRAMES[name]} Normal -1 -1 -1 -1\n' for name in NORMAL_TEST]
  ))


@pytest.fixture(scope='session')
def ucf_crime(tmp_path_factory):
  """A folder with 23 videos as downloaded, the official lists and the list made from them."""
  folder = tmp_path_factory.mktemp('ucf') / 'st_ucf_crime'
  for number, (name, num_frames) in enumerate(FRAMES.items()):
    category, file_name = name.split('/')
    part = _PARTS.get(category, f'Anomaly-Videos-Part-1/{category}')
    making.write_video(folder / 'videos' / part / file_name, num_frames, seed=number)
  write_lists(folder)
  rebuild.rebuild(str(folder), None, str(folder / 'splits.csv'))
  return folder


@pytest.fixture
def copy(ucf_crime, tmp_path):
  """A folder of its own with links to the videos."""
  folder = tmp_path / 'st_ucf_crime'
  (folder / 'videos').mkdir(parents=True)
  for path in (ucf_crime / 'videos').rglob('*.mp4'):
    link = folder / path.relative_to(ucf_crime)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(path)
  (folder / 'splits.csv').write_bytes((ucf_crime / 'splits.csv').read_bytes())
  return folder


def entries_of(folder, tiny_config, **data):
  config = making.changed(
      tiny_config, name='st_ucf_crime', root=str(folder.parent), max_gap=150, **data
  )
  return st_ucf_crime_builder.StUcfCrime.list_videos(config, making.NO_PROGRESS)


def test_videos_as_downloaded_become_bags_with_truth(copy, tiny_config):
  write_liu_ma(copy, [*TRAIN[:8], *TEST])
  config = making.changed(
      tiny_config, name='st_ucf_crime', root=str(copy.parent),
      max_gap=config_file.get_config().data.max_gap,
  )
  found = making.read_bags(tfds_builders.prepare(config))
  assert len(found) == len(FRAMES) >= 20
  splits = {row.video: row.split for row in rules.read_split(copy / 'splits.csv')}
  for name, num_frames in FRAMES.items():
    split, bag = found[name.replace('/', '-')[:-4]]
    anomalous = 'Normal' not in name
    assert split == splits[name]
    assert (bag['num_frames'], bag['label']) == (num_frames, anomalous)
    assert bag['frames_per_second'] == 30
    assert bag['category'] == (name.split('/')[0] if anomalous else '')
    truths = bags_lib.truth_tubes(bag)
    assert [(tube.start, tube.stop) for tube in truths] == [(3, 20)] * (name in TEST)
    for tube in truths:
      assert (tube.boxes_xyxy == [4, 8, 40, 40]).all()


@pytest.mark.parametrize('kind', WRITERS)
def test_each_source_of_boxes_gives_the_same_truth(copy, tiny_config, kind):
  WRITERS[kind](copy, TEST)
  entries = entries_of(copy, tiny_config)
  assert len(entries) == len(FRAMES)
  for entry in entries:
    spans = [(tube.start, tube.stop) for tube in entry.truth]
    assert spans == ([(3, 20)] if entry.split == 'test' and entry.label else [])
    for tube in entry.truth:
      assert tube.boxes_xyxy.tolist() == [[4, 8, 40, 40]] * 17


def test_several_sources_have_to_be_chosen_from(copy, tiny_config):
  write_sst(copy, TEST[:3])
  write_liu_ma(copy, TEST)
  with pytest.raises(UserError, match='--config.data.boxes=liu_ma|sst'):
    entries_of(copy, tiny_config)
  assert len(entries_of(copy, tiny_config, boxes='liu_ma')) == len(FRAMES)
  # One test video is not in this source.
  assert len(entries_of(copy, tiny_config, boxes='sst')) == len(FRAMES) - 1


def test_without_boxes_the_sources_are_told(copy, tiny_config):
  with pytest.raises(UserError, match='(?s)holds no boxes.*liu_ma_test_boxes.pkl'):
    entries_of(copy, tiny_config)


def test_all_faults_are_told_together_before_any_work(copy, tiny_config):
  write_liu_ma(copy, TEST)
  boxes = pickle.loads((copy / 'liu_ma_test_boxes.pkl').read_bytes())
  boxes['Abuse028_x264'].append(['/image_0900.jpg', 1, 1, 9, 9])
  boxes['Arrest028_x264'].append(['/image_0005.jpg', 200, 1, 320, 9])
  (copy / 'liu_ma_test_boxes.pkl').write_bytes(pickle.dumps(boxes, protocol=0))
  videos = copy / 'videos'
  anomalous = videos / 'Anomaly-Videos-Part-1'
  (anomalous / 'Abuse' / 'Abuse001_x264.mp4').unlink()
  broken = anomalous / 'Abuse' / 'Abuse002_x264.mp4'
  content = broken.read_bytes()
  broken.unlink()
  broken.write_bytes(content[: len(content) // 2])
  longer = anomalous / 'Arrest' / 'Arrest001_x264.mp4'
  longer.unlink()
  making.write_video(longer, FRAMES[TRAIN[2]] + 17)
  making.write_video(anomalous / 'Arson' / 'Arson001_x264.mp4')
  making.write_video(videos / 'Normal_Videos_for_Event_Recognition' / 'Normal_Videos_003_x264.mp4')
  with pytest.raises(UserError) as caught:
    entries_of(copy, tiny_config)
  message = str(caught.value)
  for told in (
      '5 of 23 videos cannot be used, 1 other entries fit no video',
      'Abuse001_x264.mp4: there is no such file',
      'Abuse002_x264.mp4',
      f'Arrest001_x264.mp4: it has {17 + FRAMES[TRAIN[2]]} frames, the list says',
      "video 'Abuse028_x264', entry 2: 1 boxes of Abuse/Abuse028_x264.mp4 lie outside of its",
      "video 'Arrest028_x264', entry 2: 1 boxes of",
      'its 64x48 pixels, first in frame 4 (199, 0, 320, 9)',
      'Arson001_x264.mp4: no list names this video',
      '--config.data.skip_unreadable=True',
  ):
    assert told in message, told
  assert 'Event_Recognition' not in message
  assert not list(copy.glob('tubes-*'))
  entries = entries_of(copy, tiny_config, skip_unreadable=True)
  assert len(entries) == 18
  assert len(json.loads((copy / 'left_out' / 'checking.json').read_text())) == 5


def test_two_files_of_one_name_are_told(copy, tiny_config):
  write_liu_ma(copy, TEST)
  # Only one of them lies in a folder that is called as in the list.
  making.write_video(copy / 'videos' / 'copies' / 'Abuse001_x264.mp4')
  assert len(entries_of(copy, tiny_config)) == len(FRAMES)
  making.write_video(copy / 'videos' / 'copies' / 'Normal_Videos001_x264.mp4')
  with pytest.raises(UserError, match='copies/Normal_Videos001_x264.mp4 are both Training_'):
    entries_of(copy, tiny_config)


@pytest.mark.parametrize('line, told', [
    ('a.mp4,train,1', "row 2: there is 'a.mp4,train,1'"),
    ('a.mp4,other,1,5', 'row 2: there is'),
    ('a.mp4,train,2,5', 'row 2: label is'),
    ('a.mp4,train,1,x', "row 2: frames is 'x'"),
    ('a.mp4,train,1,5\na.mp4,test,1,5', "row 3: 'a.mp4' stands twice"),
])
def test_a_broken_list_is_told_with_its_row(tmp_path, line, told):
  path = tmp_path / 'splits.csv'
  path.write_text(f'video,split,label,frames\n{line}\n')
  with pytest.raises(UserError) as caught:
    rules.read_split(path)
  assert told in str(caught.value) and str(path) in str(caught.value)
  path.write_text('a.mp4,train,1,5\n')
  with pytest.raises(UserError, match='row 1'):
    rules.read_split(path)


def test_splits_are_by_label_and_the_same_again(tmp_path):
  write_lists(tmp_path)
  for name in ('a.csv', 'b.csv'):
    rebuild.rebuild(str(tmp_path), None, str(tmp_path / name))
  assert (tmp_path / 'a.csv').read_bytes() == (tmp_path / 'b.csv').read_bytes()
  rows = rules.read_split(tmp_path / 'a.csv')
  for label, count in ((0, 1), (1, 1)):
    assert sum(row.split == 'validation' and row.label == label for row in rows) == count
  assert {row.video for row in rows if row.split == 'test'} == {*TEST, *NORMAL_TEST}


def test_agreement_by_hand(tmp_path):
  write_liu_ma(tmp_path, TEST[:2])
  write_sst(tmp_path, TEST[1:])
  content = json.loads((tmp_path / 'sst_boxes.json').read_text())
  # Half of the width: IoU 0.5. It ends before the second box of Liu & Ma.
  content[0]['bounding_boxes'][0].update(end_frame=12, keyframes={
      str(frame): [[4, 8], [22, 8], [22, 40], [4, 40]] for frame in (4, 12)
  })
  (tmp_path / 'sst_boxes.json').write_text(json.dumps(content))
  tables = [rebuild.by_name.read_folder(tmp_path, kind) for kind in ('liu_ma', 'sst')]
  found = rules.measure_agreement(*tables, {'Abuse028': 30, 'Arrest028': 30})
  assert (found.num_videos, found.num_boxes, found.shared_frames) == (1, 1, 0.5)
  assert found.mean_iou == found.mean_iou_of_videos == pytest.approx(0.5)
  assert found.mean_s_loc == pytest.approx(9 * 0.5 / 17)
  nothing = rules.measure_agreement(*tables, {})
  assert nothing.num_videos == 0 and np.isnan(nothing.mean_iou)


@pytest.mark.skipif(not _UCF_CRIME.exists(), reason='needs the published files')
def test_the_shipped_list_and_the_table_are_what_the_command_makes(tmp_path):
  done = subprocess.run(
      [sys.executable, '-m', 'tfds_builders.st_ucf_crime.rebuild', f'--lists={_UCF_CRIME}',
       f'--out={tmp_path}/splits.csv'],
      cwd=_REPOSITORY, capture_output=True, text=True, check=True,
  )
  folder = _REPOSITORY / 'tfds_builders' / 'st_ucf_crime'
  assert (tmp_path / 'splits.csv').read_bytes() == (folder / 'splits.csv').read_bytes()
  (line,) = [line for line in done.stdout.splitlines() if line.startswith('test videos')]
  assert line.split()[2:] == ['140', '3089', '0.996', '0.532', '0.496', '0.377']
  assert '| 140 | 3089 | 0.996 | **0.532** | 0.496 | 0.377 |' in (folder / 'README.md').read_text()


def test_the_command_tells_faults_in_one_line(tmp_path):
  done = subprocess.run(
      [sys.executable, '-m', 'tfds_builders.st_ucf_crime.rebuild', f'--lists={tmp_path}'],
      cwd=_REPOSITORY, capture_output=True, text=True, check=False,
  )
  assert done.returncode == 2 and done.stderr.startswith('error: ')
  assert 'train_list_with_frame_counts.txt' in done.stderr and 'Traceback' not in done.stderr
