"""Tests of an evaluation from scored bags to its files, without a trained model."""

import json

import ml_collections
import numpy as np
import pytest

from wsstad_jax.core.records import TubeKind
from wsstad_jax.runs import evaluate
from wsstad_jax.runs import scoring
from wsstad_jax.runs.score_files import score_files

_CONFIG = ml_collections.FrozenConfigDict({
    'method': 'mgpr', 'seed': 0, 'data': {'name': 'made_up'}, 'evaluate': {'num_pictures': 0},
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
  def run(workdir, seed=0, **arguments):
    workdir.mkdir(exist_ok=True)
    bags = [make_bag(number) for number in range(6)]
    monkeypatch.setattr(
        scoring, 'restore_score_fn',
        lambda *_: lambda chosen: ((bag, make_scores(bag, seed)) for bag in chosen),
    )
    monkeypatch.setattr(evaluate.pipeline, 'BagSource', lambda folder, split: bags)
    monkeypatch.setattr(evaluate.pipeline, 'iterate', iter)
    return evaluate.evaluate(_CONFIG, str(workdir), 'bags', **arguments)

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
