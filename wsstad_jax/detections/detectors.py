"""Detectors: from the frames of one video to boxes of its objects."""

import array
import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol

import cv2
import numpy as np

from wsstad_jax.core.records import Detections


class Detector(Protocol):
  """Finds objects in the frames of one video; keeps nothing from one video to the next."""

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes in the frames, RGB uint8 [h, w, 3], which are read as a stream."""


class Found:
  """What is found in the frames of a video while it is read, no larger than the boxes are."""

  def __init__(self):
    self._counts = array.array('i')  # of the boxes in each frame
    self._rows = array.array('f')  # box and score of each

  def add(self, boxes_xyxy: np.ndarray, scores: np.ndarray) -> None:
    """Adds the boxes [n, 4] and scores [n] of the next frame."""
    self._counts.append(len(scores))
    self._rows.frombytes(np.column_stack([boxes_xyxy, scores]).astype(np.float32).tobytes())

  def detections(self) -> Detections:
    """Returns all of them as one record."""
    if not self._counts:
      raise ValueError('no frames to detect objects in')
    rows = np.array(self._rows, np.float32).reshape(-1, 5)
    return Detections(
        frames=np.repeat(np.arange(len(self._counts), dtype=np.int32), self._counts),
        boxes_xyxy=rows[:, :4].copy(),
        scores=rows[:, 4].copy(),
    )


@dataclasses.dataclass(frozen=True)
class MotionDetector:
  """Finds what differs from the background of a fixed camera and is not at rest for long.

  The background is one colour per pixel: at first the commonest of the video's first frames,
  so that what moves in frame 0 is found in frame 0, and so that a place where one object after
  the other waits shows its ground; then it follows slow changes of light.
  What it has wrong is mended: a blob whose outline is an edge of the background, but not
  of the frame, is a ghost, the place that something has left; and what has been at rest
  for `hold_frames` becomes background.

  Shadows and the light of lamps change the brightness of the ground, but leave its texture.
  Pixel by pixel that is no safe test, for asphalt has no texture. But over a video it shows
  to which shares of its brightness light changes the ground: those at which texture mostly
  survives where there is some. There, changes of brightness alone are not objects.

  Attributes:
    working_width: pixels; wider frames are shrunk to it, boxes are given in full size.
    warmup_frames: frames buffered for the first background, 230 kB each.
    common_share: share of these frames that must agree on the colour of a pixel.
    adaptation: share by which the background follows a frame where it sees no object.
    min_levels: of 256 by which a pixel must differ from the background.
    noise_factor: the same in standard deviations of the pixel's noise.
    light_share: share of the texture, among pixels of one change of brightness, that must
      survive if that is a change of light.
    ghost_contrast: by which factor the edges along a ghost are stronger in the background.
    hold_frames: frames for which an object that came to rest is still found.
    change_levels: of 256 by which a pixel of an object at rest may waver.
    bridge_share: gaps in an object up to this share of the frame's diagonal are closed.
    rim: pixels at working size by which blur and compression widen an object on each side.
    min_area_share: components covering less of the frame are noise.
    max_foreground_share: a frame that differs in more of its area shows another light,
      not objects, and gives no boxes.
  """

  working_width: int = 320
  warmup_frames: int = 120
  common_share: float = 0.35
  adaptation: float = 0.02
  min_levels: float = 10.0
  noise_factor: float = 4.0
  light_share: float = 0.25
  ghost_contrast: float = 1.5
  hold_frames: int = 30
  change_levels: int = 15
  bridge_share: float = 0.005
  rim: int = 1
  min_area_share: float = 5e-4
  max_foreground_share: float = 0.6

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes of moving objects; a score is the foreground's share of its box."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
      raise ValueError('no frames to detect objects in')
    small_frames = map(self._shrunk, itertools.chain([first], frames))
    found = Found()
    for mask in _majority(self._foreground_masks(small_frames)):
      boxes_xyxy, scores = self._components(mask)
      scale = np.divide(first.shape[:2], mask.shape)[[1, 0, 1, 0]]
      found.add(boxes_xyxy * scale, scores)
    return found.detections()

  def _foreground_masks(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields bool masks [h, w], True where something moves or has just come to rest."""
    buffered = list(itertools.islice(frames, self.warmup_frames))
    sample = buffered[:: max(1, len(buffered) // 40)]
    reference = _median(np.stack([_sampled(frame) for frame in sample]))
    sample = np.stack([_at_light(frame, reference) for frame in sample])
    background = _commonest(sample, self.common_share)
    threshold = self._threshold(sample, background)
    light = _Light(self.light_share)
    for frame in sample:
      light.learn(frame, background, _largest(np.abs(frame - background)) > threshold)
    at_rest = background.astype(np.uint8)  # colour of each pixel at its last change
    still_frames = np.zeros(background.shape[:2], np.uint16)
    for index, frame in enumerate(itertools.chain(buffered, frames)):
      frame = _at_light(frame, reference)
      reference += self.adaptation * (_sampled(frame) - reference)
      colours = frame.astype(np.float32)
      differs = _largest(cv2.absdiff(colours, background)) > threshold
      if np.count_nonzero(differs) > self.max_foreground_share * differs.size:
        cv2.accumulateWeighted(frame, background, self.adaptation)
        yield np.zeros_like(differs)
        continue
      cv2.accumulateWeighted(frame, background, self.adaptation, (~differs).view(np.uint8))
      if index % _LEARN_EVERY == 0:
        light.learn(frame, background, differs)
      changed = _largest(cv2.absdiff(frame, at_rest)) > self.change_levels
      cv2.copyTo(frame, changed.view(np.uint8), at_rest)
      still_frames += 1
      still_frames *= differs & ~changed
      rests = still_frames >= self.hold_frames
      cv2.copyTo(colours, rests.view(np.uint8), background)
      mask = differs & ~rests & ~light.changes(frame, background, differs)
      ghosts = self._ghosts(mask, frame, background)
      cv2.copyTo(colours, ghosts.view(np.uint8), background)
      yield mask & ~ghosts

  def _threshold(self, sample: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Returns the levels [h, w] by which pixels must differ from the background."""
    noise = 1.48 * _median(np.abs(sample - background)).max(axis=-1)
    noise = np.minimum(self.noise_factor * noise, 2.5 * self.min_levels)
    return cv2.blur(np.maximum(noise, self.min_levels).astype(np.float32), (5, 5))

  def _ghosts(
      self, mask: np.ndarray, frame: np.ndarray, background: np.ndarray
  ) -> np.ndarray:
    """Returns where [h, w] the background shows something that is no longer there."""
    ghosts = np.zeros_like(mask)
    speckless = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, _square(1))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(speckless, ltype=cv2.CV_16U)
    edges = [
        _largest(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _square(1)))
        for picture in (frame, background.astype(np.uint8))
    ]
    for label, (left, top, width, height, area) in enumerate(stats[1:], start=1):
      if area < self.min_area_share * mask.size:
        continue
      window = np.s_[max(top - 2, 0) : top + height + 2, max(left - 2, 0) : left + width + 2]
      blob = (labels[window] == label).view(np.uint8)
      outline = cv2.morphologyEx(blob, cv2.MORPH_GRADIENT, _square(1))
      now, before = (cv2.mean(picture[window], outline)[0] for picture in edges)
      if before > self.ghost_contrast * now:
        ghosts[window] |= cv2.dilate(blob, _square(2)).view(bool)
    return ghosts

  def _shrunk(self, frame: np.ndarray) -> np.ndarray:
    """Returns the frame at working size, without the noise of single pixels."""
    height, width = frame.shape[:2]
    if width > self.working_width:
      size = self.working_width, max(1, round(height * self.working_width / width))
      frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(frame, (3, 3), 0)

  def _components(self, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes [n, 4] at working size and scores [n] of the connected components."""
    speckless = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, _square(1))
    reach = round(self.bridge_share * np.hypot(*mask.shape) / 2)
    bridged = cv2.morphologyEx(speckless, cv2.MORPH_CLOSE, _square(reach))
    _, _, stats, _ = cv2.connectedComponentsWithStats(bridged, ltype=cv2.CV_16U)
    stats = stats[1:]  # the first component is the background
    stats = stats[stats[:, cv2.CC_STAT_AREA] >= self.min_area_share * mask.size]
    left, top, width, height, area = stats.T
    scores = area / np.maximum(width * height, 1)
    # The frame's border cuts objects off where they are, not at their rim.
    low = [np.where(side > 0, side + self.rim, 0) for side in (left, top)]
    high = [
        np.where(side < limit, side - self.rim, limit)
        for side, limit in zip((left + width, top + height), mask.shape[::-1])
    ]
    return np.stack(low + high, axis=1), scores


class _Light:
  """What a video tells of its changes of light: shadows, and the light of lamps.

  Of every bin of relative brightness (logarithmic, a change over the background) it counts
  the pixels with texture and those of them whose texture the change has left as it was.
  """

  def __init__(self, light_share: float):
    self._light_share = light_share
    self._textured = np.zeros(_BINS)
    self._kept = np.zeros(_BINS)

  def learn(self, frame: np.ndarray, background: np.ndarray, differs: np.ndarray) -> None:
    """Counts the pixels of a frame where it differs from the background."""
    dark = _log(background)
    change = _log(frame) - dark
    brightness = _mean_channel(change)
    texture = _slopes(_mean_channel(dark))
    textured = differs & (texture > _MIN_TEXTURE)
    kept = textured & (_slopes(brightness) < _KEPT_TEXTURE * texture)
    for counts, pixels in ((self._textured, textured), (self._kept, kept)):
      counts *= _LIGHT_MEMORY
      counts += np.bincount(_bins(brightness[pixels]), minlength=_BINS)

  def changes(
      self, frame: np.ndarray, background: np.ndarray, differs: np.ndarray
  ) -> np.ndarray:
    """Returns where [h, w] the frame differs from the background by light alone."""
    near = np.ones(3)
    share = np.convolve(self._kept, near, 'same') / (
        np.convolve(self._textured, near, 'same') + _MIN_COUNT
    )
    is_light = share > self._light_share
    is_light[[0, -1]] = False  # they hold all that is beyond
    found = np.zeros(differs.shape, np.uint8)
    places = np.flatnonzero(differs)
    if not (is_light.any() and places.size):
      return found.view(bool)
    now, before = (_log(image.reshape(-1, 3).take(places, 0)) for image in (frame, background))
    change = (now - before).T.copy()  # [3, n], as sums of three are slow in NumPy
    brightness = change.mean(axis=0)
    is_grey = np.abs(change - brightness).max(axis=0) < _MAX_TINT
    np.put(found, places, is_grey & is_light[_bins(brightness)])
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, _square(1))
    # Along their borders, shadows and lights fade into the ground.
    lowest, highest = _edge(is_light.argmax()), _edge(_BINS - is_light[::-1].argmax())
    fading = is_grey & (brightness > min(lowest, 0)) & (brightness < max(highest, 0))
    around = cv2.dilate(found, _square(2)).take(places)
    np.put(found, places, found.take(places) | (fading & around))
    return found.view(bool)


_LEARN_EVERY = 4  # frames; light changes slowly
_LIGHT_MEMORY = 0.995  # share of the counts kept at each learning
_BINS, _REACH = 48, 1.2  # of the logarithm of relative brightness, from -1.2 to 1.2
_MIN_COUNT = 30  # pixels with texture that are needed to tell
_MIN_TEXTURE = 0.15  # slope of log brightness over two pixels
_KEPT_TEXTURE = 0.5  # slope that a change of light may add, over that of the background
_MAX_TINT = 0.12  # of the logarithms of the channels about their mean
_LOG_LEVELS = np.log(np.arange(256, dtype=np.float32) + 4)  # 4 levels of noise at black


def _log(colours: np.ndarray) -> np.ndarray:
  return cv2.LUT(colours.astype(np.uint8, copy=False), _LOG_LEVELS)


def _square(reach: int) -> np.ndarray:
  return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _largest(picture: np.ndarray) -> np.ndarray:
  """Returns the largest of the three channels, [h, w]."""
  red, green, blue = cv2.split(picture)
  return cv2.max(cv2.max(red, green), blue)


def _median(values: np.ndarray) -> np.ndarray:
  """Returns the median over the first axis, sooner than NumPy, which sorts rows fastest."""
  rows = np.moveaxis(values, 0, -1).copy()
  rows.sort()
  return rows[..., (len(values) - 1) // 2 : len(values) // 2 + 1].mean(axis=-1)


def _mean_channel(picture: np.ndarray) -> np.ndarray:
  return cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))


