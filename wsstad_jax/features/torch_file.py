"""Tensors of a file written by `torch.save`, read without torch and without running its code.

Such a file holds a pickle, which could call any function. Here it may name what tensors are
made of and nothing else.
"""

import collections
from collections.abc import Mapping
import pickle
from typing import Any, BinaryIO, NamedTuple
import zipfile

import numpy as np

# The pickled number that a file of torch < 1.6 begins with.
LEGACY_START = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19'
ZIP_START = b'PK\x03\x04'


class _Storage(NamedTuple):
  dtype: str
  key: str
  count: int


class _Tensor(NamedTuple):
  storage: _Storage
  offset: int
  size: tuple[int, ...]
  stride: tuple[int, ...]


def _rebuild_tensor(storage, offset, size, stride, *_):
  return _Tensor(storage, offset, size, stride)


def _rebuild_parameter(tensor, *_):
  return tensor


_ALLOWED = {
    ('collections', 'OrderedDict'): collections.OrderedDict,
    ('torch._utils', '_rebuild_tensor'): _rebuild_tensor,
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch._utils', '_rebuild_parameter'): _rebuild_parameter,
    ('torch', 'HalfStorage'): '<f2',
    ('torch', 'FloatStorage'): '<f4',
    ('torch', 'DoubleStorage'): '<f8',
    ('torch', 'LongStorage'): '<i8',
}


class _TensorUnpickler(pickle.Unpickler):
  """Unpickles tensors as records of where their numbers are."""

  def __init__(self, file: BinaryIO):
    super().__init__(file, encoding='utf-8')
    self.storages: dict[str, _Storage] = {}

  def find_class(self, module: str, name: str) -> Any:
    if (module, name) not in _ALLOWED:
      raise ValueError(f'it calls {module}.{name}, which is no part of saved tensors')
    return _ALLOWED[module, name]

  def persistent_load(self, pid: tuple) -> _Storage:
    _, dtype, key, _, count = pid[:5]
    if pid[0] != 'storage' or dtype not in _ALLOWED.values() or any(pid[5:]):
      raise ValueError(f'{pid} is no storage of numbers')
    return self.storages.setdefault(str(key), _Storage(dtype, str(key), int(count)))


def read_tensors(path: str) -> dict[str, np.ndarray]:
  """Returns the tensors of a saved state dict, also of one under the key 'state_dict'.

  The prefix 'module.' of nets that were trained on several GPUs is left out.

  Raises:
    Exception: of many kinds, if the file is broken or holds something else. Its message says
      what is wrong.
  """
  with open(path, 'rb') as file:
    legacy = file.read(len(LEGACY_START)) == LEGACY_START
    file.seek(0)
    content, storages = (_read_legacy if legacy else _read_zip)(file)
  if isinstance(content, Mapping) and isinstance(content.get('state_dict'), Mapping):
    content = content['state_dict']
  if not isinstance(content, Mapping) or not content:
    raise ValueError(f'it holds a {type(content).__name__}, not tensors by name')
  return {
      str(name).removeprefix('module.'): _to_array(tensor, storages)
      for name, tensor in content.items()
      if isinstance(tensor, _Tensor)
  }


def _read_zip(file: BinaryIO) -> tuple[Any, dict[str, np.ndarray]]:
  """Returns the content and the numbers by storage of a file of torch >= 1.6."""
  with zipfile.ZipFile(file) as archive:
    names = [name for name in archive.namelist() if name.endswith('/data.pkl')]
    if len(names) != 1:
      raise ValueError('it is a zip file without data.pkl, so not from torch.save')
    folder = names[0].removesuffix('data.pkl')
    with archive.open(names[0]) as pickled:
      unpickler = _TensorUnpickler(pickled)
      content = unpickler.load()
    return content, {
        key: np.frombuffer(archive.read(f'{folder}data/{key}'), storage.dtype)
        for key, storage in unpickler.storages.items()
    }


def _read_legacy(file: BinaryIO) -> tuple[Any, dict[str, np.ndarray]]:
  """Returns the content and the numbers by storage of a file of torch < 1.6.

  It is a row of pickles (a number, the version, the machine, the content, the keys of the
  storages), then for each key the count of its numbers and the numbers themselves.
  """
  for _ in range(3):
    _TensorUnpickler(file).load()
  unpickler = _TensorUnpickler(file)
  content = unpickler.load()
  storages = {}
  for key in map(str, _TensorUnpickler(file).load()):
    dtype = np.dtype(unpickler.storages[key].dtype)
    count = int(np.frombuffer(file.read(8), '<i8')[0])
    if count != unpickler.storages[key].count:
      raise ValueError(f'storage {key} has another length than announced')
    storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
  return content, storages


def _to_array(tensor: _Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
  """Returns the numbers of a tensor, after a check that all lie inside its storage."""
  numbers = storages[tensor.storage.key]
  shape, steps = map(np.array, (tensor.size, tensor.stride))
  last = tensor.offset + int(np.sum((shape - 1) * steps))
  if min(tensor.offset, *shape, *steps, 0) < 0 or (np.all(shape) and last >= len(numbers)):
    raise ValueError('a tensor reaches beyond its storage')
  return np.lib.stride_tricks.as_strided(
      numbers[tensor.offset :], tensor.size, steps * numbers.itemsize, writeable=False
  )
