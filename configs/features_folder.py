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
  config.c3d.width = 1.0  # size of the features / 4096: 0.5 for those of 2048
  for division in (config.bags.train_division, config.bags.test_division):
    division.update(even_parts=(), part_lengths=(), min_frames=1)  # segments as they are
  return base.apply_options(config, options)
