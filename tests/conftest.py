"""A tiny data set, prepared once for all tests that need one."""

import functools
import os
import pathlib

from wsstad_jax.core import compilation

_COMPILED = pathlib.Path(__file__).parents[1] / '.pytest_cache' / 'compiled'
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(_COMPILED))
compilation.keep_compiled()  # before JAX is imported

from etils import epath
import jax
import ml_collections
import numpy as np
import pytest
import tqdm

from configs import base as base_config
from tfds_builders import base
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoEntry
from wsstad_jax.features import weights
from wsstad_jax.models import c3d
from wsstad_jax.video import decode

NO_PROGRESS = functools.partial(tqdm.tqdm, disable=True)
_SPLITS = ('train',) * 5 + ('validation', 'test', 'test')


class TinyVideos(base.BagBuilder, skip_registration=True):
  """The videos of the fixture `tiny_entries`."""

  pkg_dir_path = epath.Path(__file__).parent

  @classmethod
  def list_videos(cls, config, progress):
    return write_entries(epath.Path(config.data.root))


def write_entries(folder):
  """Writes 8 videos of moving squares (nothing moves in number 0) of 40, 47 ... frames."""
  entries = []
  for number, split in enumerate(_SPLITS):
    path = folder / f'video_{number}.mp4'
    num_frames = 40 + 7 * number
    if not path.exists():
      decode.write_video(path, _frames(num_frames, speed=number), frames_per_second=25)
    truth = ()
    if split == 'test' and number % 2:
      boxes_xyxy = np.tile(np.float32([4, 8, 40, 60]), (12, 1))
      truth = (Tube(20, boxes_xyxy, TubeKind.TRUTH),)
    entries.append(
        VideoEntry(f'video_{number}', str(path), split, number % 2, 'crash' * (number % 2), truth)
    )
  return entries


def _frames(num_frames, speed):
  rng = np.random.default_rng(0)
  background = rng.integers(80, 100, (64, 96, 3), np.uint8)
  for index in range(num_frames):
    frame = background.copy()
    if speed:
      left = (speed * index) % 80
      frame[20:36, left : left + 16] = 230
      frame[34:50, 80 - left : 96 - left] = 10
    yield frame


def pytest_configure(config):
  # TFDS reads its own records by a method that protobuf has come to deprecate.
  config.addinivalue_line('filterwarnings', r'ignore:label\(\) is deprecated:DeprecationWarning')


def random_params(net):
  """Returns random parameters for clips of 32 pixels, without compiling the net for it."""
  clips = jax.ShapeDtypeStruct((1, 16, 32, 32, 3), np.float32)
  shapes = jax.eval_shape(net.init, jax.random.key(0), clips)['params']
  rng = np.random.default_rng(0)

  def draw(leaf):
    scale = np.sqrt(2 / max(np.prod(leaf.shape[:-1]), 1))
    return rng.normal(0, scale, leaf.shape).astype(np.float32)

  return jax.tree.map(draw, shapes)


@pytest.fixture(scope='session')
def tiny_config(tmp_path_factory):
  """A config whose data root holds the weights of a random C3D of 32 pixels."""
  root = tmp_path_factory.mktemp('tiny')
  config = base_config.get_config()
  config.data.root = str(root)
  config.data.num_processes = 1
  config.c3d.update(weights=str(root / 'weights.npz'), width=1 / 16, size=32, batch_size=8)
  config.bags.update(max_instances=12, num_videolets=4)
  config.bags.train_division.part_lengths = (32,)
  config.bags.test_division.even_parts = (2,)
  weights.write_weights(config.c3d.weights, random_params(c3d.C3D(width=config.c3d.width)))
  return ml_collections.FrozenConfigDict(config)


@pytest.fixture(scope='session')
def tiny_entries(tiny_config):
  """The videos: 5 for training, 1 for validation, 2 for test; odd numbers are positive."""
  return write_entries(epath.Path(tiny_config.data.root))


@pytest.fixture(scope='session')
def tiny_builder():
  """The class of the builder of the videos."""
  return TinyVideos


@pytest.fixture(scope='session')
def tiny_bags(tiny_config):
  """The folder of the prepared bags."""
  return base.prepare_bags(TinyVideos, tiny_config, NO_PROGRESS)
