"""What the tables of the paper share: a data set, and the methods that are compared on it."""

from collections.abc import Sequence
import importlib

import ml_collections

_DATA = ('synthetic', 'stra', 'st_ucf_crime', 'video_folder')  # files of configs/


def create_table(
    number: int, methods: Sequence[str], options: str | None
) -> ml_collections.ConfigDict:
  """Returns the config of a comparison, for --mode=compare.

  Args:
    number: of the table in the paper.
    methods: names of `base.METHODS`, in the order of rows.
    options: what stands after the colon of --config: a data set (synthetic if none) and what its
      own config takes, joined by commas: 'full', 'stra'.
  """
  words = [word for word in (options or '').split(',') if word]
  (data,) = [word for word in words if word in _DATA] or ['synthetic']
  rest = ','.join([*(word for word in words if word != data), 'mgpr'])
  config = importlib.import_module(f'configs.{data}').get_config(rest)
  config.compare.update(table=number, methods=tuple(methods))
  return config
