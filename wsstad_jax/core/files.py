"""Files that are either whole or absent, whenever the process dies."""

from collections.abc import Iterator
import contextlib
import json
import os

from wsstad_jax.core.errors import UserError


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
  """Yields a temporary path with the same ending; renames it to `path` on success."""
  folder, name = os.path.split(path)
  os.makedirs(folder or '.', exist_ok=True)
  temporary = os.path.join(folder, f'.{os.getpid()}.{name}')
  try:
    yield temporary
    os.replace(temporary, path)
  finally:
    if os.path.exists(temporary):
      os.remove(temporary)


def read_json(path: str) -> object:
  """Returns the content of a JSON file; UserError if it is missing or broken."""
  try:
    with open(path, encoding='utf-8') as file:
      return json.load(file)
  except OSError as error:
    raise UserError(f'{path} cannot be read: {error.strerror}.') from error
  except ValueError as error:
    raise UserError(f'{path} is no JSON file ({error}); remove it and run again.') from error


def write_json(path: str, content: object) -> None:
  """Writes a JSON file atomically, with sorted keys."""
  with atomic_path(path) as temporary:
    with open(temporary, 'w', encoding='utf-8') as file:
      json.dump(content, file, indent=1, sort_keys=True)
      file.write('\n')
