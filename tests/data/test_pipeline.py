"""Tests of pipeline."""

import sys

import grain
import numpy as np
import orbax.checkpoint as ocp
import pytest

from tfds_builders import base
from wsstad_jax.core.errors import UserError
from wsstad_jax.data import bags
from wsstad_jax.data import pipeline


def _labels_and_sums(iterator, count):
  batches = [next(iterator) for _ in range(count)]
  return [(b['label'].tolist(), b['region_features'].sum(axis=(1, 2)).tolist()) for b in batches]


def test_bags_come_back_from_disk(tiny_bags, tiny_entries):
  found = list(pipeline.iterate(pipeline.BagSource(tiny_bags, 'train')))
  assert sorted(bag['video_id'] for bag in found) == [f'video_{n}' for n in range(5)]
  labels = {entry.video_id: entry.label for entry in tiny_entries}
  assert all(bag['label'] == labels[bag['video_id']] for bag in found)
  assert all(bag['region_features'].dtype == np.float16 for bag in found)
  assert 'tensorflow' not in sys.modules


def test_only_the_wanted_keys_are_read(tiny_bags):
  source = pipeline.BagSource(tiny_bags, 'test', ('label', 'category'))
  assert len(source) == 2
  assert sorted(map(str, (source[n]['category'] for n in range(2)))) == ['', 'crash']
  assert source[0].keys() == {'label', 'category'}


def test_part_of_a_split(tiny_bags):
  assert len(pipeline.BagSource(tiny_bags, 'train[:2]')) == 2


def test_folder_without_data_and_unknown_split(tiny_bags, tmp_path):
  with pytest.raises(UserError, match='holds no prepared data; make it with --mode=prepare'):
    pipeline.BagSource(str(tmp_path), 'train')
  with pytest.raises(UserError, match="no split 'trial', but train, validation, test"):
    pipeline.BagSource(tiny_bags, 'trial')


def test_batches_hold_positives_first_and_repeat_few_videos(tiny_bags):
  iterator = pipeline.create_train_iterator(pipeline.TrainBags(tiny_bags), bags_per_label=4, seed=0)
  batch = next(iterator)
  assert batch.keys() == set(bags.MODEL_KEYS)
  assert batch['label'].tolist() == [1] * 4 + [0] * 4
  assert batch['region_features'].shape == (8, 12, 256)
  assert batch['region_features'].dtype == np.float16


def test_every_bag_is_seen_once_an_epoch(tiny_bags):
  iterator = pipeline.create_train_iterator(pipeline.TrainBags(tiny_bags), bags_per_label=3, seed=0)
  epochs = [np.sort(next(iterator)['region_features'][3:].sum(axis=(1, 2))) for _ in range(4)]
  assert len(set(epochs[0].tolist())) == 3  # the three negative videos
  assert all((epoch == epochs[0]).all() for epoch in epochs)


def test_order_depends_on_the_seed_alone(tiny_bags):
  def run(seed):
    iterator = pipeline.create_train_iterator(pipeline.TrainBags(tiny_bags), bags_per_label=2, seed=seed)
    return _labels_and_sums(iterator, 6)

  assert run(0) == run(0)
  assert run(0) != run(1)


def test_iterator_continues_from_its_checkpoint(tiny_bags, tmp_path):
  def create():
    return pipeline.create_train_iterator(pipeline.TrainBags(tiny_bags), bags_per_label=2, seed=0)

  straight = _labels_and_sums(create(), 7)
  iterator = create()
  _labels_and_sums(iterator, 3)
  with ocp.CheckpointManager(tmp_path) as manager:
    manager.save(3, args=ocp.args.Composite(data=grain.checkpoint.CheckpointSave(iterator)))
  resumed = create()
  with ocp.CheckpointManager(tmp_path) as manager:
    manager.restore(3, args=ocp.args.Composite(data=grain.checkpoint.CheckpointRestore(resumed)))
  assert _labels_and_sums(resumed, 4) == straight[3:]


def test_numbers_are_those_of_the_bags(tiny_bags):
  source = pipeline.TrainBags(tiny_bags)
  kept = source.read()
  assert kept['region_features'].shape == (5, 12, 256)
  assert source.num_bytes == sum(array.nbytes for array in kept.values())
  whole, numbers = (
      pipeline.create_train_iterator(source, bags_per_label=2, seed=3, numbers_only=only)
      for only in (False, True)
  )
  for _ in range(5):
    batch, rows = next(whole), next(numbers)['number']
    for key, array in batch.items():
      np.testing.assert_array_equal(array, kept[key][rows])


def test_bags_without_multivariate_tubes(tiny_bags):
  source = pipeline.TrainBags(tiny_bags, 'unary')
  assert source.read()['tube_mask'].sum() <= pipeline.TrainBags(tiny_bags).read()['tube_mask'].sum()
  for number, mask in enumerate(source.read()['tube_mask']):
    np.testing.assert_array_equal(mask, source[number]['tube_mask'])


def test_training_without_a_label_is_refused(tiny_config, tiny_builder):
  class OneLabel(tiny_builder, skip_registration=True):
    pkg_dir_path = tiny_builder.pkg_dir_path

    @classmethod
    def list_videos(cls, config, progress):
      return [entry for entry in super().list_videos(config, progress) if not entry.label]

  folder = base.prepare_bags(OneLabel, tiny_config)
  with pytest.raises(UserError, match='has no video of label 1'):
    pipeline.create_train_iterator(pipeline.TrainBags(folder), bags_per_label=2, seed=0)
