"""Tests that the rooms of the design hold: who may import whom, and what is kept out where."""

import ast
from collections.abc import Iterator
import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).parents[1]

# From the bottom up. A package imports from lower lines only, not from its neighbours.
LAYERS = (
    {'core'},
    {'tubes', 'metrics', 'formats'},
    {'video', 'detections'},
    {'models', 'losses'},
    {'features'},
    {'data', 'reports'},
    {'training'},
    {'baselines'},
    {'runs'},
)
LEVELS = {package: level for level, packages in enumerate(LAYERS) for package in packages}

TENSORFLOW_AND_TORCH = {'tensorflow', 'torch', 'torchvision'}
JAX = {'jax', 'jaxlib', 'flax', 'optax', 'orbax'}
FILES = {'os', 'io', 'pathlib', 'shutil', 'tempfile', 'glob'}
FORBIDDEN = {
    'metrics': JAX | FILES,
    'tubes': JAX,
    'formats': JAX,
    'detections': JAX,
    'video': JAX,
    'models': FILES | {'absl'},
    'losses': FILES | {'absl'},
}


def find_faults(path: str, source: str) -> list[str]:
  """Returns 'path:line: what is wrong' for each rule that a module of the repository breaks."""
  folders = pathlib.PurePosixPath(path).parts[:-1]
  ours = folders[:1] == ('wsstad_jax',)
  package = folders[1] if ours and len(folders) > 1 else None
  tree = ast.parse(source)
  forbidden = TENSORFLOW_AND_TORCH | FORBIDDEN.get(package, set())
  if ours:
    forbidden |= {'tfds_builders'}
  faults = []
  if package and package not in LEVELS:
    faults.append((1, f'the package {package} has no place in LAYERS'))
  for line, names in _imports(tree, folders):
    for root in sorted({name.split('.')[0] for name in names} & forbidden):
      faults.append((line, f'{package or "this file"} must not import {root}'))
    if ours:
      faults += [(line, fault) for fault in _upward(package, names)]
  if forbidden & FILES:
    faults += [
        (node.lineno, f'{package} must not open files')
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, 'id', None) == 'open'
    ]
  return [f'{path}:{line}: {fault}' for line, fault in sorted(faults)]


