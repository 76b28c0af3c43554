"""TFDS builders, one folder for each data set."""

from collections.abc import Callable
import importlib
import os

import ml_collections
import tqdm

_BUILDERS = {
    'synthetic_traffic': 'SyntheticTraffic',
    'stra': 'Stra',
    'st_ucf_crime': 'StUcfCrime',
    'video_folder': 'VideoFolder',
    'features_folder': 'FeaturesFolder',
}


def prepare(
    config: ml_collections.ConfigDict, progress: Callable[..., tqdm.tqdm] = tqdm.tqdm
) -> str:
  """Prepares the data set `config.data.name`, as far as it is not; returns the folder.

  Args:
    config: of the run.
    progress: makes progress bars, as `tqdm.tqdm` does.

  Raises:
    UserError: the data set is unknown, or its videos or the weights cannot be read.
  """
  from tfds_builders import base  # pylint: disable=g-import-not-at-top

  return base.prepare_bags(_load(config.data.name), config, progress)


def check_files(config: ml_collections.ConfigDict) -> None:
  """Stops the program if files that a person has to bring are not in `config.data.root`.

  Raises:
    UserError: as said, or the data set is unknown.
  """
  _load(config.data.name).check_files(config)


def prepare_clips(config: ml_collections.ConfigDict) -> str:
  """Makes the clips of generic motion for pretraining, as far as missing; returns the folder."""
  from tfds_builders.generic_motion import clips  # pylint: disable=g-import-not-at-top

  return clips.make_clips(
      os.path.join(config.data.root, 'generic_motion'),
      num_videos=config.pretrain.num_videos,
      size=config.c3d.size,
      seed=config.data.seed,
      num_processes=config.data.num_processes,
  )


def _load(name: str):
  """Returns a builder class, loaded late: processes that only render need no TFDS and JAX."""
  from wsstad_jax.core.errors import UserError  # pylint: disable=g-import-not-at-top

  if name not in _BUILDERS:
    raise UserError(f'config.data.name is {name!r}; there are {", ".join(sorted(_BUILDERS))}.')
  module = importlib.import_module(f'tfds_builders.{name}.{name}_builder')
  return getattr(module, _BUILDERS[name])
