"""Table 3 of the paper: combinations of the losses."""

import ml_collections

from configs.tables import common

_METHODS = (
    'rank', 'mg_rank', 'ce', 'rank_ce', 'mgpr',
)


def get_config(options: str | None = None) -> ml_collections.ConfigDict:
  """Options: a data set and what its config takes, see `common.create_table`."""
  return common.create_table(3, _METHODS, options)
