"""Tests of base."""

import functools
import glob
import os
import sys

import ml_collections
import numpy as np
import pytest
import tqdm

import tfds_builders
from tfds_builders import base
from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.data import pipeline
from wsstad_jax.features import extraction
from wsstad_jax.runs import prepare

NO_PROGRESS = functools.partial(tqdm.tqdm, disable=True)


def test_bags_on_disk_are_those_of_the_stores(
    tiny_bags, tiny_config, tiny_builder, tiny_entries
):
  folder = tiny_builder.folder(tiny_config)
  videos = prepare.prepare_videos(tiny_entries, tiny_config, folder)
  entries = {entry.video_id: entry for entry in tiny_entries}
  count = 0
  for split in ('train', 'validation', 'test'):
    for found in pipeline.iterate(pipeline.BagSource(tiny_bags, split)):
      expected = videos.create_bag(entries[found['video_id']], tiny_config.bags)
      assert entries[found['video_id']].split == split
      assert found.keys() == expected.keys()
      for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)
      count += 1
  assert count == len(entries)
  assert 'tensorflow' not in sys.modules


def test_train_and_test_are_divided_by_their_own_settings(tiny_bags):
  test, *_ = pipeline.iterate(pipeline.BagSource(tiny_bags, 'test'))
  train, *_ = pipeline.iterate(pipeline.BagSource(tiny_bags, 'train'))

  def part_and_whole_lengths(bag):
    lengths = np.diff(bag['source_spans'])[bag['tube_sources'][bag['tube_mask']], 0]
    return np.diff(bag['tube_spans'][bag['tube_mask']])[:, 0], lengths

  parts, wholes = part_and_whole_lengths(train)
  assert ((parts == wholes) | (parts == 32)).all()  # train_division.part_lengths
  parts, wholes = part_and_whole_lengths(test)
  assert ((parts == wholes) | (np.abs(parts - wholes / 2) <= 0.5)).all()  # even_parts


def test_truth_reaches_test_videos_alone(tiny_bags):
  for split in ('train', 'validation'):
    for bag in pipeline.iterate(pipeline.BagSource(tiny_bags, split)):
      assert not len(bag['truth_spans'])
  tests = pipeline.iterate(pipeline.BagSource(tiny_bags, 'test'))
  spans = [bag['truth_spans'].tolist() for bag in tests]
  assert sorted(spans) == [[], [[20, 32]]]


def test_changed_bags_make_another_folder_and_no_new_features(
    tiny_bags, tiny_config, tiny_builder, monkeypatch
):
  def refuse(*_):
    raise AssertionError('features were extracted again')

  monkeypatch.setattr(extraction, 'create_compute_fn', refuse)
  config = ml_collections.ConfigDict(tiny_config.to_dict())
  config.bags.max_instances = 5
  config.bags.test_division.even_parts = (3,)
  folder = base.prepare_bags(tiny_builder, config)
  assert folder != tiny_bags
  assert all(
      bag['tube_mask'].shape == (5,) for bag in pipeline.iterate(pipeline.BagSource(folder, 'test'))
  )
  assert base.prepare_bags(tiny_builder, tiny_config) == tiny_bags


def test_preparing_again_changes_nothing(tiny_bags, tiny_config, tiny_builder):
  def state():
    return {path: os.stat(path).st_mtime_ns for path in glob.glob(f'{tiny_bags}/*')}

  before = state()
  assert base.prepare_bags(tiny_builder, tiny_config) == tiny_bags
  assert before and state() == before


def test_quiet(tiny_config, tiny_builder, capfd):
  config = ml_collections.ConfigDict(tiny_config.to_dict())
  config.bags.num_videolets = 3
  base.prepare_bags(tiny_builder, config, NO_PROGRESS)
  assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize(
    'name, path', [('stra', 'train.txt'), ('st_ucf_crime', 'liu_ma_test_boxes.pkl')]
)
def test_without_data_the_layout_and_another_command_are_told(tmp_path, name, path):
  config = ml_collections.ConfigDict({'data': {'name': name, 'root': str(tmp_path)}})
  with pytest.raises(UserError) as caught:
    tfds_builders.prepare(config)
  message = str(caught.value)
  assert path in message and f'{tmp_path}/{name} lacks videos/' in message
  assert 'python main.py --config=configs/synthetic.py' in message


def test_only_what_is_missing_is_named(tmp_path):
  (tmp_path / 'videos').mkdir()
  layout = '\n  videos/   the files\n  list.txt  their labels\n'
  with pytest.raises(UserError, match='lacks list.txt. Expected there:\n  videos/'):
    base.check_manual_folder(str(tmp_path), layout)
  (tmp_path / 'list.txt').touch()
  base.check_manual_folder(str(tmp_path), layout)


def test_unknown_data_set(tmp_path):
  config = ml_collections.ConfigDict({'data': {'name': 'other', 'root': str(tmp_path)}})
  with pytest.raises(UserError, match="'other'; there are features_folder, st_ucf_crime, stra, .*, video_folder"):
    tfds_builders.prepare(config)


def test_what_is_left_out_stands_beside_the_bags_until_it_is_mended(
    tiny_config, tiny_builder, tiny_entries, tiny_bags
):
  for faults in ({'x': 'x.mp4: damaged'}, {}):
    prepare.leave_out(
        faults, 9, skip=True, folder=tiny_builder.folder(tiny_config), stage='checking'
    )
    assert base.prepare_bags(tiny_builder, tiny_config, NO_PROGRESS) == tiny_bags
    assert files.read_json(os.path.join(tiny_bags, prepare.LEFT_OUT_FILE)) == faults
