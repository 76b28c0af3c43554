"""The files that preparation leaves for each video, and fingerprints to name their folders."""

import dataclasses
import hashlib
import json
import zipfile

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind, VideoFacts, VideoTubes


@dataclasses.dataclass(frozen=True)
class VideoFeatures:
  """C3D features of one video.

  Attributes:
    pairs: int32 [p, 2], (tube, clip) of each row of `region`.
    region: float16 [p, d], features of the windows of tubes.
    image: float16 [c, d], features of the whole image in every clip of the grid.
  """

  pairs: np.ndarray
  region: np.ndarray
  image: np.ndarray


def fingerprint(*parts: object) -> str:
  """Returns 12 hexadecimal digits that change when a JSON-able part changes."""
  text = json.dumps(parts, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:12]


def file_digest(path: str) -> str:
  """Returns the SHA-256 of a file's content.

  Raises:
    UserError: the file cannot be read.
  """
  try:
    with open(path, 'rb') as file:
      return hashlib.file_digest(file, 'sha256').hexdigest()
  except OSError as error:
    raise UserError(f'{path} cannot be read: {error.strerror}.') from error


def write_tubes(path: str, video: VideoTubes) -> None:
  """Writes the tubes of a video atomically; all but the path of the video is kept."""
  facts = video.facts
  write_arrays(
      path,
      size=np.array([facts.width, facts.height, facts.num_frames], np.int32),
      frames_per_second=np.float64(facts.frames_per_second),
      detected_frames=video.detected_frames,
      spans=np.array([(tube.start, tube.stop) for tube in video.tubes], np.int32),
      kinds=np.array([tube.kind for tube in video.tubes], np.int32),
      scores=np.array([tube.score for tube in video.tubes], np.float32),
      boxes_xyxy=np.concatenate([tube.boxes_xyxy for tube in video.tubes]),
  )


def read_tubes(path: str, video_path: str) -> VideoTubes:
  """Returns what `write_tubes` wrote for the video that now lies at `video_path`."""
  arrays = read_arrays(
      path, 'size', 'frames_per_second', 'detected_frames', 'spans', 'kinds', 'scores',
      'boxes_xyxy',
  )
  width, height, num_frames = map(int, arrays['size'])
  rate = float(arrays['frames_per_second'])
  boxes = split_boxes(arrays['spans'], arrays['boxes_xyxy'])
  columns = zip(arrays['spans'], boxes, arrays['kinds'], arrays['scores'], strict=True)
  return VideoTubes(
      facts=VideoFacts(video_path, width, height, rate, num_frames),
      tubes=tuple(
          Tube(int(start), tube_boxes, TubeKind(kind), float(score))
          for (start, _), tube_boxes, kind, score in columns
      ),
      detected_frames=arrays['detected_frames'],
  )


def split_boxes(spans: np.ndarray, boxes_xyxy: np.ndarray) -> list[np.ndarray]:
  """Returns the boxes of each tube; in `boxes_xyxy` they lie one tube after the other."""
  return np.split(boxes_xyxy, np.cumsum(spans[:, 1] - spans[:, 0])[:-1])


def write_features(path: str, features: VideoFeatures) -> None:
  """Writes the features of a video atomically."""
  write_arrays(path, **dataclasses.asdict(features))


def read_features(path: str) -> VideoFeatures:
  """Returns what `write_features` wrote."""
  return VideoFeatures(**read_arrays(path, 'pairs', 'region', 'image'))


def write_arrays(path: str, **arrays: np.ndarray) -> None:
  """Writes named arrays to one npz file, whole or not at all."""
  with files.atomic_path(path) as temporary:
    np.savez(temporary, **arrays)


def read_arrays(path: str, *names: str) -> dict[str, np.ndarray]:
  """Returns the named arrays of an npz file, or all of them if none is named.

  Raises:
    UserError: the file is missing, broken or lacks a name.
  """
  try:
    with open(path, 'rb') as file, np.load(file) as found:
      return {name: found[name] for name in names or found.files}
  except FileNotFoundError as error:
    raise UserError(f'{path} is missing. {_REMEDY}') from error
  except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
    raise UserError(f'{path} is broken ({error}). {_REMEDY}') from error


_REMEDY = 'Remove it, if it is there, and make it again (--mode=prepare).'
