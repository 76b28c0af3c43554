"""Tests of config: ranges, and run folders that are refused."""

import json

import pytest

from configs import base
from wsstad_jax.core import config as config_lib
from wsstad_jax.core.errors import UserError


def test_the_defaults_are_valid():
  config_lib.checked(base.get_config())


def test_all_faults_are_told_at_once():
  config = base.get_config()
  config.model.relation = 'magic'
  config.loss.terms = ('rank', 'mg_rank')
  config.model.dropout_rate = 1.5
  config.train.num_steps = 0
  with pytest.raises(UserError) as caught:
    config_lib.checked(config)
  message = str(caught.value)
  for fault in ('model.relation', 'rank and mg_rank', 'model.dropout_rate', 'train.num_steps'):
    assert fault in message


def test_options_name_a_method_and_a_size():
  config = base.apply_options(base.get_config(), 'full,mgpr', sizes=('full',))
  assert (config.data.size, config.name, config.method) == ('full', 'base-full', 'mgpr')


def test_a_method_brings_its_own_knobs():
  config = base.apply_options(base.get_config(), 'dmrm')
  assert (config.method, config.learner) == ('dmrm', 'baselines.dmrm')
  assert (config.train.learning_rate, config.baseline.sparsity) == (0.01, 8e-5)
  assert 'sparsity' not in base.get_config().baseline


def test_an_unknown_option_lists_what_there_is():
  with pytest.raises(UserError, match='methods mgpr, .* and the sizes full'):
    base.apply_options(base.get_config(), 'fast', sizes=('full',))


def test_one_method_does_not_stand_on_another():
  with pytest.raises(UserError, match='of mgpr_plus already, which cannot become dmrm'):
    base.apply_options(base.get_config(), 'mgpr_plus,dmrm')


@pytest.mark.parametrize('ratio, told', [(0.0, 'not in'), (1.5, 'not in'), (0.5, None), (1.0, None)])
def test_a_ratio_of_odds_is_at_most_1(ratio, told):
  config = base.get_config()
  config.evaluate.odds_ratio = ratio
  if told:
    with pytest.raises(UserError, match=f'evaluate.odds_ratio={ratio} is {told}'):
      config_lib.checked(config)
  else:
    config_lib.checked(config)


def test_a_folder_of_another_config_is_refused_with_the_differences(tmp_path):
  config = base.get_config()
  with config_lib.open_workdir(str(tmp_path), config, mode='train'):
    pass
  config.seed = 7
  with pytest.raises(UserError, match='seed: 0 there, 7 here') as caught:
    config_lib.check_workdir(str(tmp_path), config, mode='train')
  assert 'remove' not in str(caught.value)


def test_what_changes_no_result_may_change(tmp_path):
  config = base.get_config()
  with config_lib.open_workdir(str(tmp_path), config, mode='train'):
    pass
  config.data.num_processes = 7
  config.compare.num_seeds = 3
  config_lib.check_workdir(str(tmp_path), config, mode='train')


def test_a_folder_in_use_is_refused(tmp_path):
  config = base.get_config()
  with config_lib.open_workdir(str(tmp_path), config, mode='train'):
    with pytest.raises(UserError, match='in use'):
      with config_lib.open_workdir(str(tmp_path), config, mode='train'):
        pass


@pytest.mark.parametrize('mode', ['evaluate', 'predict'])
def test_reading_a_run_that_is_not_there_is_refused(tmp_path, mode):
  with pytest.raises(UserError, match='holds no trained run'):
    config_lib.check_workdir(str(tmp_path / 'nothing'), base.get_config(), mode=mode)


def test_a_run_tells_what_it_was_made_with(tmp_path):
  for _ in range(2):
    with config_lib.open_workdir(str(tmp_path), base.get_config(), mode='train'):
      pass
  lines = (tmp_path / 'provenance.jsonl').read_text().splitlines()
  assert len(lines) == 2
  record = json.loads(lines[0])
  assert record['mode'] == 'train' and record['versions']['jax'] and record['devices']
  assert json.loads((tmp_path / 'config.json').read_text())['train.learning_rate'] == 5e-4
