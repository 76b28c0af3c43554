"""Tests of the import of C3D from files of torch, Keras and Caffe made here."""

import collections
import io
import os
import pickle
import types
import zipfile

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
import h5py
import jax
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.features import c3d_import
from wsstad_jax.features import weights
from wsstad_jax.models import c3d
from wsstad_jax.runs.import_c3d import import_c3d

_NET = c3d.C3D(width=1 / 32)
_LAYERS = ('conv1', 'conv2', 'conv3a', 'conv3b', 'conv4a', 'conv4b', 'conv5a', 'conv5b')


def create_arrays():
  """Returns random weights by the names and in the layout of c3d.pickle, fc7 and fc8 too."""
  rng = np.random.default_rng(0)
  sizes = (3, 2, 4, 8, 8, 16, 16, 16, 16)
  arrays = {}
  for layer, inputs, outputs in zip(_LAYERS, sizes, sizes[1:]):
    arrays[f'{layer}.weight'] = rng.standard_normal((outputs, inputs, 3, 3, 3))
    arrays[f'{layer}.bias'] = rng.standard_normal(outputs)
  for layer, inputs, outputs in (('fc6', 16 * 4 * 4, 128), ('fc7', 128, 64), ('fc8', 64, 7)):
    arrays[f'{layer}.weight'] = rng.standard_normal((outputs, inputs))
    arrays[f'{layer}.bias'] = rng.standard_normal(outputs)
  return {name: array.astype('<f4') for name, array in arrays.items()}


# torch: records that pickle to what torch writes.


class _Storage:

  def __init__(self, array, key):
    self.array, self.key = array, key


