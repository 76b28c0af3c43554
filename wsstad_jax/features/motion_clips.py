"""Clips of generic motion with labels, as pretraining reads them."""

import dataclasses
import os

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.features import store

_HELD_OUT_EVERY = 10  # videos


@dataclasses.dataclass(frozen=True)
class MotionClips:
  """All clips of a folder, in memory.

  Attributes:
    clips: uint8 [n, 16, s, s], brightness.
    labels: float32 [n, k].
    label_names: [k].
    is_binary: [k].
    train: rows of the videos to learn from.
    held_out: rows of every tenth video.
  """

  clips: np.ndarray
  labels: np.ndarray
  label_names: tuple[str, ...]
  is_binary: tuple[bool, ...]
  train: np.ndarray
  held_out: np.ndarray

  def targets(self) -> np.ndarray:
    """Returns float32 [n, k]: binary labels as they are, log(1 + x) of others standardised."""
    logs = np.log1p(self.labels)
    known = logs[self.train]
    scaled = (logs - known.mean(axis=0)) / np.maximum(known.std(axis=0), 1e-6)
    return np.where(self.is_binary, self.labels, scaled).astype(np.float32)


def read_clips(folder: str) -> MotionClips:
  """Returns the clips that `tfds_builders.prepare_clips` left in a folder.

  Raises:
    UserError: a file is missing or broken.
  """
  about = files.read_json(os.path.join(folder, 'labels.json'))
  paths = [os.path.join(folder, f'{number:05}.npz') for number in range(about['num_videos'])]
  labels = [store.read_arrays(path, 'labels')['labels'] for path in paths]
  ends = np.cumsum([len(rows) for rows in labels])
  first = store.read_arrays(paths[0], 'clips')['clips']
  clips = np.empty((ends[-1], *first.shape[1:]), np.uint8)  # filled in, so as to hold them once
  for path, rows, end in zip(paths, labels, ends):
    clips[end - len(rows) : end] = store.read_arrays(path, 'clips')['clips']
  videos = np.repeat(np.arange(len(paths)), [len(rows) for rows in labels])
  held_out = videos % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
  return MotionClips(
      clips, np.concatenate(labels), tuple(about['names']), tuple(about['is_binary']),
      np.flatnonzero(~held_out), np.flatnonzero(held_out),
  )
