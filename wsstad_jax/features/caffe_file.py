"""Weights of a Caffe model, read from the wire format of protocol buffers.

Only the few fields that hold weights are looked at, so no schema has to be compiled. Fields
are numbered as in the two `caffe.proto` of Tran's C3D, v1.0 (2014) and v1.1 (2017).
"""

from collections.abc import Iterator

import numpy as np

_LAYERS_V1, _LAYERS = 2, 100  # of NetParameter
_NAME_AND_BLOBS = {_LAYERS_V1: (4, 6), _LAYERS: (1, 7)}  # of a layer of either kind


def read_blobs(path: str) -> dict[str, np.ndarray]:
  """Returns 'conv1a.weight', 'conv1a.bias' ... of all layers that have weights.

  Shapes are [out, in, t, h, w] for convolutions, [out, in] for dense layers.

  Raises:
    OSError, ValueError: the file cannot be read or is no Caffe model.
  """
  with open(path, 'rb') as file:
    content = memoryview(file.read())
  arrays = {}
  for number, layer in _iterate_fields(content):
    if number not in _NAME_AND_BLOBS or not isinstance(layer, memoryview):
      continue
    name_number, blobs_number = _NAME_AND_BLOBS[number]
    fields = list(_iterate_fields(layer))
    names = [bytes(value).decode() for number, value in fields if number == name_number]
    blobs = [_read_blob(value) for number, value in fields if number == blobs_number]
    for part, blob in zip(('weight', 'bias'), blobs):
      arrays[f'{names[0]}.{part}'] = blob
  if not arrays:
    raise ValueError('no layer in it has weights')
  return arrays


def _read_blob(message: memoryview) -> np.ndarray:
  """Returns the array of a BlobProto without its leading axes of size 1."""
  fields = dict(_iterate_fields(message))
  if isinstance(fields.get(5), memoryview):  # v1.1: 5 is the data, 7 the shape
    data, shape = fields[5], _packed_varints(dict(_iterate_fields(fields[7]))[1])
  else:  # v1.0: num, channels, length, height, width, data
    data, shape = fields.get(6, b''), [fields.get(number, 1) for number in range(1, 6)]
  while len(shape) > 1 and shape[0] == 1:
    shape = shape[1:]
  return np.frombuffer(data, '<f4').reshape(shape)


def _iterate_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
  """Yields number and value of each field: an integer, or the bytes of anything else."""
  position = 0
  while position < len(message):
    tag, position = _read_varint(message, position)
    kind = tag & 7
    if kind == 0:
      value, position = _read_varint(message, position)
    else:
      length = {1: 8, 5: 4}.get(kind)
      if kind == 2:
        length, position = _read_varint(message, position)
      if length is None or position + length > len(message):
        raise ValueError(f'byte {position} of a message is none of a Caffe model')
      value, position = message[position : position + length], position + length
    yield tag >> 3, value


def _packed_varints(packed: memoryview) -> list[int]:
  values, position = [], 0
  while position < len(packed):
    value, position = _read_varint(packed, position)
    values.append(value)
  return values


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
  """Returns an integer, seven bits a byte, low bits first, and the position after it."""
  value = shift = 0
  while position < len(message) and shift < 70:
    byte = message[position]
    value |= (byte & 127) << shift
    position, shift = position + 1, shift + 7
    if byte < 128:
      return value, position
  raise ValueError(f'no integer ends at byte {position} of a message')
