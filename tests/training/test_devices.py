"""Tests of devices."""

import jax
import numpy as np

from wsstad_jax.training import devices


def test_batches_are_divided_over_the_mesh():
  mesh = devices.create_mesh()
  batch = {'x': np.arange(8 * 3).reshape(8, 3), 'label': np.arange(8)}
  placed = devices.shard(batch, mesh)
  np.testing.assert_array_equal(placed['x'], batch['x'])
  assert placed['x'].sharding.spec == jax.sharding.PartitionSpec('data')


def test_bags_that_are_kept_make_the_same_batches():
  mesh = devices.create_mesh()
  bags = {'x': np.arange(20 * 3).reshape(20, 3), 'label': np.arange(20)}
  numbers = np.array([3, 3, 19, 0, 7, 1, 2, 4])
  placed = devices.shard({key: array[numbers] for key, array in bags.items()}, mesh)
  taken = devices.keep(bags, mesh)(numbers)
  for key, array in placed.items():
    np.testing.assert_array_equal(taken[key], array)
    assert taken[key].sharding == array.sharding and taken[key].dtype == array.dtype


def test_a_device_tells_its_memory_and_a_processor_does_not(monkeypatch):
  assert devices.memory_bytes() == 8 * 2**30

  class Gpu:
    memory_stats = lambda self: {'bytes_in_use': 5, 'bytes_limit': 60 * 2**30}

  monkeypatch.setattr(jax, 'local_devices', lambda: [Gpu()])
  assert devices.memory_bytes() == 60 * 2**30
