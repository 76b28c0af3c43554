"""Tests of ONNX detectors, on small models that the tests write, and on YOLOX where it is."""

import pathlib

import numpy as np
import pytest

from wsstad_jax.core import boxes
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections
from wsstad_jax.detections import combined
from wsstad_jax.detections import detectors
from wsstad_jax.detections.onnx_detector import OnnxDetector, suppress
from wsstad_jax.video import decode

_SHARED = pathlib.Path(__file__).parents[3] / 'shared'
_FLOAT, _INT64 = 1, 7


def _varint(value):
  head, rest = value & 127, value >> 7
  return bytes([head | 128]) + _varint(rest) if rest else bytes([head])


def message(*fields):
  """Returns the fields (number, integer, text or bytes) as a protocol buffer message."""
  parts = []
  for number, value in fields:
    if isinstance(value, int):
      parts += [_varint(number << 3), _varint(value)]
    else:
      value = value.encode() if isinstance(value, str) else value
      parts += [_varint(number << 3 | 2), _varint(len(value)), value]
  return b''.join(parts)


def _value(name, shape, kind):
  dims = [(1, message((1, d) if isinstance(d, int) else (2, d))) for d in shape]
  tensor = message((1, kind), (2, message(*dims)))
  return message((1, name), (2, message((1, tensor))))


def _constant(name, array):
  kind = _INT64 if array.dtype == np.int64 else _FLOAT
  dims = [(1, size) for size in array.shape]
  return message(*dims, (2, kind), (8, name), (9, array.tobytes()))


def write_model(path, nodes, constants, outputs, shape=('b', 3, 32, 32), kind=_FLOAT):
  """Writes a model of nodes (kind, inputs, output); its input is 'images'."""
  parts = [
      (1, message(*((1, name) for name in inputs), (2, output), (4, operation)))
      for operation, inputs, output in nodes
  ]
  parts += [(2, 'graph'), *((5, _constant(*item)) for item in constants.items())]
  parts.append((11, _value('images', shape, kind)))
  parts += [(12, _value(name, sizes, kind)) for name, (sizes, kind) in outputs.items()]
  path.write_bytes(message((1, 8), (7, message(*parts)), (8, message((2, 13)))))
  return str(path)


def write_fixed(path, outputs, **more):
  """Writes a model that always gives the same outputs, for a batch of one."""
  nodes = [('Identity', [f'{name}_value'], name) for name in outputs]
  constants = {f'{name}_value': array for name, array in outputs.items()}
  kinds = {
      name: (array.shape, _INT64 if array.dtype == np.int64 else _FLOAT)
      for name, array in outputs.items()
  }
  return write_model(path, nodes, constants, kinds, **{'shape': (1, 3, 32, 32)} | more)


# A box for each channel, if the image has it: x_min, y_min, x_max, y_max, score, class.
ROWS = np.float32([[2, 2, 10, 10, 0.9, 0], [12, 2, 20, 8, 0.8, 2], [4, 16, 30, 30, 0.7, 5]])


def write_color_detector(path, **more):
  """Writes a model that finds the box of `ROWS` for each channel that is 1 somewhere."""
  nodes = [
      ('GlobalMaxPool', ['images'], 'colors'),
      ('Reshape', ['colors', 'columns'], 'column'),
      ('Mul', ['column', 'rows'], 'found'),
  ]
  constants = {'columns': np.array([0, 3, 1]), 'rows': ROWS[None]}
  outputs = {'found': (('b', 3, 6), _FLOAT)}
  return write_model(path, nodes, constants, outputs, **more)


def plain(*color, height=32, width=32):
  return np.full((height, width, 3), color, np.uint8)


def detect(path, frames, **settings):
  settings = {'channels': 'rgb', 'deviation': (255.0,) * 3} | settings
  return OnnxDetector(model=path, **settings).detect(iter(frames))


@pytest.mark.parametrize('batch_size', [1, 2, 8])
@pytest.mark.parametrize('shape', [('b', 3, 32, 32), (3, 3, 32, 32), ('b', 3, 'h', 'w')])
def test_frames_keep_their_boxes_whatever_the_batch(tmp_path, batch_size, shape):
  path = write_color_detector(tmp_path / 'm.onnx', shape=shape)
  frames = [plain(255, 0, 0), plain(0, 0, 0), plain(0, 255, 255), plain(0, 0, 0), plain(0, 0, 255)]
  found = detect(path, frames, batch_size=batch_size, input_size=32)
  assert found.frames.tolist() == [0, 2, 2, 4] and found.frames.dtype == np.int32
  np.testing.assert_array_equal(found.boxes_xyxy, ROWS[[0, 1, 2, 2], :4])
  np.testing.assert_allclose(found.scores, [0.9, 0.8, 0.7, 0.7])


