"""Tests of the splits of real video: what is tested when, what is run, and what is told."""

import argparse
import json
import os
import pathlib

import numpy as np
import pytest

from benchmarks import ped2_splits
from tfds_builders.video_folder import video_folder_builder
from wsstad_jax.core.errors import UserError

PED2 = pathlib.Path(__file__).parents[3] / 'shared' / 'data' / 'ped2_dev'


@pytest.fixture(name='data')
def create_data(tmp_path):
  """A folder of 10 normal and 6 anomalous files."""
  for label, count in (('normal', 10), ('anomalous', 6)):
    (tmp_path / 'ped2' / label).mkdir(parents=True)
    for number in range(count):
      (tmp_path / 'ped2' / label / f'{label[0]}{number:02}.mp4').write_text(f'{label}{number}')
  (tmp_path / 'ped2' / 'boxes.csv').write_text('video,frame,x_min,y_min,x_max,y_max\n')
  return tmp_path / 'ped2'


def arguments_of(data, out, **changes):
  return argparse.Namespace(**{
      'data': str(data), 'out': str(out), 'onnx': '', 'kinds': 'motion', 'splits': 3, 'only': None,
      'methods': 'mgpr', 'seeds': 1,
  } | changes)


def test_every_clip_is_tested_once_and_neighbours_together(data, tmp_path):
  roots = ped2_splits.make_splits(data, tmp_path / 'out', 3)
  tested = []
  for root in roots:
    videos = video_folder_builder.list_folder(str(root), validation_share=0.15, test_share=0)
    assert len(videos) == 16
    assert {os.path.realpath(video.path) for video in videos} == {
        str(path) for path in data.rglob('*.mp4')
    }
    tested.append([video.name for video in videos if video.split == 'test'])
    assert (root / 'boxes.csv').exists()
  assert tested[1] == [f'test/anomalous/a0{number}.mp4' for number in (2, 3)] + [
      f'test/normal/n0{number}.mp4' for number in (4, 5, 6)
  ]
  names = [name for part in tested for name in part]
  assert len(names) == len(set(names)) == 16
  assert ped2_splits.make_splits(data, tmp_path / 'out', 3) == roots  # again: nothing is in the way


def test_what_is_computed_of_a_clip_serves_all_splits(data, tmp_path):
  out = tmp_path / 'out'
  first, second = (
      ped2_splits.create_config(root, out) for root in ped2_splits.make_splits(data, out, 2)
  )
  computed = pathlib.Path(video_folder_builder.VideoFolder.folder(first))
  for kind in ('tubes-1', 'features-2'):
    (computed / kind).mkdir(parents=True)
    for name in ('test-anomalous-a00-10.npz', 'anomalous-a05-11.npz', 'anomalous-a05-2-11.npz'):
      (computed / kind / name).write_text(f'{kind} {name}')
  ped2_splits.link_prepared(first, second)
  linked = pathlib.Path(video_folder_builder.VideoFolder.folder(second))
  assert (linked / 'tubes-1' / 'anomalous-a00-10.npz').read_text() == (
      'tubes-1 test-anomalous-a00-10.npz'
  )
  assert (linked / 'features-2' / 'test-anomalous-a05-11.npz').read_text() == (
      'features-2 anomalous-a05-11.npz'
  )
  assert ped2_splits.count_features(out) == 3  # links are not counted


def write_run(workdir, vauc, s_loc):
  workdir.mkdir(parents=True)
  metrics = {'vauc': vauc, 'miou': 100 * s_loc, 'frame_auc': 60.0, 'frame_auc_within': None,
             'upper_bound': {'miou': 50.0}, 'random': {'miou': 5.0},
             'proposals': {'event_boxes_detected': 90.0, 'event_boxes_in_best_tube': 70.0}}
  (workdir / 'metrics.json').write_text(json.dumps(metrics))
  (workdir / 'videos.json').write_text(json.dumps([
      {'video_id': f'a{vauc}', 'label': 1, 's_loc': s_loc, 'score': 0.5 + s_loc / 4},
      {'video_id': f'n{vauc}', 'label': 0, 's_loc': 0.0, 'score': 0.1},
  ]))


