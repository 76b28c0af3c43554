"""Plots of scores and of training, drawn without a display and without global state."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.records import Tube
from wsstad_jax.reports import colors

Series = tuple[Sequence[int], Sequence[float]]  # steps and the values there


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


def write_training_curves(
    path: str, *, losses: Mapping[str, Series], vauc: Series, best_step: int | None = None
) -> None:
  """Draws the losses and, below, the validation VAUC (in percent) over the steps.

  Args:
    path: .png file.
    losses: by name.
    vauc: of the validation videos, in percent.
    best_step: the step whose checkpoint was chosen.
  """
  with _figure(path, (8, 6), 2) as (upper, lower):
    for name, (steps, values) in losses.items():
      upper.plot(steps, values, label=name)
    upper.set(ylabel='loss')
    upper.legend()
    lower.plot(*vauc, marker='o', color=_rgb(colors.CURVE))
    lower.set(xlabel='step', ylabel='validation VAUC (%)')
    if best_step is not None:
      lower.axvline(best_step, color=_rgb(colors.PREDICTED), linestyle='--', label='chosen')
      lower.legend()


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
