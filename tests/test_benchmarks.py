"""Tests that the benchmarks run, at a size that says nothing about speed, and what they print."""

import json
import sys

import pytest

from benchmarks import __main__ as tables
from benchmarks import c3d
from benchmarks import measure
from benchmarks import metrics
from benchmarks import scaling
from benchmarks import train_step


@pytest.mark.parametrize('benchmark, argument', [(c3d, '--net=tiny'), (train_step, '--size=tiny')])
@pytest.mark.filterwarnings('default')  # of peers
def test_a_benchmark_compares_and_records(benchmark, argument, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(
      sys, 'argv', ['benchmark', argument, f'--out={tmp_path}', '--sample=0.001', '--rounds=1']
  )
  benchmark.main()  # ends the program if a result is wrong
  (path,) = tmp_path.glob('*_tiny_cpu.json')
  record = json.loads(path.read_text(encoding='utf-8'))
  ours = record['contenders']['JAX float32']
  assert ours['ours'] and ours['error'] < 1e-4
  assert ours['lowest'] <= ours['rate'] <= ours['highest']
  assert ours['share_of_ceiling'] == pytest.approx(
      ours['rate'] * record['flops'] / record['units'] / record['ceilings']['float32']
  )
  assert measure.create_table(record) in capsys.readouterr().out


def test_c3d_has_the_operations_that_its_authors_layers_have():
  # conv1a alone: 2 * 27 * 3 * 64 for each of 16 * 112 * 112 positions.
  by_hand = 2 * 27 * 16 * 112**2 * (
      3 * 64 + 64 * 128 / 4 + (128 + 256) * 256 / 32 + (256 + 512) * 512 / 256
      + 2 * 512 * 512 / 2048
  ) + 2 * 8192 * 4096
  assert c3d.count_flops(1.0, 112) == pytest.approx(by_hand)


def test_growth_is_recorded_point_by_point(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(scaling, '_FEATURE_DIM', 16)
  monkeypatch.setattr(scaling, '_POINTS', {'videos': (20,), 'tubes': (5, 10)})
  measured = []

  def measure_point(key, arguments):
    measured.append(key)
    arguments.point = key
    return scaling.work_on(arguments) | {'peak_mib': 300}

  monkeypatch.setattr(scaling, 'measure_point', measure_point)
  plot = tmp_path / 'plot.png'
  for parts in ('tubes', 'videos,tubes'):  # the second run adds what the first has not
    options = [f'--parts={parts}', f'--out={tmp_path}', f'--plot={plot}']
    monkeypatch.setattr(sys, 'argv', ['scaling', *options])
    scaling.main()
  assert measured == ['tubes=5', 'tubes=10', 'videos=20']
  record = json.loads((tmp_path / 'scaling_cpu.json').read_text(encoding='utf-8'))
  assert {'pack', 'read', 'validate'} < record['points']['videos=20']['worked_seconds'].keys()
  assert '| tubes 10 | a step of each branch' in capsys.readouterr().out
  assert plot.read_bytes().startswith(b'\x89PNG')


def test_metrics_are_those_of_plain_loops(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(sys, 'argv', ['metrics', '--detections=20000', f'--out={tmp_path}'])
  metrics.main()
  assert '| RBDC and TBDC |' in capsys.readouterr().out
  record = json.loads((tmp_path / 'metrics_cpu.json').read_text(encoding='utf-8'))
  assert all(0 < found['mean'] < 1 for found in record['metrics'].values())
  monkeypatch.setattr(metrics, 'plain_tube_scores', lambda videos: [0.5])
  with pytest.raises(RuntimeError, match='S_loc of every tube'):
    metrics.time_metrics(1000)


def test_all_records_are_printed(capsys):
  tables.main()
  printed = capsys.readouterr().out
  for path in measure.RESULTS.glob('*.json'):
    record = json.loads(path.read_text(encoding='utf-8'))
    assert (record.get('title') or record['video']) in printed
