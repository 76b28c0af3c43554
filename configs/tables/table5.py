"""Table 5, not of the paper: mgpr_plus without each of its parts."""

import ml_collections

from configs.tables import common

_METHODS = (
    'mgpr', 'mgpr_plus', 'plus_without_trajectories', 'plus_without_growing',
    'plus_without_agreement', 'plus_with_max_instance', 'plus_with_relation',
    'plus_with_both_branches',
)


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a data set and what its config takes, see `common.create_table`."""
  return common.create_table(5, _METHODS, options)
