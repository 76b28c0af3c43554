"""Tests of comparisons: figures, differences, and that no finished run is repeated."""

import json

import ml_collections
import numpy as np
import pytest

from configs import base
from configs.tables import common
from wsstad_jax.core.errors import UserError
from wsstad_jax.runs import compare as compare_lib


def create_videos(seed, quality, n=40):
  """Returns videos as videos.json has them, better localized and told for a higher quality."""
  rng = np.random.default_rng(seed)
  videos = []
  for index in range(n):
    label = index % 2
    videos.append({
        'video_id': f'v{index}', 'label': label,
        'score': float(rng.random() / 2 + quality * label / 2),
        's_loc': float(np.clip(quality * label * rng.random(), 0, 1)),
    })
  return videos


def summarize(runs, reference='mgpr'):
  return compare_lib.summarize(
      runs, reference=reference, num_draws=200, confidence=0.95, seed=0
  )


def test_figures_are_those_of_an_evaluation():
  videos = [
      {'video_id': 'a', 'label': 1, 'score': 0.9, 's_loc': 0.4},
      {'video_id': 'b', 'label': 1, 'score': 0.3, 's_loc': 0.15},
      {'video_id': 'c', 'label': 0, 'score': 0.5, 's_loc': 0.0},
  ]
  figures = compare_lib.create_figures(videos)
  found = {name: figure(np.arange(3)) for name, figure in figures.items()}
  assert found == pytest.approx({
      'vauc': 50, 'iou@0.1': 100, 'iou@0.2': 50, 'iou@0.3': 50, 'iou@0.5': 0, 'miou': 27.5,
  })
  assert figures['miou'](np.array([0, 0, 2])) == pytest.approx(40)
  unknown = compare_lib.create_figures([*videos, {'label': 1, 'score': 0.9, 's_loc': None}])
  assert unknown['miou'](np.arange(4)) == pytest.approx(27.5)
  assert np.isnan(unknown['miou'](np.array([2, 3])))


def test_a_difference_is_told_where_it_holds():
  runs = {
      'mgpr': [create_videos(seed, 1.0) for seed in (0, 1)],
      'same': [create_videos(seed, 1.0) for seed in (2, 3)],
      'worse': [create_videos(seed, 0.2) for seed in (4, 5)],
  }
  results = summarize(runs)
  assert 'difference' not in results['mgpr']['miou']
  worse, same = (results[name]['miou']['difference'] for name in ('worse', 'same'))
  assert worse['high'] < 0 and worse['low'] <= worse['value'] <= worse['high']
  assert same['low'] < 0 < same['high']
  for cells in results.values():
    for cell in cells.values():
      assert cell['value'] == pytest.approx(np.mean(cell['seeds']))
      assert cell['low'] <= cell['value'] <= cell['high']


def test_any_method_may_be_the_reference():
  runs = {'mgpr': [create_videos(0, 1.0)], 'ours': [create_videos(1, 0.4)]}
  there, back = (
      summarize(runs, reference)[method]['miou']['difference']
      for reference, method in (('mgpr', 'ours'), ('ours', 'mgpr'))
  )
  assert there['value'] == pytest.approx(-back['value']) and there['value'] < 0
  assert not any('difference' in cell for cell in summarize(runs, 'ours')['ours'].values())
  assert not any('difference' in cell for cell in summarize(runs, 'dmrm')['ours'].values())


def test_other_videos_are_refused():
  with pytest.raises(UserError, match='different test videos'):
    summarize({'mgpr': [create_videos(0, 1.0)], 'dmrm': [create_videos(0, 1.0, n=38)]})


@pytest.mark.parametrize('number', [1, 2, 3, 4, 5])
def test_tables_are_of_a_data_set_and_share_its_runs(number):
  module = __import__(f'configs.tables.table{number}', fromlist=['get_config'])
  config = module.get_config('full')
  assert (config.name, config.data.size, config.compare.table) == ('synthetic-full', 'full', number)
  assert 'mgpr' in config.compare.methods and set(config.compare.methods) <= set(base.METHODS)
  assert module.get_config('stra').data.name == 'stra'
  with pytest.raises(UserError, match='nothing is not known'):
    module.get_config('nothing')


