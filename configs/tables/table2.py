"""Table 2 of the paper: one branch or both."""

import ml_collections

from configs.tables import common

_METHODS = (
    'temporal_only', 'tube_only', 'mgpr',
)


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a data set and what its config takes, see `common.create_table`."""
  return common.create_table(2, _METHODS, options)
