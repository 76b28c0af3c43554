"""Predictions paired with the truth, from memory or from the files of a finished run."""

from collections.abc import Sequence
import os

import numpy as np

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections
from wsstad_jax.metrics import figures
from wsstad_jax.reports import exchange

PREDICTIONS_FILE = 'predictions.json'
GROUND_TRUTH_FILE = 'ground_truth.json'


def pair(
    predicted: exchange.PredictedVideo,
    true: exchange.TrueVideo,
    regions: Detections | None = None,
) -> figures.Outcome:
  """Returns the outcome of a video.

  Frames that the prediction does not reach have the score 0.

  Args:
    predicted: what a method says.
    true: what is true of the same video.
    regions: boxes with scores; those of the predicted tubes if None.

  Raises:
    UserError: the prediction has more frames than the video.
  """
  length = len(predicted.frame_scores)
  if true.num_frames and length > true.num_frames:
    raise UserError(
        f'the video {predicted.video_id!r} has {length} frames in the predictions, but '
        f'{true.num_frames} in the ground truth. Expected both to count the same frames, from 0.'
    )
  num_frames = max(length, true.num_frames, *(event.stop for event in true.events), 1)
  missing = num_frames - length
  tubes = [prediction.tube for prediction in predicted.found]
  rates = [true.frames_per_second, predicted.frames_per_second]
  return figures.Outcome(
      video_id=true.video_id,
      label=true.label,
      category=true.category,
      frames_per_second=next((rate for rate in rates if not np.isnan(rate)), np.nan),
      frame_scores=np.pad(predicted.frame_scores, (0, missing)),
      tubes=tubes,
      regions=figures.regions_of(tubes) if regions is None else regions,
      truths=true.events,
      detected_frames=np.pad(predicted.detected_frames, (0, missing), constant_values=True),
  )


def check_run(workdir: str) -> None:
  """Raises UserError if a folder holds no finished evaluation."""
  if not os.path.exists(os.path.join(workdir, PREDICTIONS_FILE)):
    raise UserError(f'{workdir} lacks {PREDICTIONS_FILE}; evaluate that run first '
                    '(--mode=evaluate with its config and --workdir).')


def read_run(workdir: str, like: Sequence[figures.Outcome]) -> list[figures.Outcome]:
  """Returns the outcomes of a finished evaluation, in the order of `like`.

  Raises:
    UserError: there is none, or it has other videos or other events than `like`.
  """
  check_run(workdir)
  path = os.path.join(workdir, PREDICTIONS_FILE)
  predicted = {video.video_id: video for video in exchange.read_predictions(path)}
  path = os.path.join(workdir, GROUND_TRUTH_FILE)
  true = {video.video_id: video for video in exchange.read_ground_truth(path)}
  ours = {video.video_id: video for video in like}
  if not predicted.keys() == true.keys() == ours.keys():
    other = sorted(ours.keys() ^ (predicted.keys() & true.keys()))
    raise UserError(f'{workdir} was evaluated on other videos, such as {other[0]!r}. Expected the '
                    f'same {len(ours)} test videos, as a pair is compared video by video.')
  for name, video in ours.items():
    if [event.start for event in video.truths] != [event.start for event in true[name].events]:
      raise UserError(f'{workdir} was evaluated against other events of {name!r}; evaluate it '
                      'again, with the same data set.')
  return [pair(predicted[name], true[name]) for name in ours]
