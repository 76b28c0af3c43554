"""Tests of the plots."""

import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.reports import plots

REPOSITORY = pathlib.Path(__file__).parents[2]
CURVES = {name: np.linspace(0, 1, 50) for name in ('tube branch', 'temporal branch', 'fused')}


def make_tube(start, stop):
  return Tube(start, np.zeros((stop - start, 4), np.float32), TubeKind.TRUTH)


def read_picture(path):
  return cv2.imread(str(path)).astype(int)[..., ::-1]  # RGB


def greenish(picture):
  return (picture[..., 1] - picture[..., [0, 2]].max(axis=-1) > 15).sum()


def reddish(picture):
  return (picture[..., 0] - picture[..., [1, 2]].max(axis=-1) > 15).sum()


def write_scores(path, **spans):
  plots.write_scores(str(path), CURVES, frames_per_second=25, **spans)
  return read_picture(path)


def test_spans_are_shaded(tmp_path):
  plain = write_scores(tmp_path / 'plain.png')
  short = write_scores(tmp_path / 'short.png', truths=[make_tube(0, 5)])
  long = write_scores(tmp_path / 'long.png', truths=[make_tube(0, 5), make_tube(10, 20)])
  found = write_scores(tmp_path / 'found.png', predicted=make_tube(10, 20))
  assert greenish(plain) == reddish(plain) == 0
  assert 0 < greenish(short) < greenish(long)
  assert reddish(found) > 0 == greenish(found)


def make_history(*steps):
  return [
      {'step': step, 'tube_loss': 3.0 / step, 'validation_vauc': 40.0 + step,
       'validation_quality': min(step, 3)}
      for step in steps
  ]


def test_training_curves(tmp_path):
  path = tmp_path / 'new' / 'training_curves.png'
  plots.write_training_curves(str(path), make_history(1, 2, 3))
  assert reddish(read_picture(path)) > 0
  assert [file.name for file in path.parent.iterdir()] == ['training_curves.png']


def test_the_curves_of_a_training():
  losses, validation = plots.training_curves(make_history(1, 2, 4, 3))
  assert losses.lines == {'tube_loss': ((1, 2, 4, 3), (3.0, 1.5, 0.75, 1.0))}
  assert list(validation.lines.values()) == [((1, 2, 4, 3), (41.0, 42.0, 44.0, 43.0))]
  assert validation.mark == 4  # of equal quality the later step
  assert plots.training_curves([]) == []


def test_a_drawn_curve_is_the_same_again_and_small():
  many = plots.Curve('ROC', 'x', 'y', {'a': (np.arange(10**5), np.arange(10**5))}, mark=3)
  first, second = plots.draw_curve(many), plots.draw_curve(many)
  assert first == second and len(first) < 60_000
  assert first != plots.draw_curve(plots.Curve('ROC', 'x', 'y', {'a': ([0, 1], [1, 0])}))


def test_a_failed_plot_leaves_the_old_file(tmp_path):
  path = tmp_path / 'scores.png'
  path.write_bytes(b'old')
  with pytest.raises(ValueError, match='no greater than 2D'):
    plots.write_scores(str(path), {'a': np.zeros((2, 2, 2))}, frames_per_second=25)
  assert path.read_bytes() == b'old'
  assert [file.name for file in tmp_path.iterdir()] == ['scores.png']


def test_no_global_state():
  program = (
      'import sys; from wsstad_jax.reports import plots; '
      'assert "matplotlib.pyplot" not in sys.modules'
  )
  subprocess.run([sys.executable, '-c', program], cwd=REPOSITORY, check=True)
