"""What JAX compiles, kept for the processes that come after."""

import os


def keep_compiled() -> None:
  """Lets this process and those it starts keep what they compile, and use what is kept.

  To be called before JAX is imported. The folder is ~/.cache/wsstad_jax, or
  JAX_COMPILATION_CACHE_DIR if that is set. Versions, options and devices are part of a file's
  name, so that nothing outdated is used; the folder can be removed at any time. Where it
  cannot be made, nothing is kept.
  """
  folder = os.path.expanduser('~/.cache/wsstad_jax')
  folder = os.environ.get('JAX_COMPILATION_CACHE_DIR', folder)
  try:
    os.makedirs(folder, exist_ok=True)
  except OSError:
    return
  os.environ['JAX_COMPILATION_CACHE_DIR'] = folder
  os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0.1')