class _Tensor:

  def __init__(self, array, key):
    self.array, self.key = array, key

  def __reduce__(self):
    # The transposed array in memory, as torch keeps a transposed tensor.
    storage = _Storage(self.array.T.ravel(), self.key)
    steps = tuple(reversed([step // 4 for step in np.zeros(self.array.T.shape, 'f4').strides]))
    return _named('torch._utils', '_rebuild_tensor_v2'), (
        storage, 0, self.array.shape, steps, False, collections.OrderedDict()
    )


def _named(module, name):
  function = types.FunctionType((lambda: None).__code__, {})
  function.__module__, function.__qualname__ = module, name
  return function


class _TorchPickler(pickle._Pickler):  # pylint: disable=protected-access

  dispatch = dict(pickle._Pickler.dispatch)  # pylint: disable=protected-access

  def save_function(self, function):
    self.write(f'c{function.__module__}\n{function.__qualname__}\n'.encode())

  dispatch[types.FunctionType] = save_function

  def persistent_id(self, obj):
    if isinstance(obj, _Storage):
      self.storages[obj.key] = obj.array
      return 'storage', _named('torch', 'FloatStorage'), obj.key, 'cpu', obj.array.size, *self.tail
    return None


def _pickled(content, tail=()):
  file = io.BytesIO()
  pickler = _TorchPickler(file, 2)
  pickler.storages, pickler.tail = {}, tail
  pickler.dump(content)
  return file.getvalue(), pickler.storages


def _tensors(arrays):
  return collections.OrderedDict(
      (name, _Tensor(array, str(number))) for number, (name, array) in enumerate(arrays.items())
  )


def write_torch(path, arrays):
  content, storages = _pickled({'epoch': 3, 'state_dict': _tensors(arrays)})
  with zipfile.ZipFile(path, 'w') as archive:
    archive.writestr('archive/data.pkl', content)
    for key, array in storages.items():
      archive.writestr(f'archive/data/{key}', array.tobytes())


def write_legacy_torch(path, arrays):
  content, storages = _pickled(_tensors(arrays), (None,))
  with open(path, 'wb') as file:
    for part in (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}):
      file.write(pickle.dumps(part, 2))
    file.write(content + pickle.dumps(list(storages), 2))
    for array in storages.values():
      file.write(np.int64(array.size).tobytes() + array.tobytes())


def write_keras_tensorflow(path, arrays):
  with h5py.File(path, 'w') as file:
    for name, array in arrays.items():
      layer, part = name.split('.')
      if array.ndim == 5:
        array = array.transpose(2, 3, 4, 1, 0)
      elif layer == 'fc6' and array.ndim == 2:
        array = array.reshape(-1, 16, 4, 4).transpose(2, 3, 1, 0).reshape(256, -1)
      elif array.ndim == 2:
        array = array.T
      file[f'model_weights/{layer}/{layer}/{"kernel" if part == "weight" else "bias"}:0'] = array
    file['optimizer_weights/conv1/kernel:0'] = np.zeros(3)


def write_keras_theano(path, arrays, mirrored=(-3, -2, -1)):
  with h5py.File(path, 'w') as file:
    for name, array in arrays.items():
      layer, part = name.split('.')
      array = np.flip(array, mirrored) if array.ndim == 5 else array.T
      file[f'{layer}/{layer}_{"W" if part == "weight" else "b"}'] = array


def write_numbered_keras(path, arrays):
  numbers = dict(zip((*_LAYERS, 'fc6', 'fc7', 'fc8'), (0, 2, 4, 5, 7, 8, 10, 11, 15, 17, 19)))
  with h5py.File(path, 'w') as file:
    for name, array in arrays.items():
      layer, part = name.split('.')
      array = np.flip(array, (-2, -1)) if array.ndim == 5 else array.T
      file[f'layer_{numbers[layer]}/param_{int(part == "bias")}'] = array
    file.create_group('layer_1')


# Caffe: messages by the protobuf library, from the numbers of the fields.
_V1_0 = {
    'Net': [('name', 1, 's'), ('layers', 2, 'Layer')],
    'Layer': [('name', 4, 's'), ('bottom', 2, 's'), ('blobs', 6, 'Blob'), ('lr', 7, 'f')],
    'Blob': [('num', 1, 'i'), ('channels', 2, 'i'), ('length', 3, 'i'), ('height', 4, 'i'),
             ('width', 5, 'i'), ('data', 6, 'f')],
}
_V1_1 = {
    'Net': [('name', 1, 's'), ('layers', 100, 'Layer')],
    'Layer': [('name', 1, 's'), ('type', 2, 's'), ('blobs', 7, 'Blob')],
    'Blob': [('data', 5, 'f'), ('shape', 7, 'Shape')],
    'Shape': [('dim', 1, 'n')],
}


def _message_class(schema):
  kinds = {'s': 'TYPE_STRING', 'i': 'TYPE_INT32', 'f': 'TYPE_FLOAT', 'n': 'TYPE_INT64'}
  field = descriptor_pb2.FieldDescriptorProto
  file = descriptor_pb2.FileDescriptorProto(name='caffe.proto', package='c', syntax='proto2')
  for message, fields in schema.items():
    described = file.message_type.add(name=message)
    for name, number, kind in fields:
      repeated = kind in ('f', 'n', 'Layer') or name == 'blobs'
      added = described.field.add(name=name, number=number)
      added.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
      added.type = getattr(field, kinds.get(kind, 'TYPE_MESSAGE'))
      if kind not in kinds:
        added.type_name = f'.c.{kind}'
      elif repeated:
        added.options.packed = True
  pool = descriptor_pool.DescriptorPool()
  pool.Add(file)
  return message_factory.GetMessageClass(pool.FindMessageTypeByName('c.Net'))


def write_caffe(path, arrays, schema=_V1_0):
  net = _message_class(schema)(name='DeepNet')
  net.layers.add(name='data')
  for name, array in arrays.items():
    layer, part = name.split('.')
    layer = {'conv1': 'conv1a', 'conv2': 'conv2a'}.get(layer, layer)
    layer = f'{layer}-1' if layer.startswith('fc') else layer
    if part == 'weight':
      message = net.layers.add(name=layer)
    if schema is _V1_0:
      shape = (1,) * (5 - array.ndim) + array.shape
      sides = dict(zip(('num', 'channels', 'length', 'height', 'width'), shape))
      message.blobs.add(data=array.ravel().tolist(), **sides)
    else:
      blob = message.blobs.add(data=array.ravel().tolist())
      blob.shape.dim.extend(array.shape)
  path.write_bytes(net.SerializeToString())


WRITERS = {
    'torch': write_torch,
    'torch, legacy': write_legacy_torch,
    'Keras, TensorFlow': write_keras_tensorflow,
    'Keras, Theano': write_keras_theano,
    'Keras 0.3': write_numbered_keras,
    'Caffe, v1.0': write_caffe,
    'Caffe, v1.1': lambda path, arrays: write_caffe(path, arrays, _V1_1),
}


@pytest.mark.parametrize('write', WRITERS.values(), ids=WRITERS)
def test_each_format_gives_the_same_net(write, tmp_path):
  arrays = create_arrays()
  write(tmp_path / 'weights', arrays)
  params = c3d_import.read_foreign_weights(str(tmp_path / 'weights'), _NET, size=112)
  # The net takes them, and each weight is where it belongs.
  weights.write_weights(str(tmp_path / 'c3d.npz'), params)
  weights.read_weights(str(tmp_path / 'c3d.npz'), _NET, size=112)
  assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(params))
  np.testing.assert_array_equal(params['conv2a']['bias'], arrays['conv2.bias'])
  for index in ((0, 1, 2, 1, 3), (2, 0, 1, 0, 2)):
    t, h, w, inputs, outputs = index
    assert params['conv2a']['kernel'][index] == arrays['conv2.weight'][outputs, inputs, t, h, w]
  # Row of channel 5, height 2, width 3 of 16 x 4 x 4.
  np.testing.assert_array_equal(
      params['fc6']['kernel'][5 * 16 + 2 * 4 + 3], arrays['fc6.weight'][:, 5 * 16 + 2 * 4 + 3]
  )


@pytest.mark.parametrize('write', WRITERS.values(), ids=WRITERS)
def test_all_names_that_do_not_fit_are_listed(write, tmp_path):
  arrays = create_arrays()
  arrays['conv3a.bias'] = np.zeros(9, 'f4')
  arrays['conv5b.bias'][3] = np.nan
  write(tmp_path / 'weights', arrays)
  with pytest.raises(UserError) as caught:
    c3d_import.read_foreign_weights(str(tmp_path / 'weights'), c3d.C3D(width=1 / 16), size=112)
  told = str(caught.value)
  assert 'conv3a.bias has shape (9,), expected (16,)' in told
  assert 'conv1a.weight has shape (2, 3, 3, 3, 3), expected (4, 3, 3, 3, 3)' in told
  with pytest.raises(UserError, match='conv5b.bias has values that are not finite'):
    c3d_import.read_foreign_weights(str(tmp_path / 'weights'), _NET, size=112)


@pytest.mark.parametrize('write', [write_torch, write_keras_tensorflow, write_caffe])
def test_missing_and_extra_names_are_listed(write, tmp_path):
  arrays = create_arrays()
  del arrays['conv4a.weight'], arrays['conv4a.bias']
  arrays['conv9.weight'], arrays['conv9.bias'] = np.zeros((2, 2, 3, 3, 3), 'f4'), np.zeros(2, 'f4')
  write(tmp_path / 'weights', arrays)
  with pytest.raises(UserError) as caught:
    c3d_import.read_foreign_weights(str(tmp_path / 'weights'), _NET, size=112)
  for told in ('conv4a.weight is missing', 'conv4a.bias is missing', 'conv9.bias is not of this'):
    assert told in str(caught.value)
  assert 'fc7' not in str(caught.value)


def test_prefixes_of_parallel_training_are_left_out(tmp_path):
  arrays = {f'module.{name}': array for name, array in create_arrays().items()}
  write_torch(tmp_path / 'weights', arrays)
  c3d_import.read_foreign_weights(str(tmp_path / 'weights'), _NET, size=112)


class _Evil:

  def __reduce__(self):
    return os.system, ('touch stolen',)


def test_a_pickle_cannot_run_code(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with zipfile.ZipFile('weights', 'w') as archive:
    archive.writestr('archive/data.pkl', pickle.dumps({'conv1.weight': _Evil()}, 2))
  with pytest.raises(UserError, match='calls posix.system, which is no part of saved tensors'):
    c3d_import.read_foreign_weights('weights', _NET, size=112)
  assert not os.path.exists('stolen')


def test_a_tensor_cannot_reach_beyond_its_storage(tmp_path):
  arrays = create_arrays()
  content, storages = _pickled(_tensors(arrays))
  with zipfile.ZipFile(tmp_path / 'weights', 'w') as archive:
    archive.writestr('archive/data.pkl', content)
    for key, array in storages.items():
      archive.writestr(f'archive/data/{key}', array[:1].tobytes())
  with pytest.raises(UserError, match='beyond its storage'):
    c3d_import.read_foreign_weights(str(tmp_path / 'weights'), _NET, size=112)


@pytest.mark.parametrize('write', WRITERS.values(), ids=WRITERS)
def test_files_cut_off_anywhere_have_one_message(write, tmp_path):
  path = tmp_path / 'weights'
  write(path, create_arrays())
  whole = path.read_bytes()
  for share in (0.0, 0.001, 0.1, 0.5, 0.9, 0.999):
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match='weights (cannot be read|does not fit)'):
      c3d_import.read_foreign_weights(str(path), _NET, size=112)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
  np.savez(tmp_path / 'ours.npz', a=np.zeros(3))
  (tmp_path / 'text').write_text('weights')
  (tmp_path / 'number').write_bytes(b'')
  with zipfile.ZipFile(tmp_path / 'list', 'w') as archive:
    archive.writestr('archive/data.pkl', pickle.dumps([1, 2], 2))
  with h5py.File(tmp_path / 'h5', 'w') as file:
    file['a/kernel'] = np.zeros((2, 2))
  for name in ('ours.npz', 'text', 'number', 'list', 'h5'):
    with pytest.raises(UserError, match=f'{name} cannot be read as a torch pickle'):
      c3d_import.read_foreign_weights(str(tmp_path / name), _NET, size=112)
  with pytest.raises(UserError, match='nothing is not there'):
    c3d_import.read_foreign_weights(str(tmp_path / 'nothing'), _NET, size=112)


def test_the_mode_writes_nothing_for_a_net_of_another_size(tmp_path):
  write_torch(tmp_path / 'small', create_arrays())
  out = tmp_path / 'c3d.npz'
  with pytest.raises(UserError, match='does not fit C3D .width=1.0, size=112'):
    import_c3d(str(tmp_path / 'small'), str(out))
  with pytest.raises(UserError, match='must end in .npz, or be a folder'):
    import_c3d(str(tmp_path / 'small'), str(tmp_path / 'c3d.pickle'))
  with pytest.raises(UserError, match='is there already'):  # whatever may be in it
    import_c3d(str(tmp_path / 'small'), str(tmp_path))
  assert not out.exists()
