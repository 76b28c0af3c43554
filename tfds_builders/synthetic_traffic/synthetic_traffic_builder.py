"""Rendered traffic with and without accidents; nothing has to be downloaded."""

import os

from tfds_builders import base
from tfds_builders.synthetic_traffic import videos


class SyntheticTraffic(base.BagBuilder):
  """Videos that are rendered, as far as they are missing, from `config.data.seed`."""

  @classmethod
  def folder(cls, config):
    return os.path.join(super().folder(config), f'{config.data.size}-{config.data.seed}')

  @classmethod
  def list_videos(cls, config, progress):
    plans = videos.plan_videos(size=config.data.size, seed=config.data.seed)
    return videos.write_videos(
        plans,
        os.path.join(cls.folder(config), 'videos'),
        num_processes=config.data.num_processes,
        progress=progress,
    )
