"""Motion and a network together: what the network does not know still moves."""

from collections.abc import Iterable
import dataclasses

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections
from wsstad_jax.detections.detectors import Found, MotionDetector
from wsstad_jax.detections.onnx_detector import OnnxDetector


@dataclasses.dataclass(frozen=True)
class CombinedDetector:
  """Finds what moves and what a network knows, in one pass over the frames.

  Attributes:
    motion: the one detector.
    network: the other one.
    duplicate_overlap: a box of motion that has at least this IoU with one of the network is the
      same object and left out, for the network's fits better.
  """

  motion: MotionDetector
  network: OnnxDetector
  duplicate_overlap: float = 0.5

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes of both detectors; in a frame those of the network come first.

    Raises:
      UserError: the model of the network cannot be used.
    """
    found = Found()
    moving = self.motion.detect(self.network.watch(frames, found))
    return unite(found.detections(), moving, duplicate_overlap=self.duplicate_overlap)


def unite(first: Detections, second: Detections, *, duplicate_overlap: float) -> Detections:
  """Returns all of `first` and what `second` has besides.

  Args:
    first: of one video.
    second: of the same video.
    duplicate_overlap: IoU from which a box of `second` is one of `first` in the same frame.
  """
  edges = np.searchsorted(first.frames, [second.frames, second.frames + 1])  # [2, n]
  is_new = np.array([
      not (boxes.iou(first.boxes_xyxy[low:high], box[None]) >= duplicate_overlap).any()
      for low, high, box in zip(*edges, second.boxes_xyxy)
  ], bool)
  frames = np.concatenate([first.frames, second.frames[is_new]])
  order = np.argsort(frames, kind='stable')
  return Detections(
      frames=frames[order],
      boxes_xyxy=np.concatenate([first.boxes_xyxy, second.boxes_xyxy[is_new]])[order],
      scores=np.concatenate([first.scores, second.scores[is_new]])[order],
  )
