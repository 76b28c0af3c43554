"""report.html of test videos: figures, curves and a player of every video."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import os
import pathlib
from urllib import parse

import numpy as np

from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.metrics import figures
from wsstad_jax.metrics import intervals
from wsstad_jax.metrics import localization
from wsstad_jax.reports import colors
from wsstad_jax.reports import html_file
from wsstad_jax.reports import intervals_table
from wsstad_jax.reports import plots
from wsstad_jax.video import decode

_TUBES_SHOWN = 3
_COLUMNS = (
    ('video_id', 'video'), ('category', 'category'), ('label', 'abnormal'), ('score', 'score'),
    ('s_loc', 'S_loc'), ('failure', 'failure'),
)
_LAYERS = (('predicted', 'top-1 tube'), ('runner_up', 'runners-up'), ('truth', 'true event'))
_CARDS = {
    'vauc': 'VAUC', 'miou': 'MIoU', 'iou@0.1': 'IoU@0.1', 'iou@0.5': 'IoU@0.5',
    'frame_auc': 'Frame AUC',
}


def write_page(
    path: str,
    videos: Sequence[figures.Outcome],
    facts: Sequence[VideoFacts],
    *,
    title: str,
    measured: Mapping[str, intervals.Interval] | None = None,
    results: Mapping[str, object] | None = None,
    history: Sequence[Mapping[str, float]] = (),
    images: Sequence[str] = (),
    provenance: Mapping[str, object],
) -> None:
  """Writes the page.

  Videos that a browser does not play are copied to a folder `played` beside it.

  Args:
    path: .html file; the videos are found by their paths relative to its folder.
    videos: what is predicted, and what is true if that is known.
    facts: of the file of each video.
    title: heading of the page.
    measured: figures of the videos; None where nothing is known to be true.
    results: beside those of the paper, see `tables.beside_paper`.
    history: of the training, as history.json has it.
    images: .png files that are taken into the page, those that there are.
    provenance: see `html_file.write`.

  Raises:
    UserError: a video cannot be read.
  """
  known = measured is not None
  folder = os.path.dirname(path) or '.'
  shown = [_describe(video, of, folder) for video, of in zip(videos, facts, strict=True)]
  curves = (create_curves(videos) if known else []) + plots.training_curves(history)
  drawn = [
      {'name': curve.title, 'source': html_file.embed(plots.draw_curve(curve), 'svg+xml')}
      for curve in curves
      if curve.lines
  ]
  drawn += [
      {'name': os.path.basename(image),
       'source': html_file.embed(pathlib.Path(image).read_bytes(), 'png')}
      for image in images
      if os.path.exists(image)
  ]
  html_file.write(
      path,
      'report.html',
      title=title,
      summary=_summary(videos, known),
      caution=intervals_table.caution_of(video.label for video in videos) if known else '',
      failure=_failure(videos),
      known=known,
      cards=_cards(measured or {}),
      results=results,
      figures=_rows(measured or {}),
      plots=drawn,
      columns=[
          (key, name) for key, name in _COLUMNS
          if (known or key in ('video_id', 'score'))
          and (key != 'category' or any(video.category for video in videos))
      ],
      layers=_LAYERS if known else _LAYERS[:2],
      videos=shown,
      colors=_colors(),
      data={'videos': shown, 'colors': _colors()},
      provenance=provenance,
  )


def create_curves(videos: Sequence[figures.Outcome]) -> list[plots.Curve]:
  """Returns the ROC curves of videos and frames, and IoU@ over its threshold."""
  truth = [(np.array([video.label == 1]), np.array([video.score])) for video in videos]
  marks = [
      (np.isin(np.arange(video.num_frames), _inside(video.truths)), video.frame_scores)
      for video in videos
  ]
  roc = {
      name: _roc(*map(np.concatenate, zip(*rows)))
      for name, rows in (('videos', truth), ('frames', marks))
  }
  scores = np.array([_s_loc(video) for video in videos if video.label == 1])
  scores = scores[~np.isnan(scores)]
  thresholds = np.linspace(0, 1, 101)
  shares = np.array([localization.iou_at(scores, threshold) for threshold in thresholds])
  return [
      plots.Curve(
          'ROC', 'false positive rate', 'true positive rate',
          {name: line for name, line in roc.items() if len(line[0])},
      ),
      plots.Curve(
          'Events found', 'IoU threshold', 'share of abnormal videos',
          {'top-1 tube': (thresholds, shares)} if len(scores) else {},
      ),
  ]


def _describe(video: figures.Outcome, facts: VideoFacts, folder: str) -> dict[str, object]:
  """Returns what the list and the player need of a video."""
  s_loc = _s_loc(video) if video.label == 1 and video.places else None
  right = video.score if s_loc is None else s_loc
  failure = 1 - right if video.label == 1 else video.score
  values = {
      'video_id': video.video_id,
      'category': video.category,
      'label': video.label,
      'score': video.score,
      's_loc': s_loc,
      'failure': failure,
  }
  is_video = all(tube.has_place for tube in video.tubes)  # and not features without one
  source = _played(video.video_id, facts, folder) if is_video else facts.path
  return {
      'video_id': video.video_id,
      'shown': {key: _cell(key, value) for key, value in values.items()},
      'sorted': {key: -1.0 if _is_missing(value) else value for key, value in values.items()},
      'source': parse.quote(os.path.relpath(source, folder)),
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
  if _is_missing(value):
    return '-'
  return f'{value:.3f}' if isinstance(value, float) else str(value)


def _is_missing(value: object) -> bool:
  return value is None or (isinstance(value, float) and math.isnan(value))


def _played(video_id: str, facts: VideoFacts, folder: str) -> str:
  """Returns the file of a video, or of a copy that browsers play, which is made if missing."""
  if not os.path.exists(facts.path) or decode.plays_in_browsers(facts.path):
    return facts.path
  path = os.path.join(folder, 'played', f'{video_id}.mp4')
  if not os.path.exists(path):
    decode.write_video(
        path, decode.iterate_frames(facts.path), frames_per_second=facts.frames_per_second
    )
  return path


def _cards(measured: Mapping[str, intervals.Interval]) -> list[dict[str, str]]:
  return [
      {
          'title': title,
          'value': f'{measured[name].value:.1f} %',
          'range': '' if math.isnan(measured[name].low)
          else f'{measured[name].low:.1f} to {measured[name].high:.1f}',
      }
      for name, title in _CARDS.items()
      if name in measured and not math.isnan(measured[name].value)
  ]


def _rows(measured: Mapping[str, intervals.Interval]) -> list[dict[str, object]]:
  return [
      {
          'cells': [name, *map(_number, dataclasses.astuple(found)), intervals_table.unit(name)],
          'range': _range(found) if intervals_table.unit(name) == '%' else None,
          'meaning': intervals_table.meaning(name),
      }
      for name, found in measured.items()
      if not math.isnan(found.value)
  ]


def _range(found: intervals.Interval) -> dict[str, float]:
  """Returns where a share and its interval stand on a line from 0 to 100."""
  low, high = (found.value if math.isnan(edge) else edge for edge in (found.low, found.high))
  return {'value': found.value, 'low': low, 'width': high - low}


def _number(value: float) -> str:
  return '-' if math.isnan(value) else f'{value:.2f}'


def _summary(videos: Sequence[figures.Outcome], known: bool) -> str:
  if not known:
    return 'No annotations.'
  abnormal = sum(video.label == 1 for video in videos)
  return f'{len(videos)} test videos, {abnormal} of them abnormal.'


def _failure(videos: Sequence[figures.Outcome]) -> str:
  """Returns what the failure of an abnormal video is 1 minus of."""
  placed = [bool(video.places) for video in videos if video.label == 1]
  if all(placed):
    return 'S_loc'
  return 'S_loc (or score, without boxes)' if any(placed) else 'score'


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


def _colors() -> dict[str, str]:
  return {
      name: _hex(getattr(colors, name.upper()))
      for name in ('predicted', 'runner_up', 'truth', 'curve')
  }


def _hex(color: tuple[int, int, int]) -> str:
  return '#' + bytes(color).hex()