def _slopes(picture: np.ndarray) -> np.ndarray:
  """Returns how much [h, w] a picture changes over two pixels."""
  x, y = (cv2.Sobel(picture, -1, *order, scale=0.25) for order in ((1, 0), (0, 1)))
  return cv2.magnitude(x, y)


def _bins(brightness: np.ndarray) -> np.ndarray:
  rows = (brightness + _REACH) * (_BINS / (2 * _REACH))
  return np.clip(rows, 0, _BINS - 1).astype(np.int64)


def _edge(row: int) -> float:
  """Returns the lower edge of a bin."""
  return row * (2 * _REACH / _BINS) - _REACH


def _sampled(frame: np.ndarray) -> np.ndarray:
  """Returns every eighth pixel in both directions, float32 [n, 3], > 0."""
  return frame[::8, ::8].reshape(-1, 3).astype(np.float32) + 1


def _at_light(frame: np.ndarray, reference: np.ndarray) -> np.ndarray:
  """Returns the frame with the colours of most sampled pixels brought to the reference."""
  gains = _median(reference / _sampled(frame))
  levels = np.clip(np.outer(np.arange(256), gains), 0, 255).astype(np.uint8)
  return cv2.LUT(frame, levels[None])


def _commonest(sample: np.ndarray, share: float) -> np.ndarray:
  """Returns the mean colours, float32 [h, w, 3], of the frames that agree best on each pixel.

  These are the given share of the frames [n, h, w, 3] that differ least in brightness.
  """
  red, green, blue = np.moveaxis(sample, -1, 0).astype(np.uint16)
  grey = ((red + green + blue) // 3).astype(np.uint8)
  in_order = np.sort(grey, axis=0)
  reach = max(1, round(share * len(sample))) - 1
  first = (in_order[reach:] - in_order[: len(sample) - reach]).argmin(axis=0)[None]
  low, high = (np.take_along_axis(in_order, rows, axis=0) for rows in (first, first + reach))
  agrees = ((low <= grey) & (grey <= high))[..., None]
  return (sample * agrees).sum(axis=0, dtype=np.float32) / agrees.sum(axis=0, dtype=np.float32)


def _majority(masks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Yields what is True in two of three successive masks: rain and noise are not."""
  before = current = None
  for after in itertools.chain(masks, [None]):
    if current is not None:
      first = current if before is None else before
      last = current if after is None else after
      yield (current & (first | last)) | (first & last)
    before, current = current, after
