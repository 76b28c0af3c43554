"""Files that are either whole or absent, whenever the process dies, and folders known as whole."""

from collections.abc import Iterator
import contextlib
import hashlib
import json
import os

from wsstad_jax.core.errors import UserError

DIGESTS = 'sha256.json'  # of all other files in a folder


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


def write_digests(folder: str) -> None:
  """Notes the digest of every file below a folder, in the folder: Orbax overlooks some damage."""
  write_json(os.path.join(folder, DIGESTS), _digests(folder))


def find_damage(folder: str) -> str | None:
  """Returns a file that is not as `write_digests` found it, None if all are."""
  recorded, found = read_json(os.path.join(folder, DIGESTS)), _digests(folder)
  return next((name for name in recorded if found.get(name) != recorded[name]), None)


def _digests(folder: str) -> dict[str, str]:
  """Returns the digest of every file by its path relative to the folder."""
  digests = {}
  for parent, _, names in os.walk(folder):
    for name in names:
      path = os.path.join(parent, name)
      with open(path, 'rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
      digests[os.path.relpath(path, folder)] = digest
  return digests
