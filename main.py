"""Command line of wsstad_jax: python main.py --config=configs/synthetic.py."""

import functools
import importlib
import os
import sys

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

from configs import base
from wsstad_jax.core import compilation
from wsstad_jax.core import config as config_lib
from wsstad_jax.core import times
from wsstad_jax.core.errors import UserError

_MODES = ('train', 'prepare', 'pretrain', 'evaluate', 'predict', 'compare', 'import_c3d')

_CONFIG = config_flags.DEFINE_config_file('config', None, 'configs/FILE.py or FILE.py:full,mgpr')
_MODE = flags.DEFINE_enum('mode', 'train', _MODES, 'What to do; train does all that is missing.')
_WORKDIR = flags.DEFINE_string('workdir', None, 'Folder of the run. Default: named by the config.')
_VIDEO = flags.DEFINE_string('video', None, 'Video file to predict.')
_WEIGHTS = flags.DEFINE_string('weights', None, 'File of torch, Keras or Caffe to import.')
_OUT = flags.DEFINE_string('out', None, 'Folder for the prediction or for imported weights (or *.npz).')
_AGAINST = flags.DEFINE_string('against', None, 'Folder of a run to evaluate the difference to.')
_EXPORT = flags.DEFINE_multi_enum(
    'export', [], ('csv', 'coco', 'mot'), 'Writes predicted tubes in this format too; repeatable.')
_PREDICTIONS = flags.DEFINE_string('predictions', None, 'Boxes of any method, to be evaluated.')
_TRUTH = flags.DEFINE_string('ground_truth', None, 'True boxes, to evaluate --predictions.')


def main(argv: list[str]) -> None:
  mode = _MODE.value
  logging.set_verbosity(logging.WARNING)
  if len(argv) > 1:
    raise UserError(f'{argv[1]!r} is no flag; options are written --name=value, see --help.')
  if mode == 'import_c3d':
    return _load('import_c3d')(_WEIGHTS.value, _OUT.value or 'checkpoints/c3d_sports1m')
  if _PREDICTIONS.value or _TRUTH.value:
    return _load('score_files')(_PREDICTIONS.value, _TRUTH.value, out=_OUT.value, mode=mode)
  if _CONFIG.value is None:
    raise UserError('--config is missing; start with --config=configs/synthetic.py.')
  config = config_lib.checked(_CONFIG.value)
  product = {'pretrain': 'c3d', 'compare': 'compare'}.get(mode, config.method)
  workdir = _WORKDIR.value or os.path.join('checkpoints', f'{config.name}-{product}')
  if mode == 'predict' and not (_VIDEO.value and _OUT.value):
    raise UserError('--mode=predict needs --video=FILE and --out=DIR.')
  if _AGAINST.value:
    from wsstad_jax.runs import pairing

    pairing.check_run(_AGAINST.value)
  import tfds_builders  # not before faults in flags are told

  if mode == 'prepare':
    return print(tfds_builders.prepare(config))  # which has nothing to do with a run folder
  if mode not in ('predict', 'pretrain'):
    tfds_builders.check_files(config)  # a mistyped data.root is told as such, not as another config
  config_lib.check_workdir(workdir, config, mode=mode)
  prepare = functools.partial(tfds_builders.prepare, progress=times.create_progress(workdir))
  prepare = tfds_builders.prepare_clips if mode == 'pretrain' else prepare
  prepared = prepare(config) if mode != 'predict' else None
  with config_lib.open_workdir(workdir, config, mode=mode):
    if mode == 'compare':
      _load('compare')(config, workdir, prepare=prepare, apply_method=base.apply_method)
    if mode == 'pretrain':
      _load('pretrain')(config, workdir, prepared)
    if mode == 'train':
      _load('train')(config, workdir, prepared)
    if mode in ('train', 'evaluate'):
      _load('evaluate')(config, workdir, prepared, against=_AGAINST.value, export=_EXPORT.value)
    if mode == 'predict':
      _load('predict')(config, workdir, video=_VIDEO.value, out=_OUT.value, export=_EXPORT.value)


def _load(mode: str):
  """Returns what runs a mode; --help and the other modes do not wait for its imports."""
  return getattr(importlib.import_module(f'wsstad_jax.runs.{mode}'), mode)


def _run_or_explain(argv: list[str]) -> None:
  try:
    main(argv)
  except UserError as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  compilation.keep_compiled()
  app.run(_run_or_explain, flags_parser=config_lib.parse_flags)
