"""STRA: road accidents (paper, section 4)."""

import ml_collections

from configs import base


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a method; mgpr if none."""
  config = base.get_config()
  config.name = 'stra'
  config.data.name = 'stra'
  return base.apply_options(config, options)
