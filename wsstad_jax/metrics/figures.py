"""Every figure of a set of test videos, each as a function of drawn videos (see `intervals`)."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools

import numpy as np

from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.metrics import alarms
from wsstad_jax.metrics import frames
from wsstad_jax.metrics import intervals
from wsstad_jax.metrics import localization
from wsstad_jax.metrics import ranking
from wsstad_jax.metrics import regions
from wsstad_jax.metrics import summary

RECALLS = (0.5, 0.8)  # operating points of false alarms and delays
TIOU_THRESHOLD = 0.5
# Figures of which less is better; they are no shares but alarms an hour and seconds.
COSTS = ('false_alarms_per_hour', 'seconds_to_detection')


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What was predicted for one video, by any method, and what is true.

  Attributes:
    video_id: unique.
    label: 1 abnormal, 0 normal, -1 unknown.
    category: of the video; '' if unknown.
    frames_per_second: nan if unknown.
    frame_scores: [num_frames], >= 0, higher is more abnormal.
    tubes: predicted, the best first; may be empty.
    regions: boxes with anomaly scores, sorted by frame.
    truths: annotated events; empty in a normal video.
    detected_frames: bool [num_frames], frames in which a detector gave a box; all True
      where that is unknown.
  """

  video_id: str
  label: int
  category: str
  frames_per_second: float
  frame_scores: np.ndarray
  tubes: Sequence[Tube]
  regions: Detections
  truths: Sequence[Tube]
  detected_frames: np.ndarray

  @property
  def num_frames(self) -> int:
    """Frames of the video."""
    return len(self.frame_scores)

  @property
  def score(self) -> float:
    """Score of the video: of its top-1 tube; 0 without tubes."""
    return float(self.tubes[0].score) if self.tubes else 0.0

  @property
  def spans(self) -> np.ndarray:
    """Half-open frames of the events, int [e, 2]."""
    return np.array([(event.start, event.stop) for event in self.truths], int).reshape(-1, 2)

  @property
  def places(self) -> list[Tube]:
    """The events that tell where."""
    return [event for event in self.truths if event.has_place]

  def localization(self, score_fn: Callable[[Tube, Tube], float]) -> float:
    """Returns the score of the top-1 tube with the event it meets best.

    It is 0 without a tube, and nan without an event that tells where.
    """
    if not self.places:
      return np.nan
    scores = [score_fn(tube, event) for tube in self.tubes[:1] for event in self.places]
    return max(scores, default=0.0)


def regions_of(tubes: Sequence[Tube]) -> Detections:
  """Returns the boxes of tubes, each with the score of its tube, sorted by frame."""
  numbers = np.concatenate([np.arange(0), *(np.arange(tube.start, tube.stop) for tube in tubes)])
  boxes_xyxy = np.concatenate([np.zeros((0, 4), np.float32), *(t.boxes_xyxy for t in tubes)])
  scores = np.repeat([float(tube.score) for tube in tubes], [len(t.boxes_xyxy) for t in tubes])
  order = np.argsort(numbers, kind='stable')
  return Detections(numbers[order], boxes_xyxy[order], scores[order])


def create_figures(videos: Sequence[Outcome]) -> dict[str, intervals.StatisticFn]:
  """Returns, by name, functions from drawn videos (int [m]) to figures.

  Shares are in percent. A figure is nan where it is not defined: areas with one label
  alone, localization without events that tell where, costs without frame rates. An
  abnormal video without events counts for `vauc` alone: which of its frames are normal
  nobody has said.

  * vauc, miou, iou@...: of the paper, from the top-1 tube.
  * miou_all_frames: S_loc whether or not the detector gave boxes; miou_truth_frames: over
    the event's frames alone.
  * frame_auc, frame_ap: over all frames of all videos; frame_auc_within: the mean over
    videos that have both kinds of frames; frame_auc:CATEGORY: over the videos of a
    category and the normal ones.
  * tiou: over clips of events, IoU of the best region where the score reaches 0.5, 0
    where there is no region; tiou_boxed leaves clips without a region out.
  * rbdc, tbdc: see `regions`.
  * false_alarms_per_hour@R, seconds_to_detection@R: at recall R, see `alarms`.
  """
  labels = np.array([video.label for video in videos])
  figures = {
      'vauc': _percent(ranking.create_ranking(
          [[video.label == 1] for video in videos], [[video.score] for video in videos]
      ).roc_auc)
  }
  localized = _localizations(videos)
  for threshold in summary.IOU_THRESHOLDS:
    over = np.where(np.isnan(localized['miou']), np.nan, localized['miou'] > threshold)
    figures[f'iou@{threshold}'] = _percent(functools.partial(_mean, over))
  for name, values in localized.items():
    figures[name] = _percent(functools.partial(_mean, values))
  timed, placed = (
      (labels != 1) | np.array([bool(events) for events in row])
      for row in ([video.truths for video in videos], [video.places for video in videos])
  )
  for name, fn in _of_frames(videos, labels).items():
    figures[name] = _percent(functools.partial(_among, timed, fn))
  for name, boxed in (('tiou', False), ('tiou_boxed', True)):
    sums, counts = _thresholded_ious(videos, boxed)
    figures[name] = _percent(functools.partial(_ratio, sums, counts))
  curves = regions.create_region_curves(
      [video.regions for video in videos],
      [video.places for video in videos],
      [video.num_frames for video in videos],
  )
  for name, fn in (('rbdc', curves.rbdc), ('tbdc', curves.tbdc)):
    figures[name] = _percent(functools.partial(_among, placed, fn))
  raised = alarms.create_alarms(
      [video.frame_scores for video in videos],
      [video.spans for video in videos],
      [video.frames_per_second for video in videos],
  )
  for cost in COSTS:
    for recall in RECALLS:
      fn = functools.partial(getattr(raised, cost), recall=recall)
      figures[f'{cost}@{recall}'] = functools.partial(_among, timed, fn)
  return figures


