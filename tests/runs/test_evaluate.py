"""Tests of an evaluation from scored bags to its files, without a trained model."""

import json

import ml_collections
import numpy as np
import pytest

from wsstad_jax.core.records import NO_PLACE_XYXY, TubeKind
from wsstad_jax.runs import evaluate
from wsstad_jax.runs import scoring
from wsstad_jax.runs.score_files import score_files

_CONFIG = ml_collections.FrozenConfigDict({
    'method': 'mgpr', 'seed': 0, 'data': {'name': 'made_up'},
    'evaluate': {'num_pictures': 0, 'odds_ratio': 1.0, 'retrieval': 'score'},
})


def make_bag(number):
  """Returns a bag of two instances, 0:20 and 20:40, of one tube; odd numbers are abnormal."""
  rng = np.random.default_rng(number)
  boxes_xyxy = np.tile(np.float32([4, 8, 24, 30.3]), (40, 1))
  label = number % 2
  return {
      'video_id': f'video <{number}>',
      'video_path': f'/videos/{number}.mp4',
      'category': 'crash' * label,
      'label': np.int32(label),
      'num_frames': np.int32(50),
      'frames_per_second': np.float32(25),
      'width': np.int32(64),
      'height': np.int32(48),
      'region_features': rng.normal(size=(3, 4)).astype(np.float16),
      'image_features': rng.normal(size=(3, 4)).astype(np.float16),
      'trajectory_features': np.zeros((3, 8), np.float16),
      'tube_mask': np.array([True, True, False]),
      'tube_spans': np.int32([[0, 20], [20, 40], [0, 0]]),
      'tube_kinds': np.int32([TubeKind.UNARY] * 3),
      'tube_sources': np.int32([0, 0, -1]),
      'source_kinds': np.int32([TubeKind.UNARY]),
      'source_spans': np.int32([[0, 40]]),
      'source_boxes_xyxy': boxes_xyxy,
      'truth_spans': np.int32([[20, 45]] * label).reshape(-1, 2),
      'truth_boxes_xyxy': boxes_xyxy[: 25 * label],
      'detected_frames': np.arange(50) < 40,
  }


def make_scores(bag, seed):
  rng = np.random.default_rng([seed, int(bag['label'])])
  tube = np.array([0.2, 0.3 + 0.4 * bag['label']]) + rng.uniform(0, 0.1, 2)
  return scoring.Scores((tube + 0.5) / 2, tube, np.full(2, 0.5))


@pytest.fixture
def run_evaluation(monkeypatch):
  """Returns a function that evaluates six made-up videos in a folder."""
  def run(workdir, seed=0, bags_folder='bags', change_fn=lambda bag: bag, **arguments):
    workdir.mkdir(exist_ok=True)
    bags = [change_fn(make_bag(number)) for number in range(6)]
    monkeypatch.setattr(
        scoring, 'restore_score_fn',
        lambda *_: lambda chosen: ((bag, make_scores(bag, seed)) for bag in chosen),
    )
    monkeypatch.setattr(evaluate.pipeline, 'BagSource', lambda folder, split: bags)
    monkeypatch.setattr(evaluate.pipeline, 'iterate', iter)
    return evaluate.evaluate(_CONFIG, str(workdir), str(bags_folder), **arguments)

  return run


def test_the_figures_stand_beside_those_of_the_paper(run_evaluation, tmp_path, capsys):
  metrics = run_evaluation(tmp_path / 'run')
  # The second half is found: of the detected frames 20:40 of the event all of them.
  assert metrics['vauc'] == metrics['miou'] == metrics['iou@0.5'] == 100.0
  assert metrics['miou_all_frames'] == pytest.approx(100 * 20 / 25)
  assert metrics['method'] == 'mgpr' and metrics['upper_bound']['miou'] == 100.0
  assert {'proposals', 'linear_probe', 'random'} <= metrics.keys()
  assert metrics['intervals']['miou'] == {'low': 100.0, 'high': 100.0}
  assert metrics['frame_auc'] >= metrics['intervals']['frame_auc']['low']
  printed = capsys.readouterr().out
  assert 'Upper bound' in printed and 'frame_auc_within' in printed and 'report.html' in printed
  assert (tmp_path / 'run' / 'report.html').exists()


def test_the_files_score_the_same_without_the_bags(run_evaluation, tmp_path):
  metrics = run_evaluation(tmp_path / 'run')
  found = score_files(*(str(tmp_path / 'run' / name) for name in (
      'predictions.json', 'ground_truth.json')))['figures']
  for name, bounds in metrics['intervals'].items():
    assert found[name] == {'value': metrics[name], **bounds}, name


