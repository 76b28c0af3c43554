"""Tests of the times of stages: what bars note, and that resumed stages add up."""

import time

import pytest

from wsstad_jax.core import times


def rows(workdir):
  return {row['stage']: row for row in times.read(str(workdir))}


def test_bars_note_their_stages_in_order(tmp_path):
  progress = times.create_progress(str(tmp_path / 'run'))
  for _ in progress(range(3), desc='Rendering', unit='video'):
    time.sleep(0.01)
  with progress(total=2, desc='Finding tubes', unit='video') as bar:
    bar.update()
    bar.update()
  assert list(rows(tmp_path / 'run')) == ['Rendering', 'Finding tubes']
  first = rows(tmp_path / 'run')['Rendering']
  assert (first['count'], first['unit']) == (3, 'video') and 0.03 <= first['seconds'] < 1


@pytest.mark.parametrize('initial, count, seconds', [(4, 6, 100), (0, 6, 0)])
def test_a_resumed_stage_adds_up_and_a_new_one_does_not(tmp_path, initial, count, seconds):
  times.note(str(tmp_path), 'Training', seconds=100, count=4, unit='step')
  with times.create_progress(str(tmp_path))(initial=initial, total=6, desc='Training') as bar:
    bar.update(6 - initial)
  found = rows(tmp_path)['Training']
  assert found['count'] == count and found['seconds'] == pytest.approx(seconds, abs=1)


def test_nothing_to_do_is_not_noted(tmp_path):
  with times.create_progress(str(tmp_path))(initial=6, total=6, desc='Training'):
    pass
  assert times.read(str(tmp_path)) == []


def test_a_long_stage_is_noted_before_its_end(tmp_path, monkeypatch):
  monkeypatch.setattr(times, '_NOTED_EVERY', 0.0)
  with times.create_progress(str(tmp_path))(total=3, desc='Training') as bar:
    bar.update()
    assert rows(tmp_path)['Training']['count'] == 1
