"""What the scores of a bag say of its video, and what is true of it, as files have both."""

from collections.abc import Sequence

import numpy as np

from wsstad_jax.core.records import Tube
from wsstad_jax.data import bags
from wsstad_jax.metrics import frames
from wsstad_jax.reports import exchange
from wsstad_jax.reports import predictions
from wsstad_jax.runs import scoring

_TUBES_A_VIDEO = 10


def predicted_video(
    bag: bags.Bag, scores: scoring.Scores, tubes: Sequence[Tube]
) -> exchange.PredictedVideo:
  """Returns what the scores of a bag say of its video: frames' scores and distinct tubes."""
  rows = zip(tubes, scores.tube.tolist(), scores.temporal.tolist(), strict=True)
  found = predictions.select_distinct(
      [predictions.Prediction(*row) for row in rows], limit=_TUBES_A_VIDEO
  )
  spans = np.array([(tube.start, tube.stop) for tube in tubes], int).reshape(-1, 2)
  return exchange.PredictedVideo(
      video_id=bag['video_id'],
      frames_per_second=float(bag['frames_per_second']),
      frame_scores=frames.frame_scores(spans, scores.fused, int(bag['num_frames'])),
      found=found,
      detected_frames=bag['detected_frames'],
  )


def true_video(bag: bags.Bag) -> exchange.TrueVideo:
  """Returns what is annotated of the video of a bag."""
  return exchange.TrueVideo(
      video_id=bag['video_id'],
      label=int(bag['label']),
      category=bag['category'],
      num_frames=int(bag['num_frames']),
      frames_per_second=float(bag['frames_per_second']),
      events=bags.truth_tubes(bag),
  )
