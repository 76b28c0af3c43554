"""Features of whole images that others computed: one row for each segment of a video.

They have no tubes. So that all that works on bags works on them, each segment, or each run of
neighbouring ones if there are too many, becomes a tube that shows the whole image: then both
branches see the same, and an instance says when something happens and not where.
"""

from collections.abc import Sequence
import re

import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import NO_PLACE_XYXY, Tube, TubeKind, VideoFacts, VideoTubes
from wsstad_jax.features import clip_plan
from wsstad_jax.features.store import VideoFeatures
from wsstad_jax.tubes import videolets
from wsstad_jax.video import clips

SUFFIXES = ('.txt', '.txt.gz', '.npy')
MAX_CROPS = 10  # more are segments in the wrong place
_FRAMES_PER_SECOND = 30.0  # of UCF-Crime; unknown in general
_NAME = re.compile(r'(.+?)(?:_i3d|_c3d)?(?:__\d+)?(\.txt|\.txt\.gz|\.npy)')


def video_name(file_name: str) -> str | None:
  """Returns the name of the video that a file of features belongs to; None of other files.

  'a.txt', 'a.txt.gz', 'a.npy', 'a_i3d.npy' and the crops 'a__0.npy', 'a__1.npy' are of 'a'.
  """
  match = _NAME.fullmatch(file_name)
  return match and match[1]


def read_segments(paths: Sequence[str]) -> np.ndarray:
  """Returns the features of a video, float32 [segments, d]: means over its crops.

  Args:
    paths: the files of one video, one each crop. Text has one row of numbers a segment, as
      the 32 x 4096 of Sultani 2018. A .npy file is [segments, d] or, as RTFM publishes them,
      [segments, crops, d].

  Raises:
    UserError: a file cannot be read, has another shape or numbers that are not finite, or the
      crops differ in shape.
  """
  crops = [_read_file(path) for path in paths]
  for path, crop in zip(paths, crops):
    if crop.shape != crops[0].shape:
      raise UserError(f'{path} has the shape {crop.shape}, but {paths[0]} has {crops[0].shape}.')
  return np.mean(crops, axis=0, dtype=np.float32)


def _read_file(path: str) -> np.ndarray:
  try:
    if path.endswith('.npy'):
      array = np.load(path, allow_pickle=False)
    else:
      array = np.loadtxt(path, np.float32, ndmin=2)
  except (OSError, EOFError, ValueError) as error:
    raise UserError(
        f'{path} cannot be read as features ({error}); expected is .npy, or text with one row of '
        'numbers for each segment, all rows of one length.'
    ) from error
  shape = getattr(array, 'shape', ())  # an archive has none
  if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[1] > MAX_CROPS):
    raise UserError(
        f'{path} has the shape {shape}; expected is [segments, d], or [segments, crops, d] of up '
        f'to {MAX_CROPS} crops.'
    )
  if array.dtype.kind not in 'fiu' or not np.isfinite(array).all():
    raise UserError(f'{path} has values that are no finite numbers.')
  return array.mean(axis=1, dtype=np.float32) if array.ndim == 3 else array


def to_video(
    segments: np.ndarray, path: str, *, num_frames: int = 0, max_tubes: int
) -> tuple[VideoTubes, VideoFeatures]:
  """Returns a video that only shows when, and its features, as preparation makes them.

  Args:
    segments: float [segments, d], in order, of equal parts of the video.
    path: what to name as the video.
    num_frames: of the video; 0 if unknown, then a segment is taken for one clip of 16 frames.
    max_tubes: neighbouring segments share a tube if there are more.

  Raises:
    UserError: the video is shorter than a clip.
  """
  num_frames = num_frames or clips.CLIP_LENGTH * len(segments)
  starts = clips.clip_starts(num_frames)
  image = spread(segments, len(starts)).astype(np.float16)
  edges = np.append(starts, num_frames)
  spans = videolets.create_videolets(len(starts), min(len(segments), max_tubes))
  tubes = tuple(
      Tube(int(start), np.tile(np.float32(NO_PLACE_XYXY), (stop - start, 1)), TubeKind.UNARY)
      for start, stop in edges[spans]
  )
  pairs = clip_plan.plan_clips(tubes, starts)
  facts = VideoFacts(path, 1, 1, _FRAMES_PER_SECOND, num_frames)
  return (
      VideoTubes(facts, tubes, np.ones(num_frames, bool)),
      VideoFeatures(pairs, region=image[pairs[:, 1]], image=image),
  )


def spread(segments: np.ndarray, num_clips: int) -> np.ndarray:
  """Returns the features of clips [num_clips, d] that parts of the video have these of.

  A segment of several clips gives each its own; a clip of several segments gets their mean.
  `create_videolets` divides, so that Sultani's 32 segments come back as 32 videolets.
  """
  if num_clips >= len(segments):
    spans = videolets.create_videolets(num_clips, len(segments))
    return np.repeat(segments, spans[:, 1] - spans[:, 0], axis=0)
  spans = videolets.create_videolets(len(segments), num_clips)
  return np.stack([segments[first:stop].mean(axis=0) for first, stop in spans])