def test_the_difference_to_another_run(run_evaluation, tmp_path, capsys):
  run_evaluation(tmp_path / 'other', seed=1)
  run_evaluation(tmp_path / 'run', against=str(tmp_path / 'other'))
  differences = json.loads((tmp_path / 'run' / 'differences.json').read_text())
  assert differences['against'] == str(tmp_path / 'other')
  assert differences['figures']['miou'] == {
      'value': 0.0, 'low': 0.0, 'high': 0.0, 'probability': 0.5
  }
  assert 'not told apart' in capsys.readouterr().out


def test_evaluating_again_writes_the_same(run_evaluation, tmp_path):
  names = ('metrics.json', 'videos.json', 'predictions.json', 'ground_truth.json')
  written = []
  for _ in range(2):
    run_evaluation(tmp_path / 'run')
    written.append([(tmp_path / 'run' / name).read_bytes() for name in names])
  assert written[0] == written[1]


def without_truth(bag):
  return bag | {'truth_spans': np.zeros((0, 2), np.int32),
                'truth_boxes_xyxy': np.zeros((0, 4), np.float32)}


def test_without_true_boxes_nothing_is_said_of_places(run_evaluation, tmp_path, capsys):
  metrics = run_evaluation(tmp_path / 'run', change_fn=without_truth)
  assert metrics['vauc'] == 100.0
  for name in ('miou', 'iou@0.1', 'miou_all_frames', 'frame_auc', 'tiou', 'rbdc', 'tbdc'):
    assert metrics[name] is None, name
  assert metrics['upper_bound']['miou'] is None and metrics['random']['iou@0.5'] is None
  assert metrics['linear_probe'] == {'region': None, 'image': None}
  assert list(metrics['proposals']) == ['instances']
  videos = json.loads((tmp_path / 'run' / 'videos.json').read_text())
  assert [video['s_loc'] for video in videos] == [0.0, None] * 3
  assert [video['s_loc_upper_bound'] for video in videos] == [0.0, None] * 3
  printed = capsys.readouterr().out
  (row,) = [line for line in printed.splitlines() if line.startswith('mgpr')]
  assert row.split() == ['mgpr', '100.00', *'-----']
  assert 'IoU is not measurable' in printed and 'nan' not in printed
  assert 'nan' not in (tmp_path / 'run' / 'report.html').read_text().lower()


def test_videos_with_true_boxes_count_and_others_do_not(run_evaluation, tmp_path):
  everything = run_evaluation(tmp_path / 'all')
  some = run_evaluation(
      tmp_path / 'some',
      change_fn=lambda bag: without_truth(bag) if bag['video_id'] == 'video <3>' else bag,
  )
  for name in ('miou', 'iou@0.5', 'miou_all_frames'):
    assert some[name] == pytest.approx(everything[name]), name  # all are found equally well
  assert some['upper_bound'] == pytest.approx(everything['upper_bound'])


def test_events_without_a_place_are_measured_in_time_alone(run_evaluation, tmp_path):
  def timed(bag):
    places = {key: np.tile(np.float32(NO_PLACE_XYXY), (len(bag[key]), 1))
              for key in ('truth_boxes_xyxy', 'source_boxes_xyxy')}
    return bag | places

  metrics = run_evaluation(tmp_path / 'run', change_fn=timed)
  assert metrics['miou'] is metrics['rbdc'] is metrics['tiou'] is None
  assert metrics['frame_auc'] == run_evaluation(tmp_path / 'placed')['frame_auc']
  assert metrics['proposals'].keys() == {'best_part_with_true_boxes', 'top1_at_event', 'instances'}
  # Its files score the same without the bags.
  found = score_files(*(str(tmp_path / 'run' / name) for name in (
      'predictions.json', 'ground_truth.json')))['figures']
  assert found['miou']['value'] is None
  assert found['frame_auc']['value'] == metrics['frame_auc']


def test_what_is_left_out_of_the_data_set_is_told(run_evaluation, tmp_path, capsys):
  assert run_evaluation(tmp_path / 'run')['left_out'] == {'num_videos': 0, 'reasons': {}}
  assert 'left out' not in capsys.readouterr().out
  (tmp_path / 'left_out.json').write_text('{"a": "a.mp4: it is no video"}')
  metrics = run_evaluation(tmp_path / 'run', bags_folder=tmp_path)
  assert metrics['left_out'] == {'num_videos': 1, 'reasons': {'a': 'a.mp4: it is no video'}}
  assert '1 videos of the data set are left out' in capsys.readouterr().out
