"""Arrays on all devices: states on each of them, batches divided among them."""

from collections.abc import Callable, Mapping
import functools
from typing import Any

import jax
from jax import sharding
import numpy as np


def create_mesh() -> sharding.Mesh:
  """Returns all devices in one row, the axis 'data'."""
  return sharding.Mesh(jax.devices(), ('data',))


def memory_bytes() -> int:
  """Returns how much memory JAX may use of a device, or 8 GiB where none is told, as of a CPU."""
  told = jax.local_devices()[0].memory_stats() or {}
  return told.get('bytes_limit', 8 * 2**30)


def replicate(state: Any, mesh: sharding.Mesh) -> Any:
  """Puts a whole tree of arrays on every device."""
  return jax.device_put(state, sharding.NamedSharding(mesh, sharding.PartitionSpec()))


def shard(batch: Mapping[str, np.ndarray], mesh: sharding.Mesh) -> dict[str, jax.Array]:
  """Puts a batch on the devices, divided along its first axis over the mesh axis 'data'.

  Every process holds the whole batch and hands its own devices their parts.
  """
  place = sharding.NamedSharding(mesh, sharding.PartitionSpec('data'))
  return {
      key: jax.make_array_from_process_local_data(place, value, value.shape)
      for key, value in batch.items()
  }


def keep(
    bags: Mapping[str, np.ndarray], mesh: sharding.Mesh
) -> Callable[[np.ndarray], dict[str, jax.Array]]:
  """Puts bags, arrays [n, ...], on every device.

  Returns:
    What makes of numbers, int [b], the batch of these bags, as `shard` would place it.
  """
  divided = sharding.NamedSharding(mesh, sharding.PartitionSpec('data'))

  @functools.partial(jax.jit, out_shardings=divided)
  def take(kept, numbers):
    return {key: array[numbers] for key, array in kept.items()}

  kept = replicate(bags, mesh)
  return lambda numbers: take(kept, numbers)
