"""How well tubes enclose an annotated event in space and time (paper, section 5.1)."""

from collections.abc import Sequence

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube


def iou_by_frame(tube: Tube, truth: Tube) -> np.ndarray:
  """Returns the IoU [f] of a tube with each box of the truth; 0 where the tube has none."""
  ious = np.zeros(len(truth.boxes_xyxy))
  start, stop = max(tube.start, truth.start), min(tube.stop, truth.stop)
  if start < stop:
    ious[start - truth.start : stop - truth.start] = boxes.iou(
        tube.part(start, stop).boxes_xyxy, truth.part(start, stop).boxes_xyxy
    )
  return ious


def overlap_in_time(span: Sequence[int], other: Sequence[int]) -> float:
  """Returns the IoU of two spans (start, stop) of frames, in [0, 1]."""
  shared = min(span[1], other[1]) - max(span[0], other[0])
  return max(shared, 0) / (max(span[1], other[1]) - min(span[0], other[0]))


def overlap_in_space(tubes: Sequence[Tube], truth: Tube) -> float:
  """Returns the mean IoU over the event's frames of the tube that fits them best.

  That is S_loc if the tube were cut to the true span: what is lost in space alone.
  """
  return float(max((iou_by_frame(tube, truth).mean() for tube in tubes), default=0.0))


def spatio_temporal_score(
    predicted: Tube, truth: Tube, detected_frames: np.ndarray
) -> float:
  """Returns S_loc (eq. 10): the mean IoU per frame over Gamma.

  Gamma holds the frames in which either tube has a box and the detector gave boxes.
  Where only one of the tubes has a box the IoU is 0, so that frames predicted beyond
  the event cost as much as frames missed. If Gamma is empty, nothing was localised that
  could be checked, and the score is 0.

  Args:
    predicted: the retrieved tube.
    truth: the annotated tube.
    detected_frames: bool [num_frames], True where the detector gave at least one box.

  Returns:
    A number in [0, 1]; the same if the tubes change places.

  Raises:
    ValueError: a tube ends after the video.
  """
  detected = np.asarray(detected_frames, bool)
  if max(predicted.stop, truth.stop) > len(detected):
    raise ValueError(
        f'tubes {predicted.start}:{predicted.stop} and {truth.start}:{truth.stop} do not fit '
        f'into {len(detected)} frames'
    )
  gamma = np.zeros(len(detected), bool)
  gamma[predicted.start : predicted.stop] = True
  gamma[truth.start : truth.stop] = True
  gamma &= detected
  ious = iou_by_frame(predicted, truth)[gamma[truth.start : truth.stop]]
  return float(ious.sum() / max(np.count_nonzero(gamma), 1))


def truth_frames_score(predicted: Tube, truth: Tube) -> float:
  """Returns the mean IoU over the event's frames alone, in [0, 1].

  Public code of the neighbouring task scores so: frames predicted beyond the event cost
  nothing, and a tube over the whole video gains. It is never smaller than S_loc over all
  frames, and no substitute for it.
  """
  return float(iou_by_frame(predicted, truth).mean())


def sampled_ious(
    regions: Detections, truth: Tube, *, step: int = 16
) -> tuple[np.ndarray, np.ndarray]:
  """Returns, for each clip of an event, its frame and how well the best region fits there.

  Clips begin at every `step`-th frame of the event, its first included; the best region
  is the one of the highest score in that frame, the first of equals.

  Returns:
    frames: int [c].
    ious: [c], in [0, 1]; nan where there is no region.
  """
  frames = np.arange(truth.start, truth.stop, step)
  order = np.lexsort((-regions.scores, regions.frames))
  first = np.searchsorted(regions.frames[order], frames)
  ious = np.full(len(frames), np.nan)
  if len(regions):
    best = order[np.minimum(first, len(order) - 1)]
    there = regions.frames[best] == frames
    boxes_xyxy = truth.boxes_xyxy[frames - truth.start]
    ious[there] = boxes.iou(regions.boxes_xyxy[best], boxes_xyxy)[there]
  return frames, ious


def best_scores(
    predicted: Sequence[Tube], truths: Sequence[Tube], detected_frames: np.ndarray
) -> np.ndarray:
  """Returns the S_loc [n] of each predicted tube with the event that it meets best.

  A video may have several annotated events, while eq. 9 retrieves one tube: to find any
  of the events is right. Without events every score is 0.
  """
  return np.array([
      max((spatio_temporal_score(tube, truth, detected_frames) for truth in truths), default=0.0)
      for tube in predicted
  ])


def iou_at(scores: np.ndarray, threshold: float) -> float:
  """Returns IoU@threshold: the share of videos whose S_loc is larger; nan without videos."""
  return float(np.mean(np.asarray(scores) > threshold)) if len(scores) else np.nan


def mean_iou(scores: np.ndarray) -> float:
  """Returns MIoU: the mean S_loc of the videos; nan without videos."""
  return float(np.mean(scores)) if len(scores) else np.nan
