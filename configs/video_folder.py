"""Your own videos: --config.data.root=DIR, where DIR holds normal/ and anomalous/."""

import ml_collections

from configs import base


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a method; mgpr_plus if none: whoever brings videos wants the best there is."""
  config = base.get_config()
  config.name = 'video_folder'
  config.data.name = 'video_folder'
  config.data.root = ''  # has to be given
  config.data.prepared = 'data/video_folder'  # nothing is written among the videos
  # Some dozens of videos are soon learned, and learned by heart soon after.
  config.train.update(num_steps=150, bags_per_label=8, evaluate_every=25)
  # Events of unknown length: parts of several lengths, in frames.
  for division in (config.bags.train_division, config.bags.test_division):
    division.update(even_parts=(), part_lengths=(32, 64, 128))
  return base.apply_options(config, options or 'mgpr_plus')
