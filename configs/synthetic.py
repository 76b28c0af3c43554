"""Rendered traffic accidents: the whole system on a CPU, with nothing to download."""

import ml_collections

from configs import base


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a size (full, tiny; demo if none) and a method, joined by a comma."""
  config = base.get_config()
  config.name = 'synthetic'
  config.data.name = 'synthetic_traffic'
  # 15 frames a second; an accident takes two to four seconds. Chosen by the upper bound on
  # videos of another data seed.
  config.detector.motion.hold_frames = 60
  config.detector.motion.min_area_share = 0.0012
  config.tubes.linking.min_length = 20
  config.tubes.linking.max_gap = 20
  config.tubes.multivariate.contact = 2.0
  config.tubes.multivariate.duplicate_overlap = 0.85
  for division in (config.bags.train_division, config.bags.test_division):
    division.update(even_parts=(), part_lengths=(40, 52), stride_fraction=0.25, min_frames=24)
  config.train.num_steps = 150  # a bag of few sites is learned by heart soon
  config.train.evaluate_every = 25
  return base.apply_options(config, options, sizes=('full', 'tiny'))
