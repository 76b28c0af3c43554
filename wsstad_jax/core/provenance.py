"""What a result was made with: code, versions, machine and command."""

import datetime
from importlib import metadata
import os
import platform
import subprocess
import sys

_PACKAGES = (
    'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'tensorflow-datasets', 'grain',
    'numpy', 'scipy', 'opencv-python-headless', 'av',
)


def collect(*, mode: str, seed: int) -> dict[str, object]:
  """Returns a JSON-able record of the running process."""
  import jax  # pylint: disable=g-import-not-at-top

  return {
      'mode': mode,
      'seed': seed,
      'command': sys.argv,
      'started': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
      'commit': git_commit(),
      'python': platform.python_version(),
      'platform': platform.platform(),
      'processor': f'{os.cpu_count()} x {_processor()}',
      'memory': f'{os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30:.0f} GiB',
      'devices': [f'{device} ({device.device_kind})' for device in jax.devices()],
      'versions': {name: package_version(name) for name in _PACKAGES},
  }


def git_commit() -> str:
  """Returns the commit of this code, with '+changes' if files differ; 'unknown' without git."""
  folder = os.path.dirname(os.path.abspath(__file__))
  try:
    commit = _git(folder, 'rev-parse', 'HEAD')
    return commit + ('+changes' if _git(folder, 'status', '--porcelain') else '')
  except (OSError, subprocess.CalledProcessError):
    return 'unknown'


def _processor() -> str:
  """Returns the model of the processor."""
  try:
    with open('/proc/cpuinfo', encoding='utf-8') as file:
      rows = dict(line.split(':', 1) for line in map(str.strip, file) if ':' in line)
    return {key.strip(): value for key, value in rows.items()}['model name'].strip()
  except (OSError, KeyError):  # another system, or a processor without that line
    return platform.machine()


def _git(folder: str, *arguments: str) -> str:
  done = subprocess.run(
      ['git', '-C', folder, *arguments], check=True, capture_output=True, text=True
  )
  return done.stdout.strip()


def package_version(package: str) -> str:
  """Returns its version, or 'absent'."""
  try:
    return metadata.version(package)
  except metadata.PackageNotFoundError:
    return 'absent'
