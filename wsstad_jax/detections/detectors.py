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
  """Finds what differs from the background of a fixed camera and is not at rest for long.

  The background is a mixture of Gaussians per pixel (MOG2, Zivkovic 2004, of OpenCV),
  begun with the median of the video's first frames, so that what moves in frame 0 is
  found in frame 0. It changes slowly: a faster one would take dense traffic for the
  background, and objects that move on after a rest would leave ghosts. Objects at rest
  are left out by another rule: a pixel counts for `hold_frames` after its last change.

  Attributes:
    working_width: pixels; wider frames are shrunk to it, boxes are given in full size.
    warmup_frames: frames buffered for the first background; over many, what comes to
      rest early would be taken for background.
    memory_frames: time constant of the background.
    background_share: share of the memory that must show a colour to make it background.
    variance_threshold: squared distance from the background, in its variances, from
      which a pixel is foreground.
    shadow_ratio: a pixel darkened no further than to this share of the background's
      brightness, at the same colour, is shadow.
    hold_frames: frames for which an object that came to rest is still found.
    change_levels: of 256 by which a pixel of an object at rest may waver.
    bridge_share: gaps in an object up to this share of the frame's diagonal are closed.
    min_area_share: components covering less of the frame are noise.
    max_foreground_share: a frame that differs in more of its area shows another light,
      not objects, and gives no boxes.
  """

  working_width: int = 320
  warmup_frames: int = 75
  memory_frames: int = 1000
  background_share: float = 0.7
  variance_threshold: float = 16.0
  shadow_ratio: float = 0.5
  hold_frames: int = 30
  change_levels: int = 15
  bridge_share: float = 0.005
  min_area_share: float = 5e-4
  max_foreground_share: float = 0.6

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes of moving objects; a score is the foreground's share of its box."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
      raise ValueError('no frames to detect objects in')
    small_frames = map(self._shrunk, itertools.chain([first], frames))
    found_frames, found_boxes, found_scores = [], [], []
    for index, mask in enumerate(_majority(self._foreground_masks(small_frames))):
      boxes_xyxy, scores = self._components(mask)
      found_frames.append(np.full(len(scores), index, np.int32))
      found_boxes.append(boxes_xyxy)
      found_scores.append(scores)
    scale = np.divide(first.shape[:2], mask.shape)[[1, 0, 1, 0]]
    return Detections(
        frames=np.concatenate(found_frames),
        boxes_xyxy=(np.concatenate(found_boxes) * scale).astype(np.float32),
        scores=np.concatenate(found_scores).astype(np.float32),
    )

  def _foreground_masks(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields bool masks [h, w], True where something moves or has just come to rest."""
    buffered = list(itertools.islice(frames, self.warmup_frames))
    sample = buffered[:: max(1, len(buffered) // 40)]
    reference = np.median([_sampled(frame) for frame in sample], axis=0)
    sample = [_at_light(frame, reference) for frame in sample]
    background = np.median(sample, axis=0).astype(np.uint8)
    subtractor = cv2.createBackgroundSubtractorMOG2(
        varThreshold=self.variance_threshold, detectShadows=True
    )
    subtractor.setShadowThreshold(self.shadow_ratio)
    subtractor.setBackgroundRatio(self.background_share)
    subtractor.apply(background, learningRate=1)
    at_rest = background.copy()  # colour of each pixel at its last change
    still_frames = np.zeros(background.shape[:2], np.uint16)
    for frame in itertools.chain(buffered, frames):
      frame = _at_light(frame, reference)
      labels = subtractor.apply(frame, learningRate=1 / self.memory_frames)
      mask = labels == 255  # 127 marks shadow
      mask &= np.count_nonzero(labels) <= self.max_foreground_share * mask.size
      reference += (_sampled(frame) - reference) / self.memory_frames
      difference = cv2.absdiff(frame, at_rest)
      changed = cv2.max(cv2.max(difference[..., 0], difference[..., 1]), difference[..., 2])
      changed = changed > self.change_levels
      cv2.copyTo(frame, changed.view(np.uint8), at_rest)
      still_frames += 1
      still_frames[changed | ~mask] = 0
      yield mask & (still_frames < self.hold_frames)

  def _shrunk(self, frame: np.ndarray) -> np.ndarray:
    """Returns the frame at working size, without the noise of single pixels."""
    height, width = frame.shape[:2]
    if width > self.working_width:
      size = self.working_width, max(1, round(height * self.working_width / width))
      frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(frame, (3, 3), 0)

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


def _majority(masks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Yields what is True in two of three successive masks: rain and noise are not."""
  before = current = None
  for after in itertools.chain(masks, [None]):
    if current is not None:
      first = current if before is None else before
      last = current if after is None else after
      yield (current & (first | last)) | (first & last)
    before, current = current, after
