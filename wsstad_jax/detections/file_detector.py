"""Detections that another program left in files, in place of a detector."""

from collections.abc import Iterable
import dataclasses
import functools
import pathlib

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections
from wsstad_jax.formats import by_name
from wsstad_jax.formats import conversion
from wsstad_jax.formats import video_names
from wsstad_jax.formats.table import BoxTable


@dataclasses.dataclass(frozen=True)
class FileDetector:
  """Gives the boxes that a file has for one video.

  Attributes:
    video_path: the video file.
    folder: where the files of boxes lie, named as `formats.by_name.PATTERNS` says.
    boxes: their format, as in PATTERNS; '' if there is no other.
  """

  video_path: str
  folder: str
  boxes: str = ''

  def detect(self, frames: Iterable[np.ndarray]) -> Detections:
    """Returns the boxes of the video, cut to its image; those of score 0 are left out.

    Raises:
      UserError: there are no files, they cannot be read or have no boxes of the video, or boxes
        lie after its end.
    """
    table = find_video(read_files(self.folder, self.boxes), self.video_path)
    if table is None:
      raise UserError(
          f'config.detector.files.folder={self.folder} has no boxes of {self.video_path}; '
          'expected are some under its name, with or without folders and ending.'
      )
    table = table.rows(np.flatnonzero(table.scores > 0))
    shape, num_frames = (0, 0), 0
    for frame in frames:
      shape, num_frames = frame.shape, num_frames + 1
    late = np.flatnonzero(table.frames >= num_frames)
    if len(late):
      raise UserError(
          f'{table.places[late[0]]}: a box in frame {table.frames[late[0]]}, but '
          f'{self.video_path} has {num_frames} frames, counted from 0.'
      )
    found = conversion.to_detections(table)
    boxes_xyxy = boxes.clip(found.boxes_xyxy, shape[1], shape[0])
    inside = boxes.area(boxes_xyxy) > 0
    return Detections(found.frames[inside], boxes_xyxy[inside], found.scores[inside])


@functools.lru_cache(maxsize=1)
def read_files(folder: str, kind: str) -> dict[str, BoxTable]:
  """Returns the boxes of each video by its name; the files are read once for all videos.

  Raises:
    UserError: there is no folder, no file in it, or one that cannot be read.
  """
  if not folder:
    raise UserError('config.detector.files.folder is empty; give '
                    '--config.detector.files.folder=DIR with detections.')
  table = by_name.read_folder(folder, kind, flag='config.detector.files.boxes')
  if table is None:
    raise UserError(
        f'config.detector.files.folder={folder} holds no detections; expected is one of '
        f'{", ".join(by_name.PATTERNS.values())}.'
    )
  return table.by_video()


def find_video(tables: dict[str, BoxTable], video_path: str) -> BoxTable | None:
  """Returns the boxes of the video whose name the end of its path is; the longest name wins."""
  parts = pathlib.PurePath(video_path).parts
  for first in range(len(parts)):
    path = pathlib.PurePosixPath(*parts[first:])
    name = path.as_posix()
    for key in (name, path.with_suffix('').as_posix(), video_names.video_id(name)):
      if key in tables:
        return tables[key]
  return None
