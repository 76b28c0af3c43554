"""What JAX compiles, kept for the processes that come after."""

import os


def keep_compiled() -> None:
  """Lets this process and those it starts keep what they compile, and use what is kept.

  To be called before JAX is imported. The folder is JAX_COMPILATION_CACHE_DIR, which JAX takes as
  it is, or else ~/.cache/wsstad_jax; where that cannot be made, nothing is kept. Versions,
  options and devices are part of a file's name, so that nothing outdated is used; the folder
  can be removed at any time.
  """
  os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0.1')
  if 'JAX_COMPILATION_CACHE_DIR' in os.environ:
    return
  folder = os.path.expanduser('~/.cache/wsstad_jax')
  try:
    os.makedirs(folder, exist_ok=True)
  except OSError:
    return
  os.environ['JAX_COMPILATION_CACHE_DIR'] = folder
