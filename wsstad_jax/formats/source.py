"""A file that is read, and the words for what is wrong with it."""

from collections.abc import Iterator
import json
import os

from wsstad_jax.core.errors import UserError

_SHOWN = 60  # characters of a value that a message repeats


class Source:
  """One file of a known format.

  Attributes:
    path: the file.
    expected: the format in a few words, for messages.
  """

  def __init__(self, path: str | os.PathLike, expected: str):
    self.path = os.fspath(path)
    self.expected = expected

  def place(self, entry: str) -> str:
    """Returns where an entry ('row 3') is, with the file."""
    return f'{self.path}, {entry}'

  def fault(self, entry: str, found: str) -> UserError:
    """Returns the error that says what was found at an entry ('' for the whole file)."""
    place = self.place(entry) if entry else self.path
    found = ''.join(sign if sign.isprintable() else '?' for sign in found)
    return UserError(f'{place}: {found}. Expected {self.expected}.')

  def read_bytes(self) -> bytes:
    """Returns the content; UserError if there is none."""
    try:
      with open(self.path, 'rb') as file:
        content = file.read()
    except OSError as error:
      raise self.fault('', f'it cannot be read ({error.strerror})') from error
    if not content.strip():
      raise self.fault('', 'it is empty')
    return content

  def read_text(self) -> str:
    """Returns the content as UTF-8 text; UserError if it is none."""
    content = self.read_bytes()
    try:
      text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
      row = content.count(b'\n', 0, error.start) + 1
      raise self.fault(f'row {row}', f'it is no UTF-8 text (byte {error.start})') from error
    if '\0' in text:
      row = text.count('\n', 0, text.index('\0')) + 1
      raise self.fault(f'row {row}', 'it is no text: it holds a zero byte')
    return text

  def read_rows(self) -> Iterator[tuple[str, str]]:
    """Yields ('row 1', text) for each line that is not blank."""
    for number, line in enumerate(self.read_text().splitlines(), start=1):
      if line.strip():
        yield f'row {number}', line.strip()

  def read_json(self) -> object:
    """Returns the content of a JSON file in which no key stands twice and no number is NaN."""
    try:
      return json.loads(
          self.read_text(), object_pairs_hook=_without_duplicates, parse_constant=_refuse
      )
    except json.JSONDecodeError as error:
      raise self.fault(f'row {error.lineno}', f'it is no JSON ({error.msg})') from error
    except ValueError as error:
      raise self.fault('', f'it is no JSON that can be used ({error})') from error
    except RecursionError as error:
      raise self.fault('', 'it is nested too deeply') from error

  def mapping(self, value: object, entry: str) -> dict:
    """Returns the value, which has to be an object (of names and values)."""
    if not isinstance(value, dict):
      raise self.fault(entry, f'there is {shown(value)} where an object is expected')
    return value

  def sequence(self, value: object, entry: str, length: int | None = None) -> list:
    """Returns the value, which has to be a list, of `length` entries if that is given."""
    if not isinstance(value, list):
      raise self.fault(entry, f'there is {shown(value)} where a list is expected')
    if length is not None and len(value) != length:
      raise self.fault(entry, f'there are {len(value)} entries where {length} are expected')
    return value

  def field(self, entries: dict, name: str, entry: str) -> object:
    """Returns the value of a name, which has to be there."""
    if name not in entries:
      raise self.fault(entry, f'{name!r} is missing')
    return entries[name]


def shown(value: object) -> str:
  """Returns a value as a message repeats it: in one line and not too long."""
  text = repr(value[:_SHOWN] if isinstance(value, str) else value)
  return text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict:
  entries = dict(pairs)
  if len(entries) < len(pairs):
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f'{shown(twice)} stands twice in one object')
  return entries


def _refuse(constant: str):
  raise ValueError(f'{constant} is no number')
