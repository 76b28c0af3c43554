"""Tests of --mode=import_c3d as a process."""

import pathlib
import subprocess
import sys

import pytest

_REPOSITORY = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize('arguments, told', [
    ((), '--mode=import_c3d needs --weights=FILE: a torch pickle'),
    (('--weights=missing.pickle',), 'missing.pickle is not there'),
    (('--weights=README.md',), 'README.md cannot be read as a torch pickle'),
    (('--weights=README.md', '--out=a.h5'), '--out=a.h5 must end in .npz'),
    (('--weights=checkpoints/c3d_small.npz',), 'zip file without data.pkl'),
])
def test_faults_have_one_message(arguments, told):
  done = subprocess.run(
      [sys.executable, 'main.py', '--mode=import_c3d', *arguments], cwd=_REPOSITORY,
      capture_output=True, text=True, check=False,
  )
  assert done.returncode == 2
  assert 'Traceback' not in done.stderr
  (message,) = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
  assert told in message
