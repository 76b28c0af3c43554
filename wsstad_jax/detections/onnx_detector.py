"""A detector that runs an object detection network from an ONNX file."""

from collections.abc import Iterable, Iterator, Mapping
import collections
import dataclasses
import functools
import multiprocessing
import os
from typing import Any

import cv2
import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections
from wsstad_jax.detections.detectors import Found

LAYOUTS = """
  [b, cells, 5 + k]     YOLOX as it is exported: offset and log size in cells of 8, 16 and 32
                        pixels, objectness, probabilities of k classes
  [b, 4 + k, n]         YOLOv8 and later without suppression: centre, size, scores of k classes
  [b, n, 6]             x_min, y_min, x_max, y_max, score, class (exports with suppression)
  boxes [b, n, 4], scores [b, n], classes or labels [b, n]     by these names; b may be absent
  dets [b, n, 5], labels [b, n]                                by these names (MMDeploy)
all in pixels of the network's input, which is one float image [b, 3, h, w]."""

_PADDING = 114  # grey, as YOLOX and its successors were trained with
_STRIDES = (8, 16, 32)  # pixels a cell
_MAX_CANDIDATES = 1000  # a frame
_PROVIDERS = ('CUDAExecutionProvider', 'ROCMExecutionProvider', 'CPUExecutionProvider')


@dataclasses.dataclass(frozen=True)
class OnnxDetector:
  """Finds objects of some classes with a network trained by others.

  Frames are shrunk or enlarged to the network's input, with their proportions, and padded at
  the right and the bottom. `LAYOUTS` lists the outputs that are understood.

  Attributes:
    model: the ONNX file.
    classes: numbers of the classes to keep; all if empty. The default are COCO's person,
      bicycle, car, motorcycle, bus and truck.
    min_score: what scores less is left out.
    max_overlap: of two boxes with a larger IoU the one that scores less is left out, whatever
      their classes, for tubes have none.
    batch_size: frames a call, where the model leaves it open.
    input_size: pixels, sides of the input where the model leaves them open.
    channels: order of colours that the network expects, 'bgr' or 'rgb'.
    mean: subtracted from colours 0..255, in the order of `channels`.
    deviation: colours are divided by it then; 255 makes them 0..1.
  """

  model: str = ''
  classes: tuple[int, ...] = (0, 1, 2, 3, 5, 7)
  min_score: float = 0.2
  max_overlap: float = 0.6
  batch_size: int = 8
  input_size: int = 640
  channels: str = 'bgr'
  mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
  deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes of objects.

    Raises:
      UserError: the model is missing, broken or of a layout that is not known.
    """
    found = Found()
    collections.deque(self.watch(frames, found), maxlen=0)
    return found.detections()

  def watch(self, frames: Iterable[np.ndarray], found: Found) -> Iterator[np.ndarray]:
    """Yields the frames as they are, and meanwhile adds what is in each to `found`."""
    modified = os.path.getmtime(self.model) if os.path.exists(self.model) else 0.0
    network = open_network(self.model, modified, self.input_size, self.batch_size)
    waiting = []
    for frame in frames:
      waiting.append(self._to_input(frame, network))
      yield frame
      if len(waiting) == network.batch_size:
        self._detect_batch(waiting, network, found)
        waiting = []
    if waiting:
      self._detect_batch(waiting, network, found)

  def _to_input(self, frame: np.ndarray, network: 'Network'):
    """Returns float32 [3, h, w], the scale from the frame to it, and the frame's size (x, y)."""
    height, width = frame.shape[:2]
    scale = min(network.height / height, network.width / width)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    padded = np.full((network.height, network.width, 3), _PADDING, np.uint8)
    padded[: size[1], : size[0]] = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    if self.channels == 'bgr':
      padded = padded[..., ::-1]
    image = np.ascontiguousarray(padded.transpose(2, 0, 1)).astype(np.float32)
    image -= np.float32(self.mean)[:, None, None]
    image /= np.float32(self.deviation)[:, None, None]
    return image, scale, (width, height)

  def _detect_batch(self, waiting: list, network: 'Network', found: Found) -> None:
    images = np.stack([image for image, _, _ in waiting])
    for (_, scale, size), *objects in zip(waiting, *network.run(images)):
      boxes_xyxy, scores, classes = objects
      keep = scores >= self.min_score
      if self.classes:
        keep &= np.isin(classes, self.classes)
      boxes_xyxy = boxes.clip(boxes_xyxy[keep] / np.float32(scale), *size)
      scores = scores[keep]
      rows = [row for row in suppress(boxes_xyxy, scores, self.max_overlap)
              if boxes.area(boxes_xyxy[row]) > 0]
      found.add(boxes_xyxy[rows], np.clip(scores[rows], 0, 1))