def measure(
    videos: Sequence[Outcome], *, num_draws: int = 1000, seed: int = 0
) -> dict[str, intervals.Interval]:
  """Returns every figure with its interval of 95 % over videos, drawn within each label."""
  return {
      name: intervals.bootstrap_interval(
          figure, len(videos), strata=_strata(videos), num_draws=num_draws, seed=seed
      )
      for name, figure in create_figures(videos).items()
  }


def compare(
    ours: Sequence[Outcome], theirs: Sequence[Outcome], *, num_draws: int = 1000, seed: int = 0
) -> dict[str, intervals.Difference]:
  """Returns the paired difference of every figure, ours minus theirs, with its interval.

  Args:
    ours: the videos as one run predicts them.
    theirs: the same videos, in the same order, as the other run does.

  Raises:
    ValueError: the videos are not the same.
  """
  if [video.video_id for video in ours] != [video.video_id for video in theirs]:
    raise ValueError('the two runs have other videos, or another order of them')
  other: Mapping = create_figures(theirs)
  return {
      name: intervals.paired_difference(
          [figure], [other[name]], len(ours), strata=_strata(ours), num_draws=num_draws, seed=seed
      )
      for name, figure in create_figures(ours).items()
  }


def _localizations(videos: Sequence[Outcome]) -> dict[str, np.ndarray]:
  """Returns the variants of S_loc [v]; nan where it cannot be measured."""
  found = {'miou': [], 'miou_all_frames': [], 'miou_truth_frames': []}
  for video in videos:
    every, score = np.ones(video.num_frames, bool), localization.spatio_temporal_score
    for name, score_fn in (
        ('miou', functools.partial(score, detected_frames=video.detected_frames)),
        ('miou_all_frames', functools.partial(score, detected_frames=every)),
        ('miou_truth_frames', localization.truth_frames_score),
    ):
      found[name].append(video.localization(score_fn) if video.label == 1 else np.nan)
  return {name: np.array(values) for name, values in found.items()}


def _of_frames(
    videos: Sequence[Outcome], labels: np.ndarray
) -> dict[str, intervals.StatisticFn]:
  marks = [frames.frame_labels(video.spans, video.num_frames) for video in videos]
  scores = [video.frame_scores for video in videos]
  pooled = ranking.create_ranking(marks, scores)
  single = np.array([
      ranking.create_ranking([mark], [curve]).roc_auc(np.array([0]))
      for mark, curve in zip(marks, scores)
  ])
  figures = {
      'frame_auc': pooled.roc_auc,
      'frame_ap': pooled.average_precision,
      'frame_auc_within': functools.partial(_mean, single),
  }
  categories = np.array([video.category for video in videos])
  for category in sorted(set(categories[labels == 1]) - {''}):
    chosen = (labels == 0) | (categories == category)
    figures[f'frame_auc:{category}'] = functools.partial(_among, chosen, pooled.roc_auc)
  return figures


def _thresholded_ious(
    videos: Sequence[Outcome], boxed: bool
) -> tuple[np.ndarray, np.ndarray]:
  """Returns, by video, the sum of the IoU of clips whose score suffices, and their number."""
  sums, counts = np.zeros(len(videos)), np.zeros(len(videos))
  for index, video in enumerate(videos):
    for event in video.places:
      numbers, ious = localization.sampled_ious(video.regions, event)
      reached = video.frame_scores[numbers] >= TIOU_THRESHOLD
      sums[index] += np.nansum(ious * reached)
      counts[index] += np.count_nonzero(~np.isnan(ious)) if boxed else len(ious)
  return sums, counts


def _strata(videos: Sequence[Outcome]) -> np.ndarray:
  return np.array([video.label for video in videos])


def _percent(statistic_fn: intervals.StatisticFn) -> intervals.StatisticFn:
  return lambda videos: 100 * statistic_fn(videos)


def _mean(values: np.ndarray, videos: np.ndarray) -> float:
  """Returns the mean of the drawn values that are defined."""
  drawn = values[videos]
  known = drawn[~np.isnan(drawn)]
  return float(known.mean()) if len(known) else np.nan


def _ratio(sums: np.ndarray, counts: np.ndarray, videos: np.ndarray) -> float:
  total = counts[videos].sum()
  return float(sums[videos].sum() / total) if total else np.nan


def _among(
    chosen: np.ndarray, statistic_fn: intervals.StatisticFn, videos: np.ndarray
) -> float:
  return statistic_fn(videos[chosen[videos]])
