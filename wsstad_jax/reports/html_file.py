"""Pages that are one file each, need no network, and tell what they were made with.

All text goes through the escaping of the templates, and data of scripts through JSON in which
no markup can stand, so that names of videos may hold anything.
"""

import base64
from collections.abc import Mapping, Sequence
import pathlib

import jinja2

from wsstad_jax.core import files

_TEMPLATES = pathlib.Path(__file__).parent / 'templates'
_FOLDED = {'versions': 'Versions of packages', 'config': 'Config'}


def write(
    path: str, template: str, *, provenance: Mapping[str, object], **values: object
) -> None:
  """Writes a page.

  Args:
    path: .html file.
    template: file in `templates/` that extends base.html.
    provenance: what the results were made with; 'times' are rows of `core.times`, 'versions'
      and 'config' are shown on demand.
    **values: of the template, `title` and `summary` among them.
  """
  environment = jinja2.Environment(
      loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
  )
  text = environment.get_template(template).render(made=_made(provenance), **values)
  with files.atomic_path(path) as temporary:
    pathlib.Path(temporary).write_text(text, encoding='utf-8')


def embed(content: bytes, kind: str) -> str:
  """Returns a picture as an address that holds it; `kind` is 'png' or 'svg+xml'."""
  return f'data:image/{kind};base64,{base64.b64encode(content).decode("ascii")}'


def format_seconds(seconds: float) -> str:
  """Returns '0.25 s', '12.5 s', '3 min 20 s' or '2 h 05 min'."""
  if seconds < 10:
    return f'{seconds:.2f} s'
  if seconds < 100:
    return f'{seconds:.1f} s'
  minutes, seconds = divmod(round(seconds), 60)
  if minutes < 60:
    return f'{minutes} min {seconds:02d} s'
  return f'{minutes // 60} h {minutes % 60:02d} min'


def _made(provenance: Mapping[str, object]) -> dict[str, object]:
  facts = [
      (name, _text(value)) for name, value in provenance.items() if name not in (*_FOLDED, 'times')
  ]
  folded = [
      (title, [(key, _text(value)) for key, value in provenance[name].items()])
      for name, title in _FOLDED.items()
      if name in provenance
  ]
  return {'times': _times(provenance.get('times', ())), 'facts': facts, 'folded': folded}


def _times(rows: Sequence[Mapping]) -> list[list[str]]:
  return [
      [
          row['stage'],
          format_seconds(row['seconds']),
          f'{row["count"]} {row["unit"]}{"s" * (row["count"] != 1)}',
          format_seconds(row['seconds'] / row['count']) if row['count'] else '-',
      ]
      for row in rows
  ]


def _text(value: object) -> str:
  if isinstance(value, (list, tuple)):
    return ' '.join(map(str, value))
  return str(value)