def test_boxes_are_in_pixels_of_the_frame_and_cut_to_it(tmp_path):
  path = write_color_detector(tmp_path / 'm.onnx')
  found = detect(path, [plain(255, 255, 255, height=40, width=64)])  # shrunk to 20 by 32
  np.testing.assert_array_equal(
      found.boxes_xyxy, [[4, 4, 20, 20], [24, 4, 40, 16], [8, 32, 60, 40]]
  )


def test_colors_are_given_as_the_network_expects_them(tmp_path):
  path = write_color_detector(tmp_path / 'm.onnx')
  red = [plain(255, 0, 0)]
  assert detect(path, red, channels='rgb').scores == pytest.approx([0.9])
  assert detect(path, red, channels='bgr').scores == pytest.approx([0.7])
  found = detect(path, red, mean=(0.0, -255.0, 0.0))
  np.testing.assert_allclose(found.scores, [0.9, 0.8])


def test_classes_and_scores_are_chosen(tmp_path):
  path = write_color_detector(tmp_path / 'm.onnx')
  white = [plain(255, 255, 255)]
  assert len(detect(path, white, classes=(2,))) == 1
  assert len(detect(path, white, classes=())) == 3
  assert len(detect(path, white, classes=(7,))) == 0
  np.testing.assert_allclose(detect(path, white, min_score=0.75).scores, [0.9, 0.8])


def test_of_overlapping_boxes_the_best_is_kept():
  # IoU of the first two 80 / 120, of the first and the third 60 / 140.
  three = np.float32([[0, 0, 10, 10], [2, 0, 12, 10], [4, 0, 14, 10]])
  assert suppress(three, np.float32([0.5, 0.9, 0.4]), 0.6) == [1]
  assert suppress(three, np.float32([0.9, 0.8, 0.4]), 0.6) == [0, 2]  # 1 is gone and strikes none
  assert suppress(three, np.float32([0.9, 0.8, 0.4]), 0.7) == [0, 1, 2]
  assert suppress(three[:0], np.float32([]), 0.5) == []


