"""Detectors: from the frames of one video to boxes of its objects."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import cv2
import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections


class Detector(Protocol):
  """Finds objects in the frames of one video; keeps nothing from one video to the next."""

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes in the frames, RGB uint8 [h, w, 3], which are read as a stream."""


@dataclasses.dataclass(frozen=True)
class MotionDetector:
  """Finds what differs from the background of a fixed camera.

  The background is a mixture of Gaussians per pixel (MOG2, Zivkovic 2004, of OpenCV),
  begun with the median of the video's first frames, so that what moves in frame 0 is
  found in frame 0. Each frame's colours are first brought to the light of the background.

  Attributes:
    working_width: pixels; wider frames are shrunk to it, boxes are given in full size.
    warmup_frames: frames buffered for the first background (about 3 s).
    hold_frames: frames for which an object that came to rest is still found.
    variance_threshold: squared distance from the background, in its variances, from
      which a pixel is foreground.
    shadow_ratio: a pixel darkened no further than to this share of the background's
      brightness, at the same colour, is shadow.
    bridge_share: gaps in an object up to this share of the frame's diagonal are closed.
    min_area_share: components covering less of the frame are noise.
    max_foreground_share: a frame that differs in more of its area shows another light,
      not objects, and gives no boxes.
  """

  working_width: int = 320
  warmup_frames: int = 150
  hold_frames: int = 45
  memory_frames: int = 1000
  background_share: float = 0.7
  change: int = 15
  variance_threshold: float = 16.0
  shadow_ratio: float = 0.7
  bridge_share: float = 0.01
  min_area_share: float = 5e-4
  max_foreground_share: float = 0.6

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes of moving objects; a score is the foreground's share of its box."""
    found_frames, found_boxes, found_scores = [], [], []
    for index, mask, scale in self._majority(self._foreground_masks(iter(frames))):
      boxes_xyxy, scores = self._components(mask)
      found_frames.append(np.full(len(scores), index, np.int32))
      found_boxes.append(boxes_xyxy * scale)
      found_scores.append(scores)
    if not found_frames:
      raise ValueError('no frames to detect objects in')
    return Detections(
        frames=np.concatenate(found_frames),
        boxes_xyxy=np.concatenate(found_boxes).astype(np.float32),
        scores=np.concatenate(found_scores).astype(np.float32),
    )

  def _foreground_masks(
      self, frames: Iterator[np.ndarray]
  ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yields (frame index, bool mask [h, w] at working size, full size / working size)."""
    small_frames = map(self._shrunk, frames)
    buffered = list(itertools.islice(small_frames, self.warmup_frames))
    if not buffered:
      return
    sample = [frame for frame, _ in buffered[:: max(1, len(buffered) // 25)]]
    reference = np.median([_sampled(frame) for frame in sample], axis=0)
    sample = [_at_light(frame, reference) for frame in sample]
    background = np.median(sample, axis=0).astype(np.uint8)
    subtractor = cv2.createBackgroundSubtractorMOG2(
        varThreshold=self.variance_threshold, detectShadows=True
    )
    subtractor.setShadowThreshold(self.shadow_ratio)
    subtractor.apply(background, learningRate=1)
    subtractor.setBackgroundRatio(self.background_share)
    reference = reference.copy()
    recent = background
    still = np.zeros(background.shape[:2], np.uint16)
    for index, (frame, scale) in enumerate(itertools.chain(buffered, small_frames)):
      frame = _at_light(frame, reference)
      mask = subtractor.apply(frame, learningRate=1/self.memory_frames) == 255  # 127 marks shadow
      reference += (_sampled(frame) - reference) / self.memory_frames
      changed = cv2.absdiff(frame, recent)
      changed = cv2.max(cv2.max(changed[..., 0], changed[..., 1]), changed[..., 2]) > self.change
      cv2.copyTo(frame, changed.view(np.uint8), recent)
      still[changed | ~mask] = 0
      still += 1
      mask &= still <= self.hold_frames
      yield index, mask & (mask.mean() <= self.max_foreground_share), scale

  def _majority(self, masks):
    from collections import deque
    previous = current = None
    for following in itertools.chain(masks, [None]):
      if current is not None:
        index, mask, scale = current
        before = mask if previous is None else previous[1]
        after = mask if following is None else following[1]
        yield index, (mask & (before | after)) | (before & after), scale
      previous, current = current, following

  def _shrunk(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the frame at working size without pixel noise, and scales [4] for boxes."""
    height, width = frame.shape[:2]
    if width > self.working_width:
      small_height = max(1, round(height * self.working_width / width))
      frame = cv2.resize(frame, (self.working_width, small_height), interpolation=cv2.INTER_AREA)
    scale = np.tile([width / frame.shape[1], height / frame.shape[0]], 2)
    return cv2.GaussianBlur(frame, (3, 3), 0), scale

  def _components(self, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes [n, 4] at working size and scores [n] of the connected components."""
    mask = mask.view(np.uint8)
    speckless = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = round(self.bridge_share * np.hypot(*mask.shape) / 2)
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    bridged = cv2.morphologyEx(speckless, cv2.MORPH_CLOSE, kernel)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bridged, ltype=cv2.CV_16U)
    stats = stats[1:]  # the first component is the background
    stats = stats[stats[:, cv2.CC_STAT_AREA] >= self.min_area_share * mask.size]
    left, top, width, height, area = stats.T
    boxes_xyxy = np.stack([left, top, left + width, top + height], axis=1)
    return boxes_xyxy, area / np.maximum(width * height, 1)


def create_detector(settings: Mapping[str, Any]) -> Detector:
  """Returns the detector of `settings['kind']`, built from the other settings.

  Raises:
    UserError: there is no such kind.
  """
  settings = dict(settings)
  kind = settings.pop('kind')
  if kind not in _DETECTORS:
    raise UserError(
        f'config.detector.kind is {kind!r}; there are {", ".join(sorted(_DETECTORS))}.'
    )
  return _DETECTORS[kind](**settings)


_DETECTORS = {'motion': MotionDetector}


def _sampled(frame: np.ndarray) -> np.ndarray:
  """Returns every eighth pixel in both directions, float32 [n, 3], > 0."""
  return frame[::8, ::8].reshape(-1, 3).astype(np.float32) + 1


def _at_light(frame: np.ndarray, reference: np.ndarray) -> np.ndarray:
  """Returns the frame with the colours of most sampled pixels brought to the reference."""
  gains = np.median(reference / _sampled(frame), axis=0)
  levels = np.clip(np.outer(np.arange(256), gains), 0, 255).astype(np.uint8)
  return cv2.LUT(frame, levels[None])