@dataclasses.dataclass(frozen=True)
class Network:
  """A model that is ready to run on images of one size."""

  session: Any  # onnxruntime.InferenceSession
  batch_size: int
  height: int
  width: int

  def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns boxes_xyxy [b, n, 4], scores [b, n] and classes [b, n] of images [b, 3, h, w].

    Raises:
      ValueError: the outputs have none of the known layouts.
    """
    (image,) = self.session.get_inputs()
    filled = np.zeros((self.batch_size, *images.shape[1:]), np.float32)  # one shape for all calls
    filled[: len(images)] = images
    arrays = self.session.run(None, {image.name: filled})
    names = [output.name.lower() for output in self.session.get_outputs()]
    parts = _parse(dict(zip(names, arrays)), self.height, self.width)
    return tuple(part[: len(images)].astype(np.float32) for part in parts)


@functools.lru_cache(maxsize=1)
def open_network(path: str, modified: float, input_size: int, batch_size: int) -> Network:
  """Returns the network of a file, after a trial; it is opened once for all videos.

  Args:
    path: the ONNX file.
    modified: its time, so that another file of the same name is opened anew.
    input_size: pixels, for sides that the model leaves open.
    batch_size: if the model leaves it open.

  Raises:
    UserError: the file is missing or broken, or the network is no detector of a known layout.
  """
  # Imported here, because it takes a while and other detectors do without.
  import onnxruntime  # pylint: disable=g-import-not-at-top

  del modified
  if not path:
    raise UserError('config.detector.onnx.model is empty; give --config.detector.onnx.model=FILE, '
                    'an object detector in ONNX format.')
  if not os.path.isfile(path):
    raise UserError(f'config.detector.onnx.model={path} is not there.')
  options = onnxruntime.SessionOptions()
  options.log_severity_level = 3  # errors, which are raised as well
  if multiprocessing.parent_process():
    options.intra_op_num_threads = 1  # the processes already share the cores
  available = onnxruntime.get_available_providers()
  providers = [provider for provider in _PROVIDERS if provider in available]
  try:
    session = onnxruntime.InferenceSession(path, options, providers=providers)
  except Exception as error:  # those of onnxruntime have no other class in common
    raise UserError(f'config.detector.onnx.model={path} cannot be opened: {error}. Check that it '
                    'is a whole ONNX file.') from error
  try:
    (image,) = session.get_inputs()
    if image.type != 'tensor(float)':
      raise ValueError(f'its input is a {image.type}')
    batch, channels, height, width = image.shape
    if channels != 3:
      raise ValueError(f'its input has {channels} channels')
    sides = (side if isinstance(side, int) else input_size for side in (height, width))
    network = Network(session, batch if isinstance(batch, int) else batch_size, *sides)
    network.run(np.zeros((1, 3, network.height, network.width), np.float32))
  except Exception as error:
    described = [
        f'{tensor.name} {tensor.shape} {tensor.type}'
        for tensor in (*session.get_inputs(), *session.get_outputs())
    ]
    raise UserError(
        f'config.detector.onnx.model={path} is no detector of a known layout ({error}). It has '
        f'{", ".join(described)}; known are{LAYOUTS}'
    ) from error
  return network


def suppress(boxes_xyxy: np.ndarray, scores: np.ndarray, max_overlap: float) -> list[int]:
  """Returns the rows of boxes [n, 4] that overlap no better one too much, best first."""
  order = np.argsort(-scores, kind='stable')[:_MAX_CANDIDATES]
  overlapping = boxes.pairwise_iou(boxes_xyxy[order], boxes_xyxy[order]) > max_overlap
  keep = np.ones(len(order), bool)
  for row in range(len(order)):
    if keep[row]:
      keep[row + 1 :] &= ~overlapping[row, row + 1 :]
  return order[keep].tolist()


def _parse(outputs: Mapping[str, np.ndarray], height: int, width: int):
  """Returns boxes_xyxy [b, n, 4], scores [b, n] and classes [b, n] of outputs by their names."""
  outputs = dict(outputs)
  if 'classes' in outputs:
    outputs['labels'] = outputs.pop('classes')
  if {'boxes', 'scores', 'labels'} <= outputs.keys():
    parts = [outputs[name] for name in ('boxes', 'scores', 'labels')]
    return [part[None] for part in parts] if parts[0].ndim == 2 else parts
  if {'dets', 'labels'} <= outputs.keys():
    return outputs['dets'][..., :4], outputs['dets'][..., 4], outputs['labels']
  rows = next(iter(outputs.values()))
  if len(outputs) > 1 or rows.ndim != 3:
    raise ValueError('its outputs have other names or shapes')
  if rows.shape[2] == 6:
    return rows[..., :4], rows[..., 4], rows[..., 5]
  cells = [(height // stride, width // stride, stride) for stride in _STRIDES]
  if rows.shape[1] == sum(h * w for h, w, _ in cells) and rows.shape[2] > 5:
    corners = np.concatenate([np.indices((w, h)).T.reshape(-1, 2) for h, w, _ in cells])
    strides = np.concatenate([np.full((h * w, 1), stride) for h, w, stride in cells])
    centres, sizes = (rows[..., :2] + corners) * strides, np.exp(rows[..., 2:4]) * strides
    scores = rows[..., 4:5] * rows[..., 5:]
  elif 4 < rows.shape[1] < rows.shape[2]:
    rows = rows.transpose(0, 2, 1)
    centres, sizes, scores = rows[..., :2], rows[..., 2:4], rows[..., 4:]
  else:
    raise ValueError(f'its output has the shape {rows.shape}')
  boxes_xyxy = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=-1)
  return boxes_xyxy, scores.max(-1), scores.argmax(-1)
