"""Tests of what is kept of compiling."""

import os
import pathlib
import subprocess
import sys

from wsstad_jax.core import compilation

_REPOSITORY = pathlib.Path(__file__).parents[2]
_COMPILE = """
from wsstad_jax.core import compilation
compilation.keep_compiled()
import jax
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
print(jax.jit(lambda x: x * 2 + 1)(3))
"""


def run(**variables):
  environment = {key: value for key, value in os.environ.items() if not key.startswith('JAX_')}
  return subprocess.run(
      [sys.executable, '-c', _COMPILE], cwd=_REPOSITORY, env=environment | variables,
      capture_output=True, text=True, check=True,
  )


def test_a_second_process_compiles_nothing(tmp_path):
  runs = [run(HOME=str(tmp_path), JAX_LOG_COMPILES='1') for _ in range(2)]
  assert [done.stdout for done in runs] == ['7\n', '7\n']
  assert list((tmp_path / '.cache' / 'wsstad_jax').iterdir())
  assert ['Persistent compilation cache hit' in done.stderr for done in runs] == [False, True]


def test_a_folder_of_ones_own(tmp_path):
  run(HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR=str(tmp_path / 'here'))
  assert list((tmp_path / 'here').iterdir())
  assert not (tmp_path / '.cache').exists()


def test_a_place_that_is_no_folder_is_left_to_jax(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', 'gs://bucket/compiled')
  compilation.keep_compiled()
  assert os.environ['JAX_COMPILATION_CACHE_DIR'] == 'gs://bucket/compiled'
  assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_kept_it_works_all_the_same(tmp_path):
  (tmp_path / 'file').touch()
  done = run(HOME=str(tmp_path / 'file'))
  assert (done.stdout, done.stderr) == ('7\n', '')
