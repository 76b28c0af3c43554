"""Clips of 16 frames: where they begin, which part of the image they show, their pixels."""

import collections
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.errors import UserError

CLIP_LENGTH = 16  # frames, the input of C3D (Tran 2015)


def clip_starts(num_frames: int) -> np.ndarray:
  """Returns the first frames, int32 [c], of the clips that cover a video.

  They lie on the grid 0, 16, 32 ...; a remainder is covered by one last clip that ends
  with the video and overlaps the one before.

  Raises:
    UserError: the video is shorter than one clip.
  """
  if num_frames < CLIP_LENGTH:
    raise UserError(
        f'the video has {num_frames} frames, but one clip needs {CLIP_LENGTH}: leave it out.'
    )
  starts = list(range(0, num_frames - CLIP_LENGTH + 1, CLIP_LENGTH))
  if num_frames % CLIP_LENGTH:
    starts.append(num_frames - CLIP_LENGTH)
  return np.array(starts, np.int32)


def clip_window(boxes_xyxy: np.ndarray, *, context: float, width: int, height: int) -> np.ndarray:
  """Returns the one square window that a clip of a tube is seen through.

  A window that followed the boxes would take the object's motion out of the clip and put
  the boxes' jitter in, so the window encloses all of them and stands still.

  Args:
    boxes_xyxy: float32 [f, 4], the tube's boxes within the clip, f >= 1.
    context: side of the window over the longer side of the box around the boxes, >= 1.
    width: of the image, pixels.
    height: of the image, pixels.

  Returns:
    float32 [4] xyxy. Shifted into the image; along a side of the image that is shorter
    than the window, it is centred on the image instead.
  """
  around = boxes.enclosing(boxes_xyxy)
  centre = (around[:2] + around[2:]) / 2
  side = max((around[2:] - around[:2]).max() * context, 1)
  extent = np.array([width, height], np.float32)
  inside = np.clip(centre, side / 2, np.maximum(extent - side / 2, side / 2))
  centre = np.where(side <= extent, inside, extent / 2)
  return np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)


def cut_clip(frames: Sequence[np.ndarray], window_xyxy: np.ndarray, size: int) -> np.ndarray:
  """Returns the window of every frame, resized to a square.

  Args:
    frames: f of uint8 [h, w, 3].
    window_xyxy: [4], rounded to whole pixels; what lies outside the image repeats its
      border.
    size: side of the result, pixels.

  Returns:
    uint8 [f, size, size, 3].
  """
  height, width = frames[0].shape[:2]
  low = np.rint(window_xyxy[:2]).astype(int)
  high = np.maximum(np.rint(window_xyxy[2:]).astype(int), low + 1)
  inside_low = np.clip(low, 0, [width - 1, height - 1])
  inside_high = np.clip(high, inside_low + 1, [width, height])
  left, top = np.maximum(inside_low - low, 0)
  right, bottom = np.maximum(high - inside_high, 0)
  cut = [
      frame[inside_low[1] : inside_high[1], inside_low[0] : inside_high[0]] for frame in frames
  ]
  if left or top or right or bottom:
    border = top, bottom, left, right, cv2.BORDER_REPLICATE
    cut = [cv2.copyMakeBorder(frame, *border) for frame in cut]
  # Averaging over the pixels that fall together keeps shrinking from aliasing.
  shrinks = min(cut[0].shape[:2]) > size
  method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
  return np.stack([cv2.resize(frame, (size, size), interpolation=method) for frame in cut])


def iterate_clips(
    frames: Iterable[np.ndarray], starts: np.ndarray
) -> Iterator[tuple[int, tuple[np.ndarray, ...]]]:
  """Yields (index of the clip, its 16 frames, uint8 [h, w, 3]) for ascending first frames.

  Only the last 16 frames are kept in memory, whatever the length of the video.
  """
  recent = collections.deque(maxlen=CLIP_LENGTH)
  index = 0
  for position, frame in enumerate(frames):
    recent.append(frame)
    if index < len(starts) and position == starts[index] + CLIP_LENGTH - 1:
      yield index, tuple(recent)
      index += 1
  if index < len(starts):
    raise ValueError(f'the frames end before clip {index} of {len(starts)} is complete')
