"""Plots of scores and of training, drawn without a display and without global state."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import io
import itertools

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.records import Tube
from wsstad_jax.reports import colors

Series = tuple[Sequence[float], Sequence[float]]  # x and y, or steps and the values there
_LINES = (colors.CURVE, colors.RUNNER_UP, colors.TRUTH, colors.PREDICTED)
_POINTS = 200  # of a line


@dataclasses.dataclass(frozen=True)
class Curve:
  """A small plot.

  Attributes:
    title: what it shows.
    x_name: of the horizontal axis.
    y_name: of the vertical axis.
    lines: by name.
    mark: x of a vertical line, if any.
  """

  title: str
  x_name: str
  y_name: str
  lines: Mapping[str, Series]
  mark: float | None = None


def training_curves(history: Sequence[Mapping[str, float]]) -> list[Curve]:
  """Returns the losses and the validation VAUC over the steps; nothing without a history.

  Args:
    history: as history.json has it: 'step' and other figures of each validation.
  """
  if not history:
    return []
  names = dict.fromkeys(name for row in history for name in row)
  lines = {
      name: tuple(zip(*((row['step'], row[name]) for row in history if name in row)))
      for name in names
  }
  losses = {name: lines[name] for name in names if name.endswith('_loss')}
  return [
      Curve('Losses', 'step', 'loss', losses),
      Curve('Validation', 'step', 'VAUC (%)', {'validation videos': lines['validation_vauc']},
            best_step(history)),
  ]


def best_step(history: Sequence[Mapping[str, float]]) -> int:
  """Returns the step whose checkpoint is chosen: of the best validation, the last one."""
  return max(history, key=lambda row: (row['validation_quality'], row['step']))['step']


def draw_curve(curve: Curve) -> bytes:
  """Returns a curve as SVG, the same bytes for the same curve."""
  figure = Figure(figsize=(4, 3.2), layout='constrained')
  axes = figure.subplots()
  for (name, (x, y)), color in zip(curve.lines.items(), itertools.cycle(_LINES)):
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(int))
    marker = 'o' if len(x) < 2 else None
    axes.plot(np.asarray(x)[kept], np.asarray(y)[kept], label=name, color=_rgb(color), marker=marker)
  if curve.mark is not None:
    axes.axvline(curve.mark, color='dimgrey', linestyle='--', label='chosen')
  axes.set(title=curve.title, xlabel=curve.x_name, ylabel=curve.y_name)
  axes.grid(alpha=0.25)
  axes.spines[['top', 'right']].set_visible(False)
  axes.legend(frameon=False)
  content = io.BytesIO()
  with matplotlib.rc_context({'svg.hashsalt': curve.title}):
    figure.savefig(content, format='svg', metadata={'Date': None})
  return content.getvalue()


def write_scores(
    path: str,
    curves: Mapping[str, np.ndarray],
    *,
    frames_per_second: float,
    predicted: Tube | None = None,
    truths: Sequence[Tube] = (),
) -> None:
  """Draws scores over time, with the spans of the top-1 tube and of the events shaded.

  Args:
    path: .png file.
    curves: score [num_frames] in [0, 1] of each frame, by name; the last one is drawn
      boldly (see `metrics.frames.frame_scores`).
    frames_per_second: of the video.
    predicted: the top-1 tube.
    truths: the annotated events, if known.
  """
  with _figure(path, (10, 3.2), 1) as (axes,):
    for tube, name, color in (
        *((truth, 'true span', colors.TRUTH) for truth in truths),
        *([(predicted, 'predicted span', colors.PREDICTED)] if predicted else []),
    ):
      edges = tube.start / frames_per_second, tube.stop / frames_per_second
      axes.axvspan(*edges, color=_rgb(color), alpha=0.2, linewidth=0, label=name)
    for index, (name, curve) in enumerate(curves.items(), start=1):
      seconds = np.arange(len(curve)) / frames_per_second
      bold = {'color': _rgb(colors.CURVE), 'linewidth': 2} if index == len(curves) else {
          'linestyle': ('--', ':')[index % 2], 'color': 'dimgrey'
      }
      axes.plot(seconds, curve, label=name, **bold)
    axes.set(xlabel='time (s)', ylabel='anomaly score', ylim=(0, 1.02))
    axes.margins(x=0)
    handles, names = axes.get_legend_handles_labels()
    unique = dict(zip(names, handles))  # several events share one entry
    axes.legend(unique.values(), unique.keys(), loc='upper left', bbox_to_anchor=(1, 1))


def write_training_curves(path: str, history: Sequence[Mapping[str, float]]) -> None:
  """Draws the losses and, below, the validation VAUC (in percent) over the steps.

  Args:
    path: .png file.
    history: as history.json has it, with at least one row.
  """
  curves = training_curves(history)
  with _figure(path, (8, 6), len(curves)) as rows:
    for axes, curve in zip(rows, curves):
      for name, series in curve.lines.items():
        axes.plot(*series, label=name, marker='o')
      if curve.mark is not None:
        axes.axvline(curve.mark, color=_rgb(colors.PREDICTED), linestyle='--', label='chosen')
      axes.set(ylabel=curve.y_name)
      axes.legend()
    axes.set(xlabel='step')


@contextlib.contextmanager
def _figure(path: str, inches: tuple[float, float], num_rows: int) -> Iterator[Sequence]:
  """Yields axes one below the other and writes them to `path` at the end."""
  figure = Figure(figsize=inches, layout='constrained')
  canvas = FigureCanvasAgg(figure)
  yield figure.subplots(num_rows, squeeze=False, sharex=True)[:, 0]
  with files.atomic_path(path) as temporary:
    canvas.print_png(temporary)


def _rgb(color: tuple[int, int, int]) -> tuple[float, float, float]:
  return tuple(channel / 255 for channel in color)