def test_each_run_is_made_once_and_told_in_the_table(data, tmp_path, monkeypatch):
  calls, out = [], tmp_path / 'out'

  def call(root, folder, *flags):
    calls.append((root.name, flags))
    if flags[-1] == '--mode=prepare':
      (folder / 'prepared' / root.name / 'features-1').mkdir(parents=True, exist_ok=True)
      (folder / 'prepared' / root.name / 'features-1' / 'a.npz').touch()
    else:
      if len(calls) == 4:
        raise UserError('it was killed')
      assert flags[-4:-1] == (
          '--mode=compare', "--config.compare.methods=('mgpr',)", '--config.compare.num_seeds=1'
      )
      workdir = pathlib.Path(flags[-1].removeprefix('--workdir='))
      write_run(workdir / 'mgpr-seed0', *((100.0, 0.25), (50.0, 0.75))[root.name == '2-1'])

  monkeypatch.setattr(ped2_splits, 'call', call)
  arguments = arguments_of(data, out, splits=2)
  with pytest.raises(UserError, match='killed'):
    ped2_splits.run(arguments, ['--config.train.num_steps=5'])
  ped2_splits.run(arguments, ['--config.train.num_steps=5'])
  trained = [root for root, flags in calls if flags[-1] != '--mode=prepare']
  assert trained == ['2-0', '2-1', '2-1']
  assert all('--config.train.num_steps=5' in flags for _, flags in calls)
  assert all('--config.detector.kind=motion' in flags for _, flags in calls)
  results = json.loads((out / 'ped2.json').read_text())['motion mgpr']
  assert results['miou'] == {'values': [25.0, 75.0], 'mean': 50.0, 'low': 25.0, 'high': 75.0}
  assert results['s_loc'] == results['miou'] | {'videos': ['a100.0', 'a50.0']}
  assert results['seconds_per_video'] >= 0
  row = (out / 'ped2.md').read_text().splitlines()[2]
  assert row.startswith('| motion mgpr | 60.0 (60.0–60.0) | - | 75.0 (50.0–100.0) | 50.0 (25.0–75.0) |')
  ped2_splits.run(arguments, [])
  assert len(calls) == 6


@pytest.mark.parametrize('changes, told', [
    ({'kinds': 'motion,magic'}, '--kinds=motion,magic must name some of'),
    ({'kinds': 'onnx'}, '--onnx=FILE is missing'),
    ({'splits': 7}, 'cannot be divided into 7 splits'),
    ({'splits': 1}, 'cannot be divided into 1 splits'),
    ({'data': '/nowhere'}, '/nowhere cannot be divided'),
])
def test_what_is_missing_is_told(data, tmp_path, changes, told):
  with pytest.raises(UserError, match=told):
    ped2_splits.run(arguments_of(**({'data': data, 'out': tmp_path / 'out'} | changes)), [])


def test_the_best_method_and_the_papers_are_run_if_none_is_named(monkeypatch):
  ran = []
  monkeypatch.setattr(ped2_splits, 'run', lambda arguments, flags: ran.append(arguments.methods))
  monkeypatch.setattr('sys.argv', ['ped2_splits', '--data=PED2', '--out=OUT'])
  ped2_splits.main()
  assert ran == ['mgpr_plus,mgpr']


def test_few_videos_of_all_splits_are_told(tmp_path):
  runs = {}
  for method, s_loc in (('mgpr', 0.25), ('mgpr_plus', 0.5)):
    write_run(tmp_path / method, 50.0, s_loc)
    runs[method] = {0: [tmp_path / method]}
  page = ped2_splits.compare_methods(runs, 'motion')
  assert 'Only 1 abnormal and 1 normal test videos' in page and '**' not in page


def test_a_failed_run_is_told(data, tmp_path, monkeypatch, capfd):
  monkeypatch.setattr(ped2_splits, '_REPOSITORY', tmp_path)  # where there is no main.py
  with pytest.raises(UserError, match='the command above failed'):
    ped2_splits.run(arguments_of(data, tmp_path / 'out'), [])
  assert 'main.py --config=configs/tables/table1.py:video_folder' in capfd.readouterr().out


@pytest.mark.skipif(not PED2.exists(), reason='needs the clips')
def test_the_clips_as_they_are_handed_out_make_splits(tmp_path):
  roots = ped2_splits.make_splits(PED2, tmp_path, 3)
  tests = [sorted(path.name for path in (root / 'test').rglob('*.mp4')) for root in roots]
  assert np.concatenate(tests).size == 16 and tests[0][:2] == ['test01.mp4', 'test03.mp4']
