"""--mode=evaluate --predictions=FILE --ground_truth=FILE: scores boxes of any method."""

import os
import pathlib

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections
from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import boxes_json
from wsstad_jax.formats import by_name
from wsstad_jax.formats import coco
from wsstad_jax.formats import conversion
from wsstad_jax.formats import mot
from wsstad_jax.formats import table
from wsstad_jax.formats import video_names
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.metrics import figures
from wsstad_jax.reports import exchange
from wsstad_jax.reports import intervals_table
from wsstad_jax.reports.predictions import Prediction
from wsstad_jax.runs import pairing

_MAX_GAP = 30  # frames without a box over which a track goes on, as config.data.max_gap
_ONE_VIDEO = 'video'

# By video: what is said of it, and its boxes if these are not those of tubes.
Predicted = dict[str, tuple[exchange.PredictedVideo, Detections | None]]


def score_files(
    predictions: str | None,
    ground_truth: str | None,
    *,
    out: str | None = None,
    mode: str = 'evaluate',
) -> dict:
  """Prints every figure of predicted against true boxes; writes metrics.json to `out`.

  A file is `predictions.json` or `ground_truth.json` of an evaluation, boxes as JSON, CSV
  or COCO, a MOT text file of one video, a folder of those, or a folder of box files (see
  `formats.by_name`). COCO results take their images from the ground truth. Which names mean
  the same video, `formats.video_names.match` tells.

  Boxes alone name neither normal videos nor lengths: then every predicted video without
  true boxes is normal, a video ends with its last box, and figures in hours and seconds
  are missing.

  Returns:
    The content of metrics.json.

  Raises:
    UserError: a file cannot be read, the two have no video in common, a name may mean several
      videos, or another mode or not both files are given.
  """
  if mode != 'evaluate' or not (predictions and ground_truth):
    raise UserError('--predictions=FILE and --ground_truth=FILE belong together, and to '
                    f'--mode=evaluate; found --mode={mode} --predictions={predictions} '
                    f'--ground_truth={ground_truth}.')
  both_mot = predictions.endswith('.txt') and ground_truth.endswith('.txt')
  name = _ONE_VIDEO if both_mot else None
  true, complete = _read_true(ground_truth, name)
  predicted = _read_predicted(predictions, ground_truth, name)
  video_of, unclear = video_names.match(predicted, true)
  if unclear:
    raise UserError(f'{predictions} against {ground_truth}: {min(unclear.values())}.')
  if not video_of:
    raise UserError(
        f'{predictions} and {ground_truth} have no video in common: {min(predicted)!r} there, '
        f'{min(true)!r} here. Expected the same paths or file names, with or without the ending '
        'of a video.'
    )
  predicted = {video_of.get(name, name): found for name, found in predicted.items()}
  unknown = sorted(predicted.keys() - true.keys())
  if complete and unknown:
    raise UserError(f'{predictions} has the video {unknown[0]!r}, which is not in {ground_truth}. '
                    'Expected videos of the ground truth alone.')
  true |= {name: exchange.TrueVideo(name, 0, '', 0, np.nan, ()) for name in unknown}
  silent = sorted(true.keys() - predicted.keys())
  predicted |= {name: (_nothing(name), None) for name in silent}
  videos = [pairing.pair(predicted[name][0], true[name], predicted[name][1]) for name in true]
  measured = figures.measure(videos)
  abnormal = sum(video.label for video in videos)
  print(f'{len(videos)} videos, {abnormal} of them abnormal; nothing is predicted for '
        f'{len(silent)}.\n')
  caution = intervals_table.caution_of(video.label for video in videos)
  print(intervals_table.format_figures(measured, caution))
  content = {
      'num_videos': len(videos),
      'num_abnormal': abnormal,
      'num_without_prediction': len(silent),
      'figures': intervals_table.to_json(measured),
  }
  if out:
    path = os.path.join(out, 'metrics.json')
    files.write_json(path, content)
    print(f'\nLook at:\n  {path}')
  return content


def _read_true(path: str, video: str | None) -> tuple[dict[str, exchange.TrueVideo], bool]:
  """Returns the true videos by name, and whether the file lists all that there are."""
  if _format_of(path) == exchange.GROUND_TRUTH:
    listed = exchange.read_ground_truth(path)
    return {entry.video_id: entry for entry in listed}, True
  true = {}
  for name, rows in _read_table(path, video).by_video().items():
    events = conversion.to_tubes(rows, max_gap=_MAX_GAP)
    true[name] = exchange.TrueVideo(name, int(bool(events)), rows.classes[0], 0, np.nan, events)
  return true, False


def _read_predicted(path: str, ground_truth: str, video: str | None) -> Predicted:
  if _format_of(path) == exchange.PREDICTIONS:
    return {entry.video_id: (entry, None) for entry in exchange.read_predictions(path)}
  images = ground_truth if os.path.isfile(ground_truth) else None
  return {
      name: _predicted_from(name, rows)
      for name, rows in _read_table(path, video, images=images).by_video().items()
  }


def _predicted_from(
    name: str, rows: BoxTable
) -> tuple[exchange.PredictedVideo, Detections]:
  """Returns the boxes as regions, as frame scores (the largest in a frame) and as tubes."""
  regions = conversion.to_detections(rows)
  frame_scores = np.zeros(int(regions.frames[-1]) + 1)
  np.maximum.at(frame_scores, regions.frames, regions.scores)
  tubes = [  # of equal scores the lower track is the better one
      tube
      for track in np.unique(rows.tracks)
      for tube in conversion.to_tubes(rows.rows(rows.tracks == track), max_gap=_MAX_GAP)
  ]
  return exchange.PredictedVideo(
      video_id=name,
      frames_per_second=np.nan,
      frame_scores=frame_scores,
      found=[Prediction(tube, None, None) for tube in sorted(tubes, key=lambda t: -t.score)],
      detected_frames=np.ones(len(frame_scores), bool),
  ), regions


def _nothing(name: str) -> exchange.PredictedVideo:
  return exchange.PredictedVideo(name, np.nan, np.zeros(0), (), np.zeros(0, bool))


def _format_of(path: str) -> str:
  """Returns what a JSON file says of its format; '' if nothing or if it is another file."""
  if not path.endswith('.json'):
    return ''
  content = Source(path, 'predictions or boxes as JSON').read_json()
  return str(content.get('format', '')) if isinstance(content, dict) else ''


def _read_table(path: str, video: str | None, images: str | None = None) -> BoxTable:
  if os.path.isdir(path):
    return _read_folder(pathlib.Path(path))
  ending = pathlib.Path(path).suffix
  if ending == '.txt':
    return mot.read(path, video=video)
  if ending == '.csv':
    return boxes_csv.read(path)
  if ending != '.json':
    raise UserError(f'{path} has no known ending. Expected .json (predictions, boxes or COCO), '
                    '.csv, .txt (MOT), or a folder of box files.')
  if _format_of(path).startswith('wsstad_jax.'):
    return boxes_json.read(path)
  return coco.read(path, images=images)


def _read_folder(folder: pathlib.Path) -> BoxTable:
  found = by_name.read_folder(folder, flag='')
  if found is not None:
    return found
  texts = sorted(folder.rglob('*.txt'))
  if not texts:
    patterns = ', '.join(by_name.PATTERNS.values())
    raise UserError(f'{folder} holds no boxes. Expected MOT files (.txt) or one of {patterns}.')
  return table.concatenate(
      mot.read(path, video=path.relative_to(folder).with_suffix('').as_posix()) for path in texts
  )
