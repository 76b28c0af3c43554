"""Table 4 of the paper: how instances see each other."""

import ml_collections

from configs.tables import common

_METHODS = (
    'without_relation', 'without_multivariate', 'gcn_relation', 'mgpr',
)


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a data set and what its config takes, see `common.create_table`."""
  return common.create_table(4, _METHODS, options)
