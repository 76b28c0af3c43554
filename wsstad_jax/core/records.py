"""The records that the stages of the pipeline hand to each other."""

import dataclasses
import enum

import numpy as np


class TubeKind(enum.IntEnum):
  """What the boxes of a tube enclose (paper, section 3.1)."""

  UNARY = 0  # one object, linked over time
  MULTIVARIATE = 1  # union boxes of intersecting objects
  TRUTH = 2  # an annotated event


@dataclasses.dataclass(frozen=True)
class VideoFacts:
  """What is known of a video file without keeping its pixels.

  Attributes:
    path: the file.
    width: pixels.
    height: pixels.
    frames_per_second: mean frame rate, > 0.
    num_frames: decodable frames, >= 1.
  """

  path: str
  width: int
  height: int
  frames_per_second: float
  num_frames: int


@dataclasses.dataclass(frozen=True)
class Detections:
  """Object boxes of one video, sorted by frame.

  Attributes:
    frames: int32 [n], 0-based frame of each box, ascending.
    boxes_xyxy: float32 [n, 4], pixels, x_max and y_max exclusive.
    scores: float32 [n], in [0, 1].
  """

  frames: np.ndarray
  boxes_xyxy: np.ndarray
  scores: np.ndarray

  def __len__(self) -> int:
    return len(self.frames)


# The box of a tube that tells when and not where: a whole image of unknown size.
NO_PLACE_XYXY = (0.0, 0.0, 1.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Tube:
  """One box per frame over a span of frames.

  Attributes:
    start: first frame, 0-based.
    boxes_xyxy: float32 [f, 4], pixels, one box for each of the frames
      start .. start + f - 1.
    kind: what the boxes enclose.
    score: detection score of a proposal, anomaly score of a prediction; in [0, 1].
  """

  start: int
  boxes_xyxy: np.ndarray
  kind: TubeKind
  score: float = 1.0

  @property
  def stop(self) -> int:
    """One past the last frame."""
    return self.start + len(self.boxes_xyxy)

  @property
  def has_place(self) -> bool:
    """Whether it tells where something is, and not only when."""
    return bool((self.boxes_xyxy != NO_PLACE_XYXY).any())

  def part(self, start: int, stop: int) -> 'Tube':
    """Returns the tube within the frames start .. stop - 1 (both inside the tube)."""
    if not self.start <= start < stop <= self.stop:
      raise ValueError(f'frames {start}:{stop} are not inside {self.start}:{self.stop}')
    boxes = self.boxes_xyxy[start - self.start : stop - self.start]
    return dataclasses.replace(self, start=start, boxes_xyxy=boxes)


@dataclasses.dataclass(frozen=True)
class VideoEntry:
  """A video of a data set, before anything is computed from it.

  Attributes:
    video_id: unique in its data set; names the files prepared from the video.
    path: the video file.
    split: 'train', 'validation' or 'test'.
    label: 1 if something anomalous happens in the video, 0 if not, -1 if unknown.
    category: what happens, in the data set's words; '' if unknown.
    truth: the annotated events; empty in training and validation.
  """

  video_id: str
  path: str
  split: str
  label: int
  category: str = ''
  truth: tuple[Tube, ...] = ()


@dataclasses.dataclass(frozen=True)
class VideoTubes:
  """The candidate tubes of one video.

  Attributes:
    facts: of the video.
    tubes: at least one.
    detected_frames: bool [num_frames], the frames in which the detector gave a box.
  """

  facts: VideoFacts
  tubes: tuple[Tube, ...]
  detected_frames: np.ndarray
