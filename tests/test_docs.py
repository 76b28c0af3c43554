"""Tests that the documentation says what works: commands, files, functions, links."""

import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.reports import exchange
from wsstad_jax.reports import exports
from wsstad_jax.reports.predictions import Prediction

REPOSITORY = pathlib.Path(__file__).parents[1]
PAGES = [REPOSITORY / 'README.md', *sorted((REPOSITORY / 'docs').rglob('*.md'))]

# Parses and checks each command line as main.py does, in a process of its own.
_PARSE = '''
import os, shlex, sys
import main
from absl import flags
from wsstad_jax.core import config
faults = 0
for line in sys.stdin:
  if not os.fork():
    try:
      sys.argv = shlex.split(line)  # where ml_collections looks, too
      config.parse_flags(sys.argv)
      if flags.FLAGS['config'].value is not None:
        config.checked(flags.FLAGS['config'].value)
    except BaseException as fault:
      print(line, repr(fault), file=sys.stderr)
      os._exit(1)
    os._exit(0)
  faults += os.wait()[1] != 0
sys.exit(faults)
'''


def shell_lines():
  """Yields (page, command) of all shell blocks; variables of the shell become 0."""
  for path in PAGES:
    for block in re.findall(r'^```sh\n(.*?)^```', path.read_text('utf-8'), re.DOTALL | re.MULTILINE):
      for line in block.replace('\\\n', ' ').splitlines():
        yield path.relative_to(REPOSITORY).as_posix(), re.sub(r'\$\w+', '0', line.strip())


def commands():
  """Returns the command lines of main.py, also those in the README's table."""
  found = [
      match[0]
      for _, line in shell_lines()
      for match in [re.search(r'main\.py[^;]*', line)]
      if match
  ]
  table = re.findall(r'^\|.*?\| .*?`((?:python|\.\.\.) .*?)`', PAGES[0].read_text('utf-8'), re.MULTILINE)
  return found + [
      row.replace('...', 'main.py --config=configs/synthetic.py', 1).removeprefix('python ')
      for row in table
  ]


def parse(lines):
  """Returns how many command lines have faults, and what they are."""
  done = subprocess.run(
      [sys.executable, '-c', _PARSE], cwd=REPOSITORY, input='\n'.join(lines), text=True,
      capture_output=True, check=False,
  )
  return done.returncode, done.stderr


def test_every_command_can_be_parsed():
  lines = commands()
  assert len(lines) > 30
  assert parse(lines) == (0, '')


def test_wrong_commands_are_found():
  assert parse([
      'main.py --cofig=configs/synthetic.py', 'main.py --config=configs/nothing.py',
      'main.py --config=configs/synthetic.py --config.train.num_steps=-1',
      'main.py --config=configs/synthetic.py --config.train.num_steps=1',
  ])[0] == 3


def test_shell_blocks_are_shell_and_make_has_their_targets():
  targets = re.findall(r'^([\w-]+):', (REPOSITORY / 'Makefile').read_text('utf-8'), re.MULTILINE)
  for page, line in shell_lines():
    words = shlex.split(line, comments=True)
    if words and words[0] == 'make':
      assert words[1] in targets, page
  for path in PAGES:
    assert not re.search(r'^    python main\.py', path.read_text('utf-8'), re.MULTILINE), path


@pytest.fixture
def finished(tmp_path):
  """Returns a folder in which a run of the demo has been evaluated."""
  workdir = tmp_path / 'checkpoints' / 'synthetic-mgpr'
  tube = Tube(10, np.tile(np.float32([4, 4, 40, 40]), (20, 1)), TubeKind.UNARY, 0.75)
  predicted = [
      exchange.PredictedVideo('a', 25.0, np.full(50, 0.75), [Prediction(tube, None, None)],
                              np.ones(50, bool)),
  ]
  true = [exchange.TrueVideo('a', 1, 'crash', 50, 25.0, [tube])]
  exchange.write_predictions(str(workdir / 'predictions.json'), predicted)
  exchange.write_ground_truth(str(workdir / 'ground_truth.json'), true)
  exports.write(str(workdir / 'exports'), predicted, ['csv'])
  return tmp_path


def test_scoring_of_files_runs_as_written(finished):
  lines = [line for line in commands() if '--predictions=checkpoints' in line]
  assert len(lines) == 2
  for line in lines:
    done = subprocess.run(
        [sys.executable, REPOSITORY / 'main.py', *shlex.split(line)[1:]], cwd=finished, text=True,
        capture_output=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r'miou +100\.00', done.stdout)
  assert (finished / 'scored' / 'metrics.json').exists()


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.name)
def test_files_functions_and_links_are_there(page):
  text = page.read_text('utf-8')
  roots = (REPOSITORY, REPOSITORY / 'wsstad_jax')
  known = '|'.join(['configs', 'docs', 'tests', 'tfds_builders', 'wsstad_jax', *(
      path.name for path in (REPOSITORY / 'wsstad_jax').iterdir() if path.is_dir())])
  for name in set(re.findall(rf'`((?:{known})/[\w/.]+\.(?:py|md|json))`', text)):
    assert any((root / name).exists() for root in roots) or 'NAME' in name, name
  for name, function in re.findall(r'`([\w/]+\.py)`\s+`(\w+)`', text):
    (path,) = [root / name for root in roots if (root / name).exists()]
    assert re.search(rf'^(def|class) {function}\b', path.read_text('utf-8'), re.MULTILINE), function
  for target in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', text):
    assert (page.parent / target).exists(), target


def test_the_table_of_the_method_names_every_equation():
  text = (REPOSITORY / 'docs' / 'method.md').read_text('utf-8')
  assert re.findall(r'\\qquad \((\d+)\)', text) == [str(number) for number in range(1, 11)]
  knobs = (REPOSITORY / 'configs' / 'base.py').read_text('utf-8')
  for knob in re.findall(r'^\| .* \| `(\w+\.\w+)`', text, re.MULTILINE):
    assert f'config.{knob} =' in knobs, knob
