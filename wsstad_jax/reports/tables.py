"""Results of an evaluation as a table and as metrics.json."""

from collections.abc import Mapping
import math

from wsstad_jax.core import files
from wsstad_jax.metrics import summary
from wsstad_jax.reports import paper_tables

Summary = Mapping[str, float | Mapping[str, float]]  # what summary.summarize returns

_COLUMNS = ('vauc', *(f'iou@{threshold}' for threshold in summary.IOU_THRESHOLDS), 'miou')
_TITLES = {'vauc': 'VAUC', 'miou': 'MIoU'}
_PAPER_DATA = {'stra': 'STRA', 'st_ucf_crime': 'ST-UCF-Crime'}
_YARDSTICKS = {'random': 'Random', 'upper_bound': 'Upper bound'}


def format_text(method: str, results: Summary) -> str:
  """Returns the table of one method, in percent, with aligned columns for a terminal."""
  rows = _rows(method, results)
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = [
      '  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
  ]
  lines.insert(1, '-' * len(lines[0]))
  return '\n'.join(lines)


def format_markdown(method: str, results: Summary) -> str:
  """Returns the table of one method, in percent, in Markdown."""
  rows = _rows(method, results)
  rows.insert(1, ['---'] + ['---:'] * len(_COLUMNS))
  return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def beside_paper(method: str, results: Summary, *, data: str) -> dict[str, object]:
  """Returns 'heading', 'rows' and 'note' of a table of ours, in percent, and of the paper's.

  Args:
    method: a name of `METHODS`; the paper's own method stands for one that it does not have.
    results: of the method.
    data: name of the data set; where the paper does not have it, both of its sets are shown.
  """
  heading, *rows = _rows(method, results)
  shown = [{'cells': cells, 'ours': cells[0] == method} for cells in rows]
  for name in [data] if data in _PAPER_DATA else _PAPER_DATA:
    reported = paper_tables.paper_figures(1, name)
    for row in dict.fromkeys(('random', method if method in reported else 'mgpr', 'upper_bound')):
      title = f'paper, {_PAPER_DATA[name]}: {_YARDSTICKS.get(row, row)}'
      cells = [_cell(reported[row].get(column, math.nan)) for column in _COLUMNS]
      shown.append({'cells': [title, *cells], 'ours': False})
  return {
      'heading': heading,
      'rows': shown,
      'note': 'In %. ' + (
          "The paper's features and tubes are its own." if data in _PAPER_DATA else
          'The paper has other videos: its rows say what is usual there, not who is better.'
      ),
  }


def write_metrics(
    path: str, results: Mapping[str, object], *, split: str, method: str
) -> None:
  """Writes metrics.json: split, method and the figures in percent, null where undefined."""
  files.write_json(path, {'split': split, 'method': method, **_without_nan(results)})


def _rows(method: str, results: Summary) -> list[list[str]]:
  """Returns the heading and the rows of the paper's Table 1."""
  named = {'Random': results['random'], 'Upper bound': results['upper_bound'], method: results}
  heading = [_TITLES.get(column, column.replace('iou', 'IoU')) for column in _COLUMNS]
  return [['Method', *heading]] + [
      [name, *(_cell(figures[column]) for column in _COLUMNS)] for name, figures in named.items()
  ]


def _cell(figure: float) -> str:
  return '-' if math.isnan(figure) else f'{figure:.2f}'


def _without_nan(results: Mapping[str, object]) -> dict[str, object]:
  """Returns the results with None for nan, which JSON does not have."""
  return {
      key: _without_nan(value) if isinstance(value, Mapping)
      else None if isinstance(value, float) and math.isnan(value) else value
      for key, value in results.items()
  }
