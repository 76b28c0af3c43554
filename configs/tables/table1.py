"""Table 1 of the paper: methods, and beside them later heads and ours."""

import ml_collections

from configs.tables import common

_METHODS = (
    'random', 'upper_bound', 'dmrm', 'gclnc', 'stil', 'asa', 'rtfm', 'urdmu', 'mgpr', 'mgpr_plus',
)


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a data set and what its config takes, see `common.create_table`."""
  return common.create_table(1, _METHODS, options)
