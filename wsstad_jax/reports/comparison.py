"""Several methods beside each other: as Markdown, as CSV, as a picture and as a page."""

from collections.abc import Mapping, Sequence
import csv
import math
import pathlib
from urllib import parse

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wsstad_jax.core import files
from wsstad_jax.reports import colors
from wsstad_jax.reports import html_file

# Of a method and a figure: 'value', 'low', 'high' in percent, and under 'difference' the same of
# the method minus the reference.
Cell = Mapping[str, object]
Results = Mapping[str, Mapping[str, Cell]]  # method -> figure -> cell
Paper = Mapping[str, Mapping[str, float]]  # method -> figure -> percent

_DRAWN = ('vauc', 'miou')


def title(figure: str) -> str:
  """Returns the name of a figure as the paper writes it: 'VAUC', 'MIoU', 'IoU@0.1'."""
  return {'vauc': 'VAUC', 'miou': 'MIoU'}.get(figure, figure.replace('iou', 'IoU'))


def format_markdown(
    results: Results, paper: Paper, *, reference: str, note: str, caution: str = ''
) -> str:
  """Returns a page with a table of figures and one of differences to the reference.

  Args:
    results: of all methods.
    paper: the paper's figures, shown in own columns; empty if it has none.
    reference: the method that differences are to.
    note: what was compared, a sentence.
    caution: why no difference is to be marked, a sentence; '' if that may be.
  """
  figures = list(next(iter(results.values())))
  reported = [name for name in figures if any(name in row for row in paper.values())]
  heading = ['Method', *map(title, figures), *(f'{title(name)} (paper)' for name in reported)]
  rows = [
      [method, *(_interval(cells[name]) for name in figures),
       *(_number(paper.get(method, {}).get(name, math.nan)) for name in reported)]
      for method, cells in results.items()
  ]
  lines = [note, '', *_table(heading, rows)]
  others = [method for method in results if method != reference]
  if reference in results and others:
    rows = [
        [method, *(_difference(results[method][name]['difference'], caution) for name in figures)]
        for method in others
    ]
    lines += [
        '', f'Method minus {reference}. ' + (
            caution or 'Bold where the interval excludes zero; nothing else is a difference that these '
            'videos and seeds can show.'
        ), '',
        *_table(['Method', *map(title, figures)], rows),
    ]
  return '\n'.join(lines) + '\n'


def write_csv(path: str, results: Results, paper: Paper) -> None:
  """Writes one line for each method and figure."""
  columns = ('value', 'low', 'high')
  with files.atomic_path(path) as temporary:
    with open(temporary, 'w', encoding='utf-8', newline='') as file:
      writer = csv.writer(file, lineterminator='\n')
      differences = [f'difference_{name}' for name in columns]
      writer.writerow(['method', 'figure', *columns, *differences, 'paper'])
      for method, cells in results.items():
        for name, cell in cells.items():
          values = [cell[column] for column in columns]
          values += [cell.get('difference', {}).get(column) for column in columns]
          values.append(paper.get(method, {}).get(name))
          writer.writerow([method, name, *(_plain(value) for value in values)])


def write_plot(path: str, results: Results, paper: Paper) -> None:
  """Draws VAUC and MIoU of each method with their intervals, the paper's as crosses, to a .png."""
  methods = list(results)
  figure = Figure(figsize=(9, 1.2 + 0.35 * len(methods)), layout='constrained')
  canvas = FigureCanvasAgg(figure)
  for axes, name in zip(figure.subplots(1, len(_DRAWN), sharey=True), _DRAWN):
    for row, method in enumerate(methods):
      cell = results[method][name]
      if math.isnan(cell['value']):
        continue
      color = [channel / 255 for channel in colors.CURVE]
      axes.plot([cell['low'], cell['high']], [row, row], color=color)
      axes.plot(cell['value'], row, 'o', color=color)
      if name in paper.get(method, {}):
        axes.plot(paper[method][name], row, 'x', color='dimgrey')
    axes.set(xlabel=f'{title(name)} (%)', yticks=range(len(methods)), yticklabels=methods)
    axes.grid(axis='x', alpha=0.3)
  axes.invert_yaxis()  # shared
  with files.atomic_path(path) as temporary:
    canvas.print_png(temporary)


