"""What was found in one video, chosen and written for people and programs."""

from collections.abc import Sequence
import dataclasses
import os

import numpy as np

from wsstad_jax.core import files
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.metrics import localization


@dataclasses.dataclass(frozen=True)
class Prediction:
  """A tube and what the branches say of it.

  Attributes:
    tube: its `score` is the fused anomaly score (eq. 9), in [0, 1].
    tube_branch_score: of the tube branch; None if the method has no such branch.
    temporal_branch_score: of the temporal branch; None if the method has no such branch.
  """

  tube: Tube
  tube_branch_score: float | None
  temporal_branch_score: float | None


def select_distinct(
    predictions: Sequence[Prediction], *, limit: int = 5, max_overlap: float = 0.3
) -> list[Prediction]:
  """Returns the best predictions that are different places or times, best first.

  Greedy: the prediction of the highest score is taken, unless its mean IoU over the
  frames of both (S_loc over all frames) with one already taken is above `max_overlap`.
  The first is thus always the top-1 tube; of equal scores the earlier in the list wins.
  """
  stop = max((prediction.tube.stop for prediction in predictions), default=0)
  every_frame = np.ones(stop, bool)
  chosen = []
  for prediction in sorted(predictions, key=lambda prediction: -prediction.tube.score):
    if len(chosen) == limit:
      break
    if all(
        localization.spatio_temporal_score(prediction.tube, other.tube, every_frame) <= max_overlap
        for other in chosen
    ):
      chosen.append(prediction)
  return chosen


def write_prediction(path: str, facts: VideoFacts, predictions: Sequence[Prediction]) -> None:
  """Writes prediction.json: facts of the video and its tubes, the first one of rank 1.

  Frames are 0-based and spans half-open; boxes are pixels with exclusive maxima. The
  video is named without its folder.
  """
  rate = facts.frames_per_second
  tubes = []
  for rank, prediction in enumerate(predictions, start=1):
    tube = prediction.tube
    tubes.append({
        'rank': rank,
        'score': float(tube.score),
        'tube_branch_score': _number(prediction.tube_branch_score),
        'temporal_branch_score': _number(prediction.temporal_branch_score),
        'kind': tube.kind.name.lower(),
        'start': int(tube.start),
        'stop': int(tube.stop),
        'start_seconds': round(tube.start / rate, 3),
        'stop_seconds': round(tube.stop / rate, 3),
        'frames': list(range(tube.start, tube.stop)),
        'boxes_xyxy': np.round(tube.boxes_xyxy.astype(float), 2).tolist(),
    })
  video = dataclasses.asdict(facts) | {'path': os.path.basename(facts.path)}
  files.write_json(path, {'version': 1, 'video': video, 'tubes': tubes})


def _number(score: float | None) -> float | None:
  return None if score is None else float(score)
