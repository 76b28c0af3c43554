"""Rendered traffic accidents: the whole system on a CPU, with nothing to download."""

import ml_collections

from configs import base


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a size (full, tiny; demo if none) and a method, joined by a comma."""
  config = base.get_config()
  config.name = 'synthetic'
  config.data.name = 'synthetic_traffic'
  return base.apply_options(config, options, sizes=('full', 'tiny'))
