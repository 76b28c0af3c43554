"""Tests of figures with intervals as text and as JSON."""

import math

import numpy as np
import pytest

from wsstad_jax.metrics import figures
from wsstad_jax.metrics.intervals import Difference, Interval
from wsstad_jax.reports import intervals_table

NAN = math.nan


def test_figures_are_aligned_and_undefined_ones_left_out():
  text = intervals_table.format_figures({
      'frame_auc': Interval(61.204, 50.1, 72.0),
      'rbdc': Interval(NAN, NAN, NAN),
      'tiou': Interval(5.0, NAN, NAN),
      'seconds_to_detection@0.5': Interval(1.5, 0.5, 2.0),
  })
  heading, line, *rows = text.splitlines()
  assert set(line) == {'-'} and heading.split()[:2] == ['figure', 'value']
  assert [row.split() for row in rows] == [
      ['frame_auc', '61.20', '50.10', '..', '72.00', '%'],
      ['tiou', '5.00', '-', '..', '-', '%'],
      ['seconds_to_detection@0.5', '1.50', '0.50', '..', '2.00', 's'],
  ]
  assert 'rbdc' not in text


@pytest.mark.parametrize('name, low, value, high, told', [
    ('frame_auc', 1.0, 2.0, 3.0, 'better'),
    ('frame_auc', -3.0, -2.0, -1.0, 'worse'),
    ('frame_auc', -1.0, 2.0, 3.0, 'not told apart'),
    ('frame_auc', 0.0, 2.0, 3.0, 'not told apart'),
    ('frame_auc', NAN, 2.0, NAN, 'not told apart'),
    ('false_alarms_per_hour@0.8', 1.0, 2.0, 3.0, 'worse'),
    ('seconds_to_detection@0.8', -3.0, -2.0, -1.0, 'better'),
])
def test_a_difference_is_told_by_its_interval(name, low, value, high, told):
  found = Difference(value, low, high, 0.9)
  assert intervals_table.verdict(name, found) == told
  text = intervals_table.format_differences({name: found}, {name: Interval(9.0, 8.0, 9.5)})
  assert text.splitlines()[-1].endswith(told)


@pytest.mark.parametrize('abnormal, normal, told', [
    (2, 12, 'Only 2 abnormal and 12 normal test videos: intervals over so few say little.'),
    (10, 9, 'Only 10 abnormal and 9 normal test videos: intervals over so few say little.'),
    (10, 10, ''),
])
def test_few_videos_are_told_and_give_no_verdict(abnormal, normal, told):
  caution = intervals_table.caution_of([1] * abnormal + [0] * normal)
  assert caution == told
  figure = {'rbdc': Interval(9.0, 8.0, 9.5)}
  differences = {'rbdc': Difference(2.0, 1.0, 3.0, 1.0)}
  for table in (
      intervals_table.format_figures(figure, caution),
      intervals_table.format_differences(differences, figure, caution),
  ):
    assert (table.splitlines()[-1] == told) == bool(told)
  assert ('better' in table) == (not told)


def test_json_has_no_nan():
  assert intervals_table.to_json({'a': Difference(1.0, NAN, 2.0, 0.5)}) == {
      'a': {'value': 1.0, 'low': None, 'high': 2.0, 'probability': 0.5}
  }


def test_every_figure_has_a_meaning():
  videos = [
      figures.Outcome('a', 1, 'crash', 25.0, np.ones(4), (), figures.regions_of(()), (),
                      np.ones(4, bool))
  ]
  names = list(figures.create_figures(videos))
  assert all(intervals_table.meaning(name) for name in names)
  assert intervals_table.meaning('frame_auc:crash') != intervals_table.meaning('frame_auc')
  assert intervals_table.meaning('nothing') == ''
