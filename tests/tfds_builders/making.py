"""Small videos with what data sets need around them, for the tests of builders."""

import functools
import os
import pathlib

import ml_collections
import numpy as np
import tqdm

from wsstad_jax.data import pipeline
from wsstad_jax.video import decode

NO_PROGRESS = functools.partial(tqdm.tqdm, disable=True)


def write_video(path, num_frames=24, seed=0, frames_per_second=30):
  """Writes a video of 64x48 pixels in which a square moves."""
  rng = np.random.default_rng(seed)
  background = rng.integers(80, 110, (48, 64, 3), np.uint8)
  speed = rng.integers(1, 4)

  def frames():
    for index in range(num_frames):
      frame = background.copy()
      left = (speed * index) % 48
      frame[16:32, left : left + 16] = 235
      yield frame

  os.makedirs(os.path.dirname(path), exist_ok=True)
  decode.write_video(path, frames(), frames_per_second=frames_per_second)
  return pathlib.Path(path)


def changed(config, **data):
  """Returns a copy of a config with other values in `data`."""
  config = ml_collections.ConfigDict(config.to_dict())
  config.data.update(data)
  return config


def read_bags(folder):
  """Returns {video_id: (split, bag)} of a prepared folder."""
  found = {}
  for split in ('train', 'validation', 'test'):
    for bag in pipeline.iterate(pipeline.BagSource(folder, split)):
      found[bag['video_id']] = split, bag
  return found
