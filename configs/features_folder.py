"""Features made elsewhere: --config.data.root=DIR, where DIR holds normal/ and anomalous/."""

import ml_collections

from configs import base


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a method; mgpr if none."""
  config = base.get_config()
  config.name = 'features_folder'
  config.data.name = 'features_folder'
  config.data.root = ''  # has to be given
  config.data.prepared = 'data/features_folder'  # nothing is written among the features
  for division in (config.bags.train_division, config.bags.test_division):
    division.update(even_parts=(), part_lengths=(), min_frames=1)  # segments as they are
  return base.apply_options(config, options)
