"""Tests of processes."""

import operator
import os
import pathlib
import subprocess
import sys
import time

import pytest

from wsstad_jax.core import processes

_REPOSITORY = pathlib.Path(__file__).parents[2]

# A parent that tells the ids of its processes and is killed while they wait for work.
_DIE = """
import multiprocessing, os, signal
from wsstad_jax.core import processes
if __name__ == '__main__':
  with processes.process_map(2) as map_fn:
    list(map_fn(os.getpgid, [0, 0]))
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize('count', [1, 2])
def test_results_come_in_order(count):
  with processes.process_map(count) as map_fn:
    assert list(map_fn(operator.mul, range(5), [2] * 5)) == [0, 2, 4, 6, 8]


def test_one_process_is_this_one():
  with processes.process_map(1) as map_fn:
    assert map_fn is map


def test_faults_are_raised():
  with pytest.raises(ZeroDivisionError):
    with processes.process_map(2) as map_fn:
      list(map_fn(operator.truediv, [1, 1], [1, 0]))


def test_processes_end_with_a_killed_parent(tmp_path):
  script = tmp_path / 'die.py'
  script.write_text(_DIE)
  done = subprocess.run(
      [sys.executable, script], env=os.environ | {'PYTHONPATH': str(_REPOSITORY)},
      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
  )
  children = [int(pid) for pid in done.stdout.split()]
  assert 1 <= len(children) <= 2
  deadline = time.monotonic() + 10
  while any(map(_is_running, children)) and time.monotonic() < deadline:
    time.sleep(0.05)
  assert not any(map(_is_running, children))


def _is_running(pid):
  try:
    status = pathlib.Path(f'/proc/{pid}/stat').read_text('utf-8')
  except FileNotFoundError:
    return False
  return status.rsplit(')', 1)[1].split()[0] != 'Z'
