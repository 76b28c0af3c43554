"""Which clips of a video's common grid stand for which tube."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from wsstad_jax.core.records import Tube, VideoTubes
from wsstad_jax.video import clips
from wsstad_jax.video import decode


def covering_clips(spans: np.ndarray, starts: np.ndarray) -> np.ndarray:
  """Returns which clips show which spans: bool [n, c].

  A clip shows a span if they share at least half a clip. A span that no clip shares so
  much with is shown by the one that shares most with it, or else lies nearest.

  Args:
    spans: int [n, 2], frames start:stop.
    starts: int [c], first frames of the clips, c >= 1.
  """
  shared = np.minimum(spans[:, 1:], starts + clips.CLIP_LENGTH) - np.maximum(spans[:, :1], starts)
  covering = shared >= clips.CLIP_LENGTH // 2  # [n, c]
  best = np.arange(len(starts)) == shared.argmax(axis=1)[:, None]
  return np.where(covering.any(axis=1, keepdims=True), covering, best)


def plan_clips(tubes: Sequence[Tube], starts: np.ndarray) -> np.ndarray:
  """Returns the (tube, clip) pairs to extract features of: int32 [p, 2], by clip, then tube.

  Of each tube only the clips are looked at that share a frame with it; there is one.
  """
  pairs = []
  for row, tube in enumerate(tubes):
    first, stop = np.searchsorted(starts, [tube.start - clips.CLIP_LENGTH + 1, tube.stop])
    covering = covering_clips(np.array([[tube.start, tube.stop]]), starts[first:stop])[0]
    pairs += [(row, clip) for clip in first + np.flatnonzero(covering)]
  pairs = np.array(pairs, np.int32)
  return pairs[np.argsort(pairs[:, 1], kind='stable')]


def squeeze_image(frames: Sequence[np.ndarray], size: int) -> np.ndarray:
  """Returns whole images, f of [h, w, 3], squeezed to squares [f, size, size, 3]."""
  height, width = frames[0].shape[:2]
  return clips.cut_clip(frames, np.float32([0, 0, width, height]), size)


def iterate_windows(
    video: VideoTubes,
    pairs: np.ndarray,
    *,
    size: int,
    window_context: float,
    cut_image_fn: Callable[[Sequence[np.ndarray], int], np.ndarray] = squeeze_image,
    map_fn: Callable[[Callable, Iterable], Iterator] = map,
) -> Iterator[np.ndarray]:
  """Yields what C3D is to see of a video, reading it once: uint8 [16, size, size, 3].

  For each clip of the grid: the whole image, made a square by `cut_image_fn(frames, size)`,
  then the window of each tube that `pairs` names for it, in their order. Clips are cut by
  `map_fn`, while the next are decoded.
  """
  facts = video.facts
  starts = clips.clip_starts(facts.num_frames)
  edges = np.searchsorted(pairs[:, 1], np.arange(len(starts) + 1))  # of the pairs of each clip

  def cut(item):
    clip, frames = item
    windows = [cut_image_fn(frames, size)]
    start, stop = starts[clip], starts[clip] + clips.CLIP_LENGTH
    for index in pairs[edges[clip] : edges[clip + 1], 0]:
      tube = video.tubes[index]
      shown = tube.part(max(tube.start, start), min(tube.stop, stop))
      window_xyxy = clips.clip_window(
          shown.boxes_xyxy, context=window_context, width=facts.width, height=facts.height
      )
      windows.append(clips.cut_clip(frames, window_xyxy, size))
    return windows

  for windows in map_fn(cut, clips.iterate_clips(decode.iterate_frames(facts.path), starts)):
    yield from windows


def row_positions(pairs: np.ndarray, num_clips: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the positions of the whole images [c] and of the pairs [p] in `iterate_windows`."""
  images_before = pairs[:, 1] + 1
  pair_rows = np.arange(len(pairs)) + images_before
  pairs_before = np.searchsorted(pairs[:, 1], np.arange(num_clips))
  return np.arange(num_clips) + pairs_before, pair_rows
