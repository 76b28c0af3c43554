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
