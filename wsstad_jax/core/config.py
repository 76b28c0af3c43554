"""Checks of flags, configs and run folders, before any work begins."""

from collections.abc import Iterator
import contextlib
import fcntl
import json
import os
import sys

from absl import flags
import ml_collections

from wsstad_jax.core import files
from wsstad_jax.core import provenance
from wsstad_jax.core.errors import UserError

_CHOICES = {
    'data.name': ('synthetic_traffic', 'stra', 'st_ucf_crime', 'video_folder', 'features_folder'),
    'data.boxes': ('', 'csv', 'json', 'coco', 'mot', 'cvat', 'vatic', 'liu_ma', 'sst'),
    'detector.kind': ('motion', 'onnx', 'motion+onnx', 'files'),
    'detector.onnx.channels': ('bgr', 'rgb'),
    'c3d.preprocessing': ('motion', 'caffe'),
    'c3d.dtype': ('float32', 'bfloat16'),
    'instances': ('all', 'unary'),
    'model.relation': ('attention', 'gcn', 'none'),
    'model.relation_scope': ('bag', 'overlap'),
    'model.feature_normalization': ('l2', 'none'),
    'model.dtype': ('float32', 'bfloat16'),
    'loss.pairing': ('all_pairs', 'one_to_one'),
    'loss.guidance_context': ('bag', 'alone'),
    'evaluate.retrieval': ('score', 'expected_overlap'),
}
_SUBSETS = {
    'loss.terms': ('rank', 'mg_rank', 'ce'),
    'evaluate.branches': ('tube', 'temporal'),
}
_NOT_NEGATIVE = (
    'seed', 'model.trajectory_scale', 'train.weight_decay', 'data.seed', 'data.frame_tolerance', 'data.max_gap',
    'evaluate.num_pictures',
)
_FRACTIONS = (
    'model.dropout_rate', 'data.validation_share', 'data.test_share', 'compare.confidence',
    'train.resident_share',
)
_RATIOS = ('evaluate.odds_ratio',)
# A change of these leaves every result as it is, so a run may be resumed with others.
_FREE = ('data.num_processes', 'evaluate.num_pictures', 'train.resident_', 'compare.')
_CONFIG_FILE = 'config.json'


def parse_flags(argv: list[str]) -> list[str]:
  """Parses absl flags; a fault becomes one line on stderr and exit status 2."""
  try:
    rest = flags.FLAGS(argv)
    if flags.FLAGS['config'].value is not None:
      flags.FLAGS['config'].value.to_dict()  # a file that cannot be loaded is noticed only here
    return rest
  except flags.UnrecognizedFlagError as error:
    _exit(f'there is no flag --{error.flagname}.{_suggestion(error.flagname)} See --help.')
  except UserError as error:
    _exit(str(error))
  except OSError as error:
    _exit(f'--config cannot be loaded: {str(error).strip().splitlines()[-1].strip()}')
  except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
    cause = error.args[0] if error.args else error
    for fault in (error, cause):  # ml_collections puts a KeyError into other errors
      if isinstance(fault, KeyError):
        key, *near = str(fault.args[0]).splitlines()
        _exit(' '.join([f'the config has no {key}.', *near, 'See configs/base.py for every key.']))
    cause = str(cause).strip().replace('\n', ' ').rstrip('.')
    _exit(f'{cause}. See configs/base.py for every key and its type.')


def checked(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """Returns the config frozen.

  Raises:
    UserError: listing every value that is outside its range.
  """
  faults = []
  for key, choices in _CHOICES.items():
    if _get(config, key) not in choices:
      faults.append(f'{key}={_get(config, key)!r} is none of {", ".join(choices)}')
  for key, choices in _SUBSETS.items():
    values = tuple(_get(config, key))
    if not values or not set(values) <= set(choices):
      faults.append(f'{key}={values!r} must name one or more of {", ".join(choices)}')
  if {'rank', 'mg_rank'} <= set(config.loss.terms):
    faults.append('loss.terms names both rank and mg_rank, which replace each other')
  for key, value in flatten(config).items():
    if isinstance(value, bool) or not isinstance(value, (int, float)):
      continue
    if key in _FRACTIONS:
      if not 0 <= value < 1:
        faults.append(f'{key}={value} is not in [0, 1)')
    elif key in _RATIOS:
      if not 0 < value <= 1:
        faults.append(f'{key}={value} is not in (0, 1]')
    elif value < 0 or (value == 0 and not key.startswith(_NOT_NEGATIVE)):
      faults.append(f'{key}={value} must be positive')
  if faults:
    raise UserError('the config cannot be used:\n  ' + '\n  '.join(faults))
  return ml_collections.FrozenConfigDict(config)


def flatten(config: ml_collections.ConfigDict) -> dict[str, object]:
  """Returns {'train.num_steps': 600, ...}, with lists for tuples, as JSON has it."""
  flat = {}
  for key, value in json.loads(config.to_json()).items():
    if isinstance(value, dict):
      inner = flatten(ml_collections.ConfigDict(value))
      flat.update({f'{key}.{name}': leaf for name, leaf in inner.items()})
    else:
      flat[key] = value
  return flat


def check_workdir(workdir: str, config: ml_collections.ConfigDict, *, mode: str) -> None:
  """Refuses a run folder that holds another run, or none where one is to be read.

  Raises:
    UserError: as said; the differences of the configs are listed.
  """
  path = os.path.join(workdir, _CONFIG_FILE)
  if not os.path.exists(path):
    if mode in ('evaluate', 'predict'):
      raise UserError(f'{workdir} holds no trained run; train one first (--mode=train).')
    return
  old, new, missing = files.read_json(path), flatten(config), '(absent)'
  differences = [
      f'{key}: {old.get(key, missing)!r} there, {new.get(key, missing)!r} here'
      for key in sorted(old.keys() | new.keys())
      if not key.startswith(_FREE) and old.get(key, missing) != new.get(key, missing)
  ]
  if differences:
    raise UserError(
        f'{workdir} holds a run of another config:\n  ' + '\n  '.join(differences)
        + '\nGive the same values, or another --workdir.'
    )


@contextlib.contextmanager
def open_workdir(
    workdir: str, config: ml_collections.ConfigDict, *, mode: str
) -> Iterator[None]:
  """Holds the run folder for one process and records what runs in it.

  Writes `config.json` (every knob) and adds a line to `provenance.jsonl` (command,
  versions, commit, devices).

  Raises:
    UserError: the folder is in use, or `check_workdir` refuses it.
  """
  check_workdir(workdir, config, mode=mode)
  os.makedirs(workdir, exist_ok=True)
  with open(os.path.join(workdir, '.lock'), 'w', encoding='utf-8') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
      raise UserError(f'{workdir} is in use by another process; wait for it or give another '
                      '--workdir.') from None
    path = os.path.join(workdir, _CONFIG_FILE)
    if not os.path.exists(path):
      files.write_json(path, flatten(config))
    with open(os.path.join(workdir, 'provenance.jsonl'), 'a', encoding='utf-8') as log:
      log.write(json.dumps(provenance.collect(mode=mode, seed=config.seed)) + '\n')
    yield


def _get(config: ml_collections.ConfigDict, key: str) -> object:
  for name in key.split('.'):
    config = config[name]
  return config


def _suggestion(key: str) -> str:
  import difflib  # pylint: disable=g-import-not-at-top

  near = difflib.get_close_matches(key, list(flags.FLAGS), n=1)
  return f' Did you mean --{near[0]}?' if near else ''


def _exit(message: str) -> None:
  print(f'error: {message}', file=sys.stderr)
  sys.exit(2)
