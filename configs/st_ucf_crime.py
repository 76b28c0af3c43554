"""ST-UCF-Crime: UCF-Crime with tubes around its events (paper, section 4)."""

import ml_collections

from configs import base


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a method; mgpr if none."""
  config = base.get_config()
  config.name = 'st_ucf_crime'
  config.data.name = 'st_ucf_crime'
  config.data.max_gap = 150  # between the events of one video; see the data set's README.md
  return base.apply_options(config, options)