def _yolox_rows(height, width, cell, row):
  rows = np.zeros((1, sum((height // s) * (width // s) for s in (8, 16, 32)), 7), np.float32)
  rows[0, cell] = row
  return rows


LAYOUTS = {
    # Cell 16 + 3 is row 1, column 1 of stride 16: centre (24, 20), sizes 8 and 16; 0.8 * 0.5.
    'yolox': {'output': _yolox_rows(32, 32, 19, [0.5, 0.25, np.log(0.5), 0, 0.8, 0.1, 0.5])},
    'yolov8': {'output0': np.pad(
        np.float32([[[24], [20], [8], [16], [0.1], [0.4]]]), ((0, 0), (0, 0), (3, 7)))},
    'rows': {'output': np.float32([[[20, 12, 28, 28, 0.4, 1], [0, 0, 9, 9, 0.01, 1]]])},
    'named': {'boxes': np.float32([[[20, 12, 28, 28]]]), 'scores': np.float32([[0.4]]),
              'classes': np.array([[1]])},
    'named, no batch': {'labels': np.array([1]), 'boxes': np.float32([[20, 12, 28, 28]]),
                        'scores': np.float32([0.4])},
    'mmdeploy': {'dets': np.float32([[[20, 12, 28, 28, 0.4]]]), 'labels': np.array([[1]])},
}


@pytest.mark.parametrize('outputs', LAYOUTS.values(), ids=LAYOUTS)
def test_each_layout_is_read(tmp_path, outputs):
  path = write_fixed(tmp_path / 'm.onnx', outputs)
  found = detect(path, [plain(0, 0, 0)] * 2, classes=(1,))
  assert found.frames.tolist() == [0, 1]
  np.testing.assert_allclose(found.boxes_xyxy, [[20, 12, 28, 28]] * 2, rtol=1e-5)
  np.testing.assert_allclose(found.scores, 0.4, rtol=1e-6)
  assert not len(detect(path, [plain(0, 0, 0)], classes=(0,)))


def test_cells_of_yolox_lie_row_by_row(tmp_path):
  # 32 by 64: 4 x 8 cells of 8 pixels; number 11 is row 1, column 3.
  outputs = {'output': _yolox_rows(32, 64, 11, [0.5, 0.5, 0, 0, 1, 1, 0])}
  path = write_fixed(tmp_path / 'm.onnx', outputs, shape=(1, 3, 32, 64))
  found = detect(path, [plain(0, 0, 0, width=64)])
  np.testing.assert_allclose(found.boxes_xyxy, [[24, 8, 32, 16]])


def test_files_that_are_no_detectors_are_refused(tmp_path):
  (tmp_path / 'broken.onnx').write_bytes(b'not a model')
  whole = pathlib.Path(write_color_detector(tmp_path / 'whole.onnx')).read_bytes()
  (tmp_path / 'cut.onnx').write_bytes(whole[: len(whole) // 2])
  (tmp_path / 'folder.onnx').mkdir()
  write_fixed(tmp_path / 'classifier.onnx', {'logits': np.zeros((1, 1000), np.float32)})
  write_fixed(tmp_path / 'two.onnx', {'a': np.zeros((1, 2), 'f4'), 'c': np.zeros((1, 2), 'f4')})
  write_fixed(tmp_path / 'grey.onnx', {'a': np.zeros((1, 2, 6), 'f4')}, shape=(1, 1, 32, 32))
  write_fixed(tmp_path / 'integers.onnx', {'a': np.zeros((1, 2, 6), 'f4')}, kind=_INT64)
  for name, told in {
      'missing.onnx': 'missing.onnx is not there', 'folder.onnx': 'folder.onnx is not there',
      'broken.onnx': 'cannot be opened', 'cut.onnx': 'cannot be opened',
      'classifier.onnx': r'its outputs have other .* logits \[1, 1000\].*YOLOX as it is exported',
      'two.onnx': 'its outputs have other names or shapes', 'grey.onnx': 'input has 1 channels',
      'integers.onnx': r'its input is a tensor\(int64\)',
  }.items():
    with pytest.raises(UserError, match=f'(?s)detector.onnx.model=.*{told}'):
      detect(str(tmp_path / name), [plain(0, 0, 0)])
  with pytest.raises(UserError, match='--config.detector.onnx.model=FILE'):
    detect('', [plain(0, 0, 0)])


def test_another_model_under_the_same_name_is_opened(tmp_path):
  first = np.float32([[[1, 2, 3, 4, 1, 0]]])
  path = write_fixed(tmp_path / 'm.onnx', {'a': first})
  assert detect(path, [plain(0, 0, 0)]).boxes_xyxy.tolist() == [[1, 2, 3, 4]]
  write_fixed(tmp_path / 'm.onnx', {'a': first + 1})
  assert detect(path, [plain(0, 0, 0)], classes=()).boxes_xyxy.tolist() == [[2, 3, 4, 5]]


def test_no_frames_are_refused(tmp_path):
  path = write_color_detector(tmp_path / 'm.onnx')
  with pytest.raises(ValueError, match='no frames'):
    detect(path, [])


def test_of_two_detectors_no_object_is_had_twice():
  first = Detections(np.int32([0, 2]), np.float32([[0, 0, 10, 10], [5, 5, 9, 9]]),
                     np.float32([0.5, 0.6]))
  second = Detections(  # IoU 0.9, elsewhere, of another frame, 0.4
      np.int32([0, 0, 1, 2]),
      np.float32([[0, 0, 10, 9], [20, 0, 30, 9], [0, 0, 10, 10], [5, 5, 9, 15]]),
      np.float32([0.1, 0.2, 0.3, 0.4]),
  )
  both = combined.unite(first, second, duplicate_overlap=0.5)
  assert both.frames.tolist() == [0, 0, 1, 2, 2]
  np.testing.assert_allclose(both.scores, [0.5, 0.2, 0.3, 0.6, 0.4])
  none = Detections(np.zeros(0, np.int32), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
  for left, right in ((none, second), (second, none)):
    same = combined.unite(left, right, duplicate_overlap=0.5)
    np.testing.assert_array_equal(same.boxes_xyxy, second.boxes_xyxy)
  assert len(combined.unite(none, none, duplicate_overlap=0.5)) == 0


def test_both_detectors_see_the_same_frames_in_one_pass(tmp_path):
  path = write_fixed(tmp_path / 'm.onnx', {'a': np.float32([[[0, 0, 4, 4, 0.5, 0]]])})
  frames = np.full((40, 64, 64, 3), 90, np.uint8)
  for index, frame in enumerate(frames):
    frame[30:50, index : index + 20] = 220
  motion, network = detectors.MotionDetector(warmup_frames=40), OnnxDetector(model=path)
  both = combined.CombinedDetector(motion, network).detect(frame for frame in frames)
  moving = motion.detect(iter(frames))
  still = network.detect(iter(frames))
  assert len(both) == len(moving) + len(still) and len(still) == 40
  assert np.isin(moving.boxes_xyxy, both.boxes_xyxy).all()


@pytest.mark.skipif(not _SHARED.exists(), reason='the real model and video are not here')
def test_yolox_finds_people_in_a_real_video():
  frames = [frame for _, frame in zip(range(61), decode.iterate_frames(
      _SHARED / 'data/ped2_dev/anomalous/test01.mp4'))]
  found = OnnxDetector(model=str(_SHARED / 'models/yolox_nano.onnx')).detect(frames[-1:])
  assert len(found) >= 10
  bicycle = np.float32([[0, 95, 23, 128]])  # of frame 60 in boxes.csv
  assert boxes.iou(found.boxes_xyxy, bicycle).max() > 0.3
  sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
  assert (sides[:, 1] > sides[:, 0]).mean() > 0.7  # people stand