@pytest.fixture
def table(tiny_config):
  config = ml_collections.ConfigDict(tiny_config.to_dict())
  config.train.update(num_steps=2, evaluate_every=2, bags_per_label=2)
  config.compare.update(methods=('random', 'dmrm', 'mgpr'), num_seeds=2, num_draws=20)
  return config


def test_a_comparison_is_resumed_and_repeats_nothing(
    table, tiny_entries, tiny_bags, tmp_path, monkeypatch, capsys
):
  trained = []
  train = compare_lib.train

  def counting_train(config, workdir, prepared):
    if len(trained) == 4:
      trained.append('stopped')
      raise KeyboardInterrupt
    trained.append((config.method, config.seed))
    train(config, workdir, prepared)

  monkeypatch.setattr(compare_lib, 'train', counting_train)

  def run():
    return compare_lib.compare(
        ml_collections.FrozenConfigDict(table), str(tmp_path),
        prepare=lambda config: tiny_bags, apply_method=base.apply_method,
    )

  with pytest.raises(KeyboardInterrupt):
    run()
  assert trained == [('random', 0), ('dmrm', 0), ('mgpr', 0), ('random', 1), 'stopped']
  content = run()
  assert trained[5:] == [('dmrm', 1), ('mgpr', 1)]
  again = run()
  assert len(trained) == 7
  assert again == content
  assert list(content['methods']) and set(content['methods']) == {'random', 'dmrm', 'mgpr'}
  page = (tmp_path / 'table1.md').read_text()
  assert [line.split(' | ')[0] for line in page.splitlines() if line.startswith('| ')] == [
      '| Method', '| ---', '| random', '| dmrm', '| mgpr', '| Method', '| ---', '| random', '| dmrm'
  ]
  assert page in capsys.readouterr().out
  assert content['caution'].startswith('Only ') and content['caution'] in page
  assert json.loads((tmp_path / 'table1.json').read_text()) == content
  assert (tmp_path / 'table1.png').stat().st_size > 0
  report = (tmp_path / 'report.html').read_text()
  assert report.count('<section>') == 1 and report.count('"dmrm-seed1/report.html"') == 1
  order = [report.index(f'<th>{name}</th>') for name in ('VAUC', 'IoU@0.1', 'IoU@0.5', 'MIoU')]
  assert order == sorted(order)
  assert len((tmp_path / 'table1.csv').read_text().splitlines()) == 1 + 3 * 6


def test_runs_of_several_processes_are_those_of_one(
    table, tiny_entries, tiny_bags, tmp_path, capsys
):
  table.compare.update(methods=('random', 'dmrm'))
  contents, prepared = [], []
  for count in (1, 2):
    table.compare.num_processes = count
    contents.append(compare_lib.compare(
        ml_collections.FrozenConfigDict(table), str(tmp_path / str(count)),
        prepare=lambda config: prepared.append(config) or tiny_bags,
        apply_method=base.apply_method,
    ))
  assert contents[0] == contents[1]
  assert len(prepared) == 2  # once for all methods and seeds
  assert 'Testing' in (tmp_path / '2' / 'dmrm-seed1' / 'log.txt').read_text()
  assert not (tmp_path / '1' / 'dmrm-seed1' / 'log.txt').exists()
  shown = capsys.readouterr().err
  assert 'Comparing: 100%' in shown and shown.count('Testing') > 0
  assert shown.index('Comparing') > shown.rindex('Testing')  # the second comparison has one bar


def test_an_unknown_method_is_told_before_the_first_run(table, tmp_path):
  table.compare.methods = ('mgpr', 'magic')
  with pytest.raises(UserError, match="no method 'magic'"):
    compare_lib.compare(
        table, str(tmp_path), prepare=lambda config: pytest.fail('prepared'),
        apply_method=base.apply_method,
    )


def test_a_table_takes_the_options_of_its_data_set():
  config = common.create_table(1, ('mgpr',), 'synthetic,tiny')
  assert (config.name, config.data.size) == ('synthetic-tiny', 'tiny')
