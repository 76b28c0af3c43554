"""--mode=predict: the tubes around what is abnormal in one new video."""

from collections.abc import Sequence
import os
import time

import ml_collections
import numpy as np
import tqdm

from wsstad_jax.core import config as config_lib
from wsstad_jax.core import provenance
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube
from wsstad_jax.metrics import frames
from wsstad_jax.models.c3d import C3D
from wsstad_jax.reports import exchange
from wsstad_jax.reports import exports
from wsstad_jax.reports import overlay
from wsstad_jax.reports import page
from wsstad_jax.reports import plots
from wsstad_jax.reports import predictions
from wsstad_jax.runs import outcomes
from wsstad_jax.runs import pairing
from wsstad_jax.runs import prepare
from wsstad_jax.runs import scoring
from wsstad_jax.video import decode


def predict(
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    video: str,
    out: str,
    export: Sequence[str] = (),
) -> None:
  """Writes prediction.json, report.html, overlay.mp4 and scores.png to the folder `out`.

  Args:
    config: of the run.
    workdir: of the run.
    video: file of the video.
    out: folder, made if missing.
    export: formats of `exports.KINDS`, in which the tubes are written to `out` too.

  Raises:
    UserError: the video cannot be read, or the workdir holds no trained model, or one of
      features that cannot be computed from a video.
  """
  if config.data.name == 'features_folder':
    raise UserError(
        f'{workdir} was trained on features made elsewhere, which cannot be computed from {video}. '
        'Put the features of the video into test/ and give --mode=evaluate, or train on videos '
        '(--config=configs/video_folder.py).'
    )
  facts = decode.read_facts(video)
  score_fn = scoring.restore_score_fn(config, workdir, C3D(config.c3d.width).feature_dim)
  begin = time.monotonic()
  prepared = prepare.prepare_one(video, config)
  middle = time.monotonic()
  ((bag, scores),) = score_fn([prepared])
  end = time.monotonic()
  tubes = scoring.scored_tubes(bag, scores, config.evaluate)
  found = predictions.select_distinct([
      predictions.Prediction(*row)
      for row in zip(tubes, scores.tube.tolist(), scores.temporal.tolist())
  ])
  try:
    os.makedirs(out, exist_ok=True)
  except OSError as error:
    raise UserError(f'--out={out} cannot be made: {error.strerror}.') from error
  curves = score_curves(tubes, scores, facts.num_frames)
  names = ('prediction.json', 'overlay.mp4', 'scores.png', 'report.html')
  paths = [os.path.join(out, name) for name in names]
  predictions.write_prediction(paths[0], facts, found)
  top = [prediction.tube for prediction in found]
  overlay.write_overlay(
      paths[1], facts, top, frame_scores=curves['fused'], progress=tqdm.tqdm
  )
  plots.write_scores(
      paths[2], curves, frames_per_second=facts.frames_per_second, predicted=top[0]
  )
  known_nothing = exchange.TrueVideo(
      os.path.basename(video), -1, '', facts.num_frames, facts.frames_per_second, ()
  )
  predicted = outcomes.predicted_video(bag, scores, tubes)
  paths += exports.write(out, [predicted], export)
  page.write_page(
      paths[3],
      [pairing.pair(predicted, known_nothing)],
      [facts],
      title=os.path.basename(video),
      images=[paths[2]],
      provenance=provenance.collect(mode='predict', seed=config.seed) | {
          'workdir': workdir,
          'config': config_lib.flatten(config),
          'times': [
              {'stage': stage, 'seconds': seconds, 'count': facts.num_frames, 'unit': 'frame'}
              for stage, seconds in (
                  ('Finding tubes, computing features', middle - begin), ('Scoring', end - middle)
              )
          ],
      },
  )
  start, stop = (np.array([top[0].start, top[0].stop]) / facts.frames_per_second).round(1)
  print(f'Score {top[0].score:.3f}, {start} to {stop} s. Look at:\n  ' + '\n  '.join(paths))


def score_curves(
    tubes: Sequence[Tube], scores: scoring.Scores, num_frames: int
) -> dict[str, np.ndarray]:
  """Returns the score [num_frames] of each frame by name, 'fused' last.

  A branch that is the fused score itself, as of a method that asks it alone, has no own curve.
  """
  spans = [(tube.start, tube.stop) for tube in tubes]
  branches = {'tube branch': scores.tube, 'temporal branch': scores.temporal}
  values = {
      name: branch for name, branch in branches.items() if not np.array_equal(branch, scores.fused)
  }
  return {
      name: frames.frame_scores(spans, of_instances, num_frames)
      for name, of_instances in (values | {'fused': scores.fused}).items()
  }
