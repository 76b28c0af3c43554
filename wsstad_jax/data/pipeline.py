"""From a prepared folder to batches."""

from collections.abc import Collection
import os

import grain
import numpy as np
import tensorflow_datasets as tfds

from wsstad_jax.core.errors import UserError
from wsstad_jax.data import bags

_READING = grain.ReadOptions(num_threads=2, prefetch_buffer_size=2)  # batches


class BagSource:
  """The bags of one split of a prepared folder, in their fixed order on disk."""

  def __init__(self, folder: str, split: str, keys: Collection[str] | None = None):
    """Opens a split.

    Args:
      folder: what `tfds_builders.prepare` returned.
      split: 'train', 'validation' or 'test', or a part: 'test[:10]'.
      keys: what is to be read of each bag; None for all.

    Raises:
      UserError: there is no prepared data in the folder, or no such split.
    """
    if not os.path.exists(os.path.join(folder, 'dataset_info.json')):
      raise UserError(f'{folder} holds no prepared data; make it with --mode=prepare.')
    builder = tfds.builder_from_directory(folder)
    if split.split('[')[0] not in builder.info.splits:
      raise UserError(
          f'{folder} has no split {split!r}, but {", ".join(builder.info.splits) or "none"}.'
      )
    self._keys = set(builder.info.features) if keys is None else set(keys)
    unread = {key: tfds.decode.SkipDecoding() for key in builder.info.features.keys() - self._keys}
    self._examples = builder.as_data_source(split, decoders=unread)

  def __len__(self) -> int:
    return len(self._examples)

  def __getitem__(self, index: int) -> bags.Bag:
    example = self._examples[index]
    return {
        key: example[key].decode() if isinstance(example[key], bytes) else example[key]
        for key in sorted(self._keys)
    }


class TrainBags:
  """What training needs of its bags, in their order on disk."""

  def __init__(self, folder: str, instances: str = 'all'):
    """Opens the training split; `instances` is `config.instances`."""
    self.folder = folder
    self._source = BagSource(folder, 'train', bags.MODEL_KEYS)
    self._instances = instances

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, number: int) -> bags.Bag:
    return bags.select_instances(self._source[number], self._instances)

  @property
  def num_bytes(self) -> int:
    """Of all of them in memory."""
    return len(self) * sum(value.nbytes for value in self[0].values())

  def read(self) -> bags.Bag:
    """Returns all of them as arrays [n, ...], never a second time in memory."""
    stacked = {
        key: np.empty((len(self), *value.shape), value.dtype) for key, value in self[0].items()
    }
    for number in range(len(self)):
      for key, value in self[number].items():
        stacked[key][number] = value
    return stacked


def create_train_iterator(
    source: TrainBags, *, bags_per_label: int, seed: int, numbers_only: bool = False
) -> grain.DatasetIterator:
  """Returns an endless stream of batches of `bags.MODEL_KEYS`, [2 * bags_per_label, ...].

  Positive bags come first, then as many negative ones. Each label is shuffled anew
  whenever all its bags have been seen. The position of the iterator can be saved
  (`grain.checkpoint.CheckpointSave`); it continues exactly. With `numbers_only` a batch is the
  {'number': int} of its bags in `source`, in the same order; their positions are the same too.

  Raises:
    UserError: the training split lacks a label.
  """
  folder = source.folder
  labels = np.array([bag['label'] for bag in iterate(BagSource(folder, 'train', ('label',)))])

  def read(number):
    return {'number': number} if numbers_only else source[number]

  def batches(label):
    indices = np.flatnonzero(labels == label).tolist()
    if not indices:
      raise UserError(f'the training split of {folder} has no video of label {label}.')
    dataset = grain.MapDataset.source(indices).seed(seed + label).shuffle().repeat()
    return dataset.map(read).batch(bags_per_label)

  pairs = grain.MapDataset.mix([batches(1), batches(0)]).batch(2)  # takes turns
  return iter(pairs.map(_join).to_iter_dataset(_READING))


def iterate(source: BagSource):
  """Yields the bags in order."""
  return (source[index] for index in range(len(source)))


def _join(pair):
  """Makes [2, n, ...] to [2 n, ...]."""
  return {key: value.reshape(-1, *value.shape[2:]) for key, value in pair.items()}