def write_page(
    path: str,
    tables: Mapping[str, Mapping[str, object]],
    *,
    title: str,
    provenance: Mapping[str, object],
) -> None:
  """Writes a page of all tables.

  Args:
    path: .html file; the plots of the tables lie beside it, as <name>.png.
    tables: by name, as their .json files have them: 'note', 'caution', 'reference', 'paper',
      'methods', and 'reports': the pages of the runs of each method, by seed, relative to the page.
    title: heading.
    provenance: see `html_file.write`.
  """
  html_file.write(
      path,
      'comparison.html',
      title=title,
      summary='Methods with intervals, and their differences on the same videos.',
      tables=[_describe(name, table, pathlib.Path(path).parent) for name, table in tables.items()],
      provenance=provenance,
  )


def _describe(name: str, table: Mapping, folder: pathlib.Path) -> dict[str, object]:
  results, paper, reference = table['methods'], table['paper'], table['reference']
  figures = list(next(iter(results.values())))
  reported = [figure for figure in figures if any(figure in row for row in paper.values())]
  names = ['Method', *map(title, figures)]
  others = [method for method in results if method != reference] if reference in results else []
  caution = table.get('caution', '')  # which tables of earlier versions lack
  return {
      'title': name.replace('table', 'Table '),
      'note': table['note'],
      'caution': caution,
      'reference': reference,
      'heading': [*names, *(f'{title(figure)} (paper)' for figure in reported)],
      'names': names,
      'rows': [
          {
              'method': method,
              'ours': method == reference,
              'cells': [_shown(cells[figure]) for figure in figures]
              + [_shown(dict.fromkeys(('value', 'low', 'high'), paper.get(method, {}).get(figure)))
                 for figure in reported],
              'links': [
                  (seed, parse.quote(link)) for seed, link in table['reports'][method].items()
              ],
          }
          for method, cells in results.items()
      ],
      'differences': [
          {'method': method,
           'cells': [
               _shown(results[method][figure]['difference'], signed=True, marked=not caution)
               for figure in figures
           ]}
          for method in others
      ],
      'plot': html_file.embed((folder / f'{name}.png').read_bytes(), 'png'),
  }


def _shown(cell: Cell, signed: bool = False, marked: bool = False) -> dict[str, str]:
  """Returns value and interval as text, and for a marked difference what it shows."""
  value, low, high = (
      math.nan if cell[key] is None else cell[key] for key in ('value', 'low', 'high')
  )
  if math.isnan(value):
    return {'value': '-', 'range': '', 'verdict': ''}
  differs = marked and (low > 0 or high < 0)
  return {
      'value': f'{value:+.2f}' if signed else _number(value),
      'range': '' if math.isnan(low) or low == high else f'{_number(low)} to {_number(high)}',
      'verdict': ('better' if value > 0 else 'worse') if differs else '',
  }


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
  rule = ['---'] + ['---:'] * (len(heading) - 1)
  return [f'| {" | ".join(row)} |' for row in (heading, rule, *rows)]


def _interval(cell: Cell) -> str:
  if math.isnan(cell['value']):
    return '-'
  return f'{_number(cell["value"])} [{_number(cell["low"])}, {_number(cell["high"])}]'


def _difference(cell: Cell, caution: str) -> str:
  text = _interval({name: cell[name] for name in ('value', 'low', 'high')})
  return f'**{text}**' if not caution and (cell['low'] > 0 or cell['high'] < 0) else text


def _number(value: float) -> str:
  return '-' if math.isnan(value) else f'{value:.2f}'


def _plain(value: float | None) -> str:
  return '' if value is None or math.isnan(value) else f'{value:.4f}'
