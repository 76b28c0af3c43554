"""report.html: figures, curves and a player of every video, in one file that needs no network.

All text goes through the template's escaping, and the data of the player through JSON in
which no markup can stand, so that names of videos may hold anything.
"""

import base64
from collections.abc import Mapping, Sequence
import dataclasses
import json
import math
import os
import pathlib
from urllib import parse

import jinja2
import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.metrics import figures
from wsstad_jax.metrics import intervals
from wsstad_jax.metrics import localization
from wsstad_jax.reports import colors
from wsstad_jax.reports import intervals_table

_TEMPLATES = pathlib.Path(__file__).parent / 'templates'
_TUBES_SHOWN = 3
_POINTS = 200  # of a curve
_COLUMNS = (
    ('video_id', 'video'), ('category', 'category'), ('label', 'abnormal'), ('score', 'score'),
    ('s_loc', 'S_loc'), ('failure', 'failure'),
)


def write_page(
    path: str,
    videos: Sequence[figures.Outcome],
    facts: Sequence[VideoFacts],
    *,
    title: str,
    measured: Mapping[str, intervals.Interval] | None = None,
    images: Sequence[str] = (),
    provenance: Mapping[str, object],
) -> None:
  """Writes the page.

  Args:
    path: .html file; the videos are found by their paths relative to its folder.
    videos: what is predicted, and what is true if that is known.
    facts: of the file of each video.
    title: heading of the page.
    measured: figures of the videos; None where nothing is known to be true.
    images: .png files that are taken into the page, those that there are.
    provenance: what the results were made with.
  """
  known = measured is not None
  folder = os.path.dirname(path) or '.'
  shown = [_describe(video, of, folder) for video, of in zip(videos, facts, strict=True)]
  environment = jinja2.Environment(
      loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
  )
  text = environment.get_template('report.html').render(
      title=title,
      summary=_summary(videos, known),
      note='Less is better for alarms and seconds.',
      figures=_rows(measured or {}),
      curves=create_curves(videos) if known else [],
      images={os.path.basename(image): _embed(image) for image in images if os.path.exists(image)},
      columns=_COLUMNS if known else _COLUMNS[:1] + _COLUMNS[3:4],
      videos=shown,
      colors=_colors(),
      provenance=json.dumps(provenance, indent=2, default=str),
      data={'videos': shown, 'colors': _colors()},
  )
  with files.atomic_path(path) as temporary:
    pathlib.Path(temporary).write_text(text, encoding='utf-8')


def create_curves(videos: Sequence[figures.Outcome]) -> list[dict[str, object]]:
  """Returns the ROC curves of videos and frames, and IoU@ over its threshold, as lines."""
  truth = [(np.array([video.label == 1]), np.array([video.score])) for video in videos]
  marks = [
      (np.isin(np.arange(video.num_frames), _inside(video.truths)), video.frame_scores)
      for video in videos
  ]
  roc = [
      _line(name, color, *_roc(*map(np.concatenate, zip(*rows))))
      for name, color, rows in (
          ('videos', colors.PREDICTED, truth), ('frames', colors.CURVE, marks)
      )
  ]
  scores = np.array([_s_loc(video) for video in videos if video.label == 1])
  thresholds = np.linspace(0, 1, 101)
  shares = np.array([localization.iou_at(scores, threshold) for threshold in thresholds])
  return [
      {'title': 'ROC', 'x_name': 'false positive rate', 'y_name': 'true positive rate',
       'lines': [line for line in roc if line]},
      {'title': 'IoU@', 'x_name': 'threshold', 'y_name': 'share of events found',
       'lines': [_line('top-1 tube', colors.PREDICTED, thresholds, shares)] if len(scores) else []},
  ]


def _describe(video: figures.Outcome, facts: VideoFacts, folder: str) -> dict[str, object]:
  """Returns what the list and the player need of a video."""
  s_loc = _s_loc(video) if video.label == 1 else None
  failure = 1 - s_loc if video.label == 1 else video.score
  values = {
      'video_id': video.video_id,
      'category': video.category,
      'label': video.label,
      'score': video.score,
      's_loc': s_loc,
      'failure': failure,
  }
  return {
      'video_id': video.video_id,
      'shown': {key: _cell(key, value) for key, value in values.items()},
      'sorted': values | {'s_loc': -1.0 if s_loc is None else s_loc},
      'source': parse.quote(os.path.relpath(facts.path, folder)),
      'width': facts.width,
      'height': facts.height,
      'rate': facts.frames_per_second,
      'scores': np.round(video.frame_scores, 4).tolist(),
      'tubes': [_tube(tube) for tube in video.tubes[:_TUBES_SHOWN]],
      'truths': [_tube(tube) for tube in video.truths],
  }


def _tube(tube: Tube) -> dict[str, object]:
  return {
      'start': int(tube.start),
      'score': float(tube.score),
      'boxes_xyxy': np.round(tube.boxes_xyxy.astype(float), 1).tolist(),
  }


def _s_loc(video: figures.Outcome) -> float:
  return video.localization(
      lambda tube, truth: localization.spatio_temporal_score(tube, truth, video.detected_frames)
  )


def _cell(key: str, value: object) -> str:
  if key == 'label':
    return {0: 'no', 1: 'yes'}.get(value, 'unknown')
  if value is None:
    return '-'
  return f'{value:.3f}' if isinstance(value, float) else str(value)


def _rows(measured: Mapping[str, intervals.Interval]) -> list[list[str]]:
  return [
      [name, *(_number(value) for value in dataclasses.astuple(found)), intervals_table.unit(name)]
      for name, found in measured.items()
      if not math.isnan(found.value)
  ]


def _number(value: float) -> str:
  return '-' if math.isnan(value) else f'{value:.2f}'


def _summary(videos: Sequence[figures.Outcome], known: bool) -> str:
  if not known:
    return 'What is true of this video is not known.'
  abnormal = sum(video.label == 1 for video in videos)
  return f'{len(videos)} test videos, {abnormal} of them abnormal.'


def _inside(truths: Sequence[Tube]) -> np.ndarray:
  return np.concatenate([np.arange(0), *(np.arange(t.start, t.stop) for t in truths)])


def _roc(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns false and true positive rates, from (0, 0) to (1, 1); empty with one label alone."""
  if labels.all() or not labels.any():
    return np.zeros(0), np.zeros(0)
  order = np.argsort(-scores, kind='stable')
  ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
  found = np.append(0, np.cumsum(labels[order])[ends])
  false = np.append(0, np.cumsum(~labels[order])[ends])
  return false / false[-1], found / found[-1]


def _line(
    name: str, color: tuple[int, int, int], x: np.ndarray, y: np.ndarray
) -> dict[str, str] | None:
  if not len(x):
    return None
  kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(int))
  points = ' '.join(f'{100 * a:.1f},{100 - 100 * b:.1f}' for a, b in zip(x[kept], y[kept]))
  return {'name': name, 'color': _hex(color), 'points': points}


def _embed(path: str) -> str:
  content = base64.b64encode(pathlib.Path(path).read_bytes()).decode('ascii')
  return f'data:image/png;base64,{content}'


def _colors() -> dict[str, str]:
  return {
      name: _hex(getattr(colors, name.upper()))
      for name in ('predicted', 'runner_up', 'truth', 'curve')
  }


def _hex(color: tuple[int, int, int]) -> str:
  return '#' + bytes(color).hex()
