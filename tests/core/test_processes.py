"""Tests of processes."""

import operator
import os
import pathlib
import subprocess
import sys
import threading
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


def noting(read):
  """Yields twenty numbers and notes in `read` which have been asked for."""
  for number in range(20):
    read.append(number)
    yield number


def test_threads_keep_the_order_and_read_little_ahead():
  read = []

  def square(number):
    time.sleep(0.01 * (number % 3))
    return number**2

  with processes.thread_map(3) as map_fn:
    for number, result in enumerate(map_fn(square, noting(read))):
      assert result == number**2
      assert len(read) <= number + 4
  assert len(read) == 20


def test_threads_work_at_the_same_time():
  barrier = threading.Barrier(3, timeout=10)
  with processes.thread_map(3) as map_fn:
    assert len(list(map_fn(lambda _: barrier.wait(), range(3)))) == 3


def test_faults_of_threads_and_of_what_they_are_given_are_raised():
  def items():
    yield 1
    raise OSError('the disk is gone')

  with processes.thread_map(2) as map_fn:
    with pytest.raises(ZeroDivisionError):
      list(map_fn(lambda number: 1 / number, [1, 0, 1]))
    with pytest.raises(OSError, match='the disk is gone'):
      list(map_fn(float, items()))


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


def test_a_thread_reads_ahead_in_order_and_no_further_than_it_may():
  read, found = [], []

  def items():
    yield from noting(read)
    raise OSError('the disk is gone')

  with pytest.raises(OSError, match='the disk is gone'):
    for number in processes.read_ahead(items()):
      found.append(number)
      assert len(read) <= number + 4
  assert found == read == list(range(20))


def test_what_is_read_ahead_can_be_left():
  for number in processes.read_ahead(iter(range(10**9))):
    if number == 5:
      break
  assert not list(processes.read_ahead(()))