def _imports(tree: ast.AST, folders: tuple[str, ...]) -> Iterator[tuple[int, set[str]]]:
  """Yields line and full dotted names of each import, also of those inside functions."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      yield node.lineno, {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      above = folders[: len(folders) - node.level + 1] if node.level else ()
      origin = '.'.join([*above, *([node.module] if node.module else [])])
      # The names may be modules: `from wsstad_jax import runs`.
      yield node.lineno, {f'{origin}.{alias.name}' for alias in node.names}


def _upward(package: str | None, names: set[str]) -> list[str]:
  level = LEVELS.get(package, -1)  # wsstad_jax/__init__.py lies below all
  targets = {name.split('.')[1] for name in names if name.startswith('wsstad_jax.')}
  return [
      f'{package or "wsstad_jax"} must not import {target}: not on a lower line of LAYERS'
      for target in sorted(targets - {package})
      if target in LEVELS and LEVELS[target] >= level
  ]


def _modules() -> list[pathlib.Path]:
  folders = ('wsstad_jax', 'configs', 'tfds_builders')
  return [REPOSITORY / 'main.py', *(p for f in folders for p in (REPOSITORY / f).rglob('*.py'))]


def test_the_repository_keeps_its_rules():
  faults = [
      fault
      for path in sorted(_modules())
      for fault in find_faults(path.relative_to(REPOSITORY).as_posix(), path.read_text('utf-8'))
  ]
  assert not faults, '\n'.join(faults)


def test_all_packages_are_looked_at():
  found = {
      path.parent.name for path in _modules() if path.parents[1] == REPOSITORY / 'wsstad_jax'
  }
  assert {'core', 'metrics', 'models', 'runs'} <= found <= LEVELS.keys()


@pytest.mark.parametrize('path, source, fault', [
    # Upwards, in each way of writing an import.
    ('tubes/a.py', 'from wsstad_jax.video import clips', 'tubes must not import video'),
    ('tubes/a.py', 'from wsstad_jax.runs.train import train', 'tubes must not import runs'),
    ('core/a.py', 'from wsstad_jax import metrics', 'core must not import metrics'),
    ('core/a.py', 'import wsstad_jax.data.bags as b', 'core must not import data'),
    ('core/a.py', 'from .. import training', 'core must not import training'),
    ('core/a.py', 'from ..losses import ranking', 'core must not import losses'),
    ('core/a.py', 'from ..losses.ranking import loss', 'core must not import losses'),
    ('core/a.py', 'def f():\n  import wsstad_jax.runs', 'core must not import runs'),
    ('__init__.py', 'from wsstad_jax.core import boxes', 'wsstad_jax must not import core'),
    # Between neighbours.
    ('models/a.py', 'from wsstad_jax.losses import ranking', 'models must not import losses'),
    ('reports/a.py', 'from wsstad_jax.data import bags', 'reports must not import data'),
    # What is kept out.
    ('metrics/a.py', 'import jax.numpy as jnp', 'metrics must not import jax'),
    ('tubes/a.py', 'from flax import linen', 'tubes must not import flax'),
    ('video/a.py', 'import optax', 'video must not import optax'),
    ('detections/a.py', 'import jax', 'detections must not import jax'),
    ('models/a.py', 'import os.path', 'models must not import os'),
    ('losses/a.py', 'from pathlib import Path', 'losses must not import pathlib'),
    ('models/a.py', 'from absl import flags', 'models must not import absl'),
    ('models/a.py', 'weights = open("w")', 'models must not open files'),
    ('metrics/a.py', 'with open("w"): pass', 'metrics must not open files'),
    ('data/a.py', 'import tensorflow as tf', 'data must not import tensorflow'),
    ('runs/a.py', 'from torch import nn', 'runs must not import torch'),
    ('data/a.py', 'import tfds_builders.stra', 'data must not import tfds_builders'),
    ('runs/a.py', 'def f():\n  import tfds_builders', 'runs must not import tfds_builders'),
    ('helpers/a.py', '', 'helpers has no place in LAYERS'),
])
def test_a_broken_rule_is_found(path, source, fault):
  faults = find_faults(f'wsstad_jax/{path}', source)
  assert len(faults) == 1
  line = source.count('\n') + 1  # each source has its fault in the last line
  assert faults[0].startswith(f'wsstad_jax/{path}:{line}: ')
  assert fault in faults[0]


@pytest.mark.parametrize('path, source', [
    ('wsstad_jax/runs/a.py', 'from wsstad_jax.training import step\nimport jax'),
    ('wsstad_jax/data/a.py', 'import tensorflow_datasets as tfds'),
    ('wsstad_jax/metrics/a.py', 'from wsstad_jax.core import boxes\nimport numpy'),
    ('wsstad_jax/metrics/a.py', 'from . import localization\nfrom .frames import frame_scores'),
    ('wsstad_jax/metrics/a.py', 'from wsstad_jax.metrics import localization'),
    ('wsstad_jax/metrics/a.py', 'from ..core import boxes'),
    ('wsstad_jax/reports/__init__.py', 'from wsstad_jax.metrics import frames'),
    ('wsstad_jax/models/a.py', 'import jax\nx.open()'),
    ('main.py', 'import tfds_builders\nfrom wsstad_jax import runs\nimport os'),
    ('tfds_builders/stra/builder.py', 'from wsstad_jax.data import bags'),
])
def test_a_kept_rule_is_not_a_fault(path, source):
  assert not find_faults(path, source)


def test_tensorflow_and_torch_are_found_outside_the_package_too():
  assert find_faults('main.py', 'import torch')
  assert find_faults('configs/base.py', 'import tensorflow')
  assert find_faults('tfds_builders/stra/builder.py', 'import tensorflow.io')


def test_several_faults_are_all_told_in_order():
  source = 'import numpy\nimport jax\nimport wsstad_jax.runs\n'
  lines = [fault.split(':')[1] for fault in find_faults('wsstad_jax/metrics/a.py', source)]
  assert lines == ['2', '3']


def test_nothing_brings_jax_in_by_a_detour():
  modules = [
      '.'.join(path.relative_to(REPOSITORY).with_suffix('').parts)
      for package, forbidden in FORBIDDEN.items() if JAX <= forbidden
      for path in sorted((REPOSITORY / 'wsstad_jax' / package).glob('*.py'))
      if path.stem != '__init__'
  ]
  program = (
      'import importlib, sys\n'
      f'for name in {modules}:\n'
      '  importlib.import_module(name)\n'
      '  assert "jax" not in sys.modules, name\n'
  )
  done = subprocess.run(
      [sys.executable, '-c', program], cwd=REPOSITORY, capture_output=True, text=True, check=False
  )
  assert done.returncode == 0, done.stderr
