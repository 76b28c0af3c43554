"""Figures with their intervals, and differences of two runs, as text and for JSON."""

import collections
from collections.abc import Iterable, Mapping, Sequence
import math

from wsstad_jax.metrics import figures
from wsstad_jax.metrics import intervals

_NO_VERDICT = 'not told apart'
_FEWEST = 10  # test videos of a label, for an interval over videos to be worth something
# By the begin of the name, the longest that fits.
_MEANINGS = {
    'vauc': 'ROC area: are abnormal videos told from normal ones?',
    'miou': 'mean S_loc: how well the top-1 tube meets the event, in space and time',
    'miou_all_frames': 'the same, whether or not the detector gave boxes',
    'miou_truth_frames': 'overlap in the frames of the event alone',
    'iou@': 'share of abnormal videos whose S_loc is above the threshold',
    'frame_auc': 'ROC area over all frames',
    'frame_auc:': 'the same, over one category and the normal videos',
    'frame_auc_within': 'ROC area within a video: is the moment found?',
    'frame_ap': 'average precision over all frames',
    'tiou': 'overlap of the best region with the event, every 16 frames',
    'tiou_boxed': 'the same, where there is a region',
    'rbdc': 'share of true boxes found, over false ones a frame',
    'tbdc': 'share of true tracks found, over false boxes a frame',
    'false_alarms_per_hour': 'alarms outside of events, where this share of the events is noticed',
    'seconds_to_detection': 'from the begin of an event to its alarm',
}


def caution_of(labels: Iterable[int]) -> str:
  """Returns a sentence if few test videos have a label, '' if there are enough of either.

  Args:
    labels: of the test videos, 1 abnormal, 0 normal.
  """
  counts = collections.Counter(labels)
  if min(counts[0], counts[1]) >= _FEWEST:
    return ''
  return (f'Only {counts[1]} abnormal and {counts[0]} normal test videos: '
          'intervals over so few say little.')


def format_figures(measured: Mapping[str, intervals.Interval], caution: str = '') -> str:
  """Returns the figures that are defined, one a line, with their intervals and units.

  Args:
    measured: by name.
    caution: see `caution_of`; a last line.
  """
  rows = [('figure', 'value', '95 % interval', '')]
  rows += [
      (name, _text(found.value), _range(found), unit(name))
      for name, found in measured.items()
      if not math.isnan(found.value)
  ]
  return _align(rows) + f'\n{caution}'.rstrip()


def format_differences(
    differences: Mapping[str, intervals.Difference],
    measured: Mapping[str, intervals.Interval],
    caution: str = '',
) -> str:
  """Returns, one a line, our figure, the difference to the other run, and what it shows.

  A figure is said to be better or worse only if the interval of the difference leaves out
  0; with as many figures as there are, one in twenty does so by chance. With a `caution` (see
  `caution_of`), which is a last line, none is.
  """
  rows = [('figure', 'this run', 'minus other', '95 % interval', '', 'ahead', '')]
  for name, found in differences.items():
    if not math.isnan(found.value):
      rows.append((
          name, _text(measured[name].value), f'{found.value:+.2f}', _range(found), unit(name),
          '-' if math.isnan(found.probability) else f'{found.probability:.2f}',
          _NO_VERDICT if caution else verdict(name, found),
      ))
  return _align(rows) + f'\n{caution}'.rstrip()


def verdict(name: str, found: intervals.Difference) -> str:
  """Returns 'better' or 'worse' if the interval leaves out 0, else 'not told apart'."""
  if math.isnan(found.low) or found.low <= 0 <= found.high:
    return _NO_VERDICT
  return 'better' if (found.value > 0) != _is_cost(name) else 'worse'


def unit(name: str) -> str:
  """Returns the unit of a figure."""
  if not _is_cost(name):
    return '%'
  return 's' if name.startswith('seconds') else 'per hour'


def meaning(name: str) -> str:
  """Returns in a few words what a figure says; '' if that is not known."""
  fitting = [key for key in _MEANINGS if name.startswith(key)]
  return _MEANINGS[max(fitting, key=len)] if fitting else ''


def to_json(measured: Mapping[str, intervals.Interval]) -> dict[str, dict[str, float | None]]:
  """Returns each figure as value, low and high (and probability), None where undefined."""
  return {
      name: {
          key: None if math.isnan(number) else number for key, number in vars(found).items()
      }
      for name, found in measured.items()
  }


def _is_cost(name: str) -> bool:
  return name.startswith(figures.COSTS)


def _text(number: float) -> str:
  return '-' if math.isnan(number) else f'{number:.2f}'


def _range(found: intervals.Interval) -> str:
  return f'{_text(found.low)} .. {_text(found.high)}'


def _align(rows: Sequence[Sequence[str]]) -> str:
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = [
      '  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
      for row in rows
  ]
  return '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])
