"""Tests of the table of several methods."""

import csv
import math

from wsstad_jax.reports import comparison
from wsstad_jax.reports import paper_tables


def make_cell(value, low, high, difference=None):
  cell = {'value': value, 'low': low, 'high': high}
  if difference:
    cell['difference'] = dict(zip(('value', 'low', 'high'), difference))
  return cell


RESULTS = {
    'mgpr': {'vauc': make_cell(90, 85, 95), 'miou': make_cell(8, 7, 9)},
    'dmrm': {
        'vauc': make_cell(80, 75, 85, (-10, -15, -5)), 'miou': make_cell(7.5, 6, 9, (-0.5, -2, 1)),
    },
}
PAPER = {'mgpr': {'miou': 7.23}}


def test_markdown_by_hand():
  page = comparison.format_markdown(RESULTS, PAPER, reference='mgpr', note='24 videos.')
  lines = page.splitlines()
  assert lines[:6] == [
      '24 videos.',
      '',
      '| Method | VAUC | MIoU | MIoU (paper) |',
      '| --- | ---: | ---: | ---: |',
      '| mgpr | 90.00 [85.00, 95.00] | 8.00 [7.00, 9.00] | 7.23 |',
      '| dmrm | 80.00 [75.00, 85.00] | 7.50 [6.00, 9.00] | - |',
  ]
  assert lines[-1] == '| dmrm | **-10.00 [-15.00, -5.00]** | -0.50 [-2.00, 1.00] |'
  assert 'Method minus mgpr' in page


def test_nothing_is_marked_where_videos_are_few(tmp_path):
  page = comparison.format_markdown(
      RESULTS, PAPER, reference='mgpr', note='', caution='Only 4 videos.'
  )
  assert 'Method minus mgpr. Only 4 videos.\n' in page and '**' not in page and 'Bold' not in page
  page = write_tables(tmp_path, caution='Only 4 videos.', table1=RESULTS)
  assert '<p class="note">Only 4 videos.</p>' in page and 'Coloured' not in page
  assert '<td>-10.00<br>' in page and 'class="worse"' not in page


def test_without_reference_or_paper_there_is_one_table():
  page = comparison.format_markdown({'dmrm': RESULTS['dmrm']}, {}, reference='mgpr', note='')
  assert 'minus' not in page and 'paper' not in page


def test_csv_has_a_line_for_each_figure(tmp_path):
  results = RESULTS | {'stil': {'vauc': make_cell(math.nan, math.nan, math.nan)}}
  comparison.write_csv(str(tmp_path / 'a.csv'), results, PAPER)
  with open(tmp_path / 'a.csv', encoding='utf-8', newline='') as file:
    rows = list(csv.DictReader(file))
  assert [(row['method'], row['figure']) for row in rows] == [
      ('mgpr', 'vauc'), ('mgpr', 'miou'), ('dmrm', 'vauc'), ('dmrm', 'miou'), ('stil', 'vauc')
  ]
  assert rows[2]['difference_low'] == '-15.0000' and rows[0]['difference_low'] == ''
  assert rows[1]['paper'] == '7.2300' and rows[4]['value'] == ''


def test_the_plot_is_written_also_with_undefined_figures(tmp_path):
  nothing = make_cell(math.nan, math.nan, math.nan)
  results = RESULTS | {'stil': {'vauc': nothing, 'miou': nothing}}
  comparison.write_plot(str(tmp_path / 'a.png'), results, PAPER)
  assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')


def test_the_papers_figures_are_shown_on_its_data_alone():
  stra = paper_tables.paper_figures(1, 'stra')
  assert stra['mgpr'] == {'vauc': 92.88, 'iou@0.2': 15.87, 'iou@0.1': 20.63, 'miou': 7.23}
  assert len(stra) == 7
  assert paper_tables.paper_figures(3, 'st_ucf_crime')['mg_rank'] == {'vauc': 76.83, 'miou': 8.1}
  assert paper_tables.paper_figures(1, 'synthetic_traffic') == {}
  assert paper_tables.paper_figures(9, 'stra') == {}


def write_tables(folder, caution='', **names):
  """Writes a page of tables whose results are given by name; returns its text."""
  tables = {}
  for name, results in names.items():
    comparison.write_plot(str(folder / f'{name}.png'), RESULTS, PAPER)
    tables[name] = {
        'methods': results, 'paper': PAPER, 'reference': 'mgpr', 'note': '24 videos & more.',
        'caution': caution,
        'reports': {method: {'0': f'{method}-seed0/report.html'} for method in results},
    }
  path = folder / 'report.html'
  comparison.write_page(str(path), tables, title='Methods <on> data', provenance={'seed': 7})
  return path.read_text('utf-8')


def test_the_page_holds_all_tables_their_differences_and_plots(tmp_path):
  page = write_tables(tmp_path, table1=RESULTS, table2={'dmrm': RESULTS['dmrm']})
  assert page.count('<section>') == 2 and 'Table 1' in page and 'Table 2' in page
  assert page.count('data:image/png') == 2 and '24 videos &amp; more.' in page
  assert 'Methods &lt;on&gt; data' in page and '<dd>7</dd>' in page
  assert page.count('Method minus mgpr') == 1  # the second table has no reference
  assert '<td class="worse">-10.00<br><span class="note">-15.00 to -5.00</span></td>' in page
  assert '<td>-0.50<br><span class="note">-2.00 to 1.00</span></td>' in page
  assert page.count('href="dmrm-seed0/report.html"') == 2
  assert '<td>7.23</td>' in page


def test_undefined_figures_are_dashes_on_the_page(tmp_path):
  nothing = make_cell(None, None, None, (None, None, None))
  results = {'mgpr': RESULTS['mgpr'], 'stil': {'vauc': nothing, 'miou': nothing}}
  page = write_tables(tmp_path, table1=results)
  assert '<td>stil</td><td>-</td><td>-</td>' in page and 'class="better"' not in page
