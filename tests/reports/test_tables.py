"""Tests of the tables of results and of metrics.json."""

import json

import numpy as np

from wsstad_jax.metrics import summary
from wsstad_jax.reports import tables


def make_figures(vauc, miou):
  return {'vauc': vauc, 'miou': miou, 'iou@0.1': 40.0, 'iou@0.2': 30.0, 'iou@0.3': 20.0,
          'iou@0.5': 0.0}


RESULTS = make_figures(91.234, 7.5) | {
    'random': make_figures(50.0, 1.0), 'upper_bound': make_figures(100.0, 18.62)
}


def test_text_table():
  assert tables.format_text('MGPR', RESULTS).splitlines() == [
      'Method         VAUC  IoU@0.1  IoU@0.2  IoU@0.3  IoU@0.5   MIoU',
      '--------------------------------------------------------------',
      'Random        50.00    40.00    30.00    20.00     0.00   1.00',
      'Upper bound  100.00    40.00    30.00    20.00     0.00  18.62',
      'MGPR          91.23    40.00    30.00    20.00     0.00   7.50',
  ]


def test_markdown_table():
  lines = tables.format_markdown('MGPR', RESULTS).splitlines()
  assert lines[0] == '| Method | VAUC | IoU@0.1 | IoU@0.2 | IoU@0.3 | IoU@0.5 | MIoU |'
  assert lines[1] == '| --- | ---: | ---: | ---: | ---: | ---: | ---: |'
  assert lines[-1] == '| MGPR | 91.23 | 40.00 | 30.00 | 20.00 | 0.00 | 7.50 |'
  assert len(lines) == 5


def test_beside_the_paper_on_its_data():
  table = tables.beside_paper('stil', RESULTS, data='stra')
  assert [row['cells'][0] for row in table['rows']] == [
      'Random', 'Upper bound', 'stil', 'paper, STRA: Random', 'paper, STRA: stil',
      'paper, STRA: Upper bound',
  ]
  assert [row['ours'] for row in table['rows']] == [False, False, True, False, False, False]
  assert table['rows'][4]['cells'][1:] == ['91.23', '15.87', '12.70', '-', '-', '5.19']


def test_beside_the_paper_on_other_data_with_a_method_of_ours():
  table = tables.beside_paper('urdmu', RESULTS, data='synthetic_traffic')
  assert [row['cells'][0] for row in table['rows']][3:] == [
      f'paper, {data}: {row}' for data in ('STRA', 'ST-UCF-Crime')
      for row in ('Random', 'mgpr', 'Upper bound')
  ]
  assert 'other videos' in table['note']
  yardstick = tables.beside_paper('random', RESULTS, data='stra')
  assert len(yardstick['rows']) == len({row['cells'][0] for row in yardstick['rows']})


def test_metrics_file(tmp_path):
  path = tmp_path / 'metrics.json'
  tables.write_metrics(str(path), RESULTS, split='test', method='mgpr')
  assert json.loads(path.read_text()) == RESULTS | {'split': 'test', 'method': 'mgpr'}


def test_undefined_figures(tmp_path):
  normal = summary.VideoResult(0, np.array([0.5]), np.array([]))
  figures = summary.summarize([normal])
  assert tables.format_text('MGPR', figures).splitlines()[-1].split() == ['MGPR'] + ['-'] * 6

  path = tmp_path / 'metrics.json'
  tables.write_metrics(str(path), figures, split='test', method='mgpr')

  def refuse(constant):
    raise AssertionError(f'{constant} is no JSON')

  content = json.loads(path.read_text(), parse_constant=refuse)
  assert content['vauc'] is None
  assert content['random']['miou'] is None
  assert content['upper_bound']['vauc'] == 100
