"""The metrics on 100,000 detections beside plain loops: python -m benchmarks.metrics."""

import argparse
from collections.abc import Callable
import pathlib
import time
from typing import Any

import numpy as np

from benchmarks import measure
from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.metrics import localization
from wsstad_jax.metrics import regions

_FRAMES = 1000  # of a video, in which an event has the middle half
_TUBE_FRAMES = 50


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--detections', type=int, default=100_000)
  parser.add_argument('--out', type=pathlib.Path, default=measure.RESULTS)
  arguments = parser.parse_args()
  record = {
      'name': 'metrics_cpu', 'title': f'Metrics of {arguments.detections:,} detections',
      **measure.describe_machine(), 'metrics': time_metrics(arguments.detections),
  }
  print(create_table(record))
  measure.write(record, arguments.out)


def time_metrics(num_detections: int) -> dict[str, dict[str, float]]:
  """Returns the seconds of each metric, of plain loops that do the same, and their values.

  Raises:
    RuntimeError: the values differ.
  """
  videos = create_videos(num_detections)
  found = {}
  for name, ours, plain in (
      ('RBDC and TBDC', region_figures, plain_region_figures),
      ('S_loc of every tube', tube_scores, plain_tube_scores),
  ):
    seconds, values = _timed(ours, videos)
    plain_seconds, expected = _timed(plain, videos)
    if not np.allclose(values, expected):
      raise RuntimeError(f'{name}: {values} are not {expected}')
    found[name] = {'seconds': seconds, 'plain_seconds': plain_seconds, 'mean': float(np.mean(values))}
  return found


def create_videos(num_detections: int) -> list[tuple[Detections, list[Tube], Tube]]:
  """Returns videos of 10,000 random detections, the tubes that they make, and an event."""
  rng = np.random.default_rng(0)
  videos = []
  for _ in range(max(num_detections // 10_000, 1)):
    tubes = []
    for start in rng.integers(0, _FRAMES - _TUBE_FRAMES, min(num_detections, 10_000) // _TUBE_FRAMES):
      low = rng.uniform(0, 60, 2) + rng.normal(0, 1, (_TUBE_FRAMES, 2)).cumsum(axis=0)
      boxes_xyxy = np.concatenate([low, low + rng.uniform(15, 30, 2)], axis=1)
      tubes.append(Tube(int(start), boxes_xyxy.astype(np.float32), TubeKind.UNARY))
    frames = np.concatenate([np.arange(tube.start, tube.stop) for tube in tubes])
    order = np.argsort(frames, kind='stable')
    boxes_xyxy = np.concatenate([tube.boxes_xyxy for tube in tubes])[order]
    scores = rng.random(len(order)).astype(np.float32)
    event = np.tile(np.float32([30, 30, 60, 55]), (_FRAMES // 2, 1))
    videos.append((
        Detections(frames[order], boxes_xyxy, scores), tubes,
        Tube(_FRAMES // 4, event, TubeKind.TRUTH),
    ))
  return videos


def region_figures(videos: list) -> list[float]:
  """Returns RBDC and TBDC."""
  curves = regions.create_region_curves(
      [found for found, _, _ in videos], [[event] for *_, event in videos], [_FRAMES] * len(videos)
  )
  every = np.arange(len(videos))
  return [curves.rbdc(every), curves.tbdc(every)]


def plain_region_figures(videos: list) -> list[float]:
  """Returns RBDC and TBDC by one detection at a time, from the highest score down."""
  order = sorted(
      (-float(score), video, row)
      for video, (found, _, _) in enumerate(videos) for row, score in enumerate(found.scores)
  )
  hit = [set() for _ in videos]
  num_boxes = sum(len(event.boxes_xyxy) for *_, event in videos)
  false, rates, box_shares, track_shares = 0, [], [], []
  for _, video, row in order:
    found, _, event = videos[video]
    frame = int(found.frames[row]) - event.start
    box = [float(side) for side in found.boxes_xyxy[row]]
    if 0 <= frame < len(event.boxes_xyxy) and _iou(box, event.boxes_xyxy[frame].tolist()) >= 0.1:
      hit[video].add(frame)
    else:
      false += 1
    rates.append(false / (_FRAMES * len(videos)))
    box_shares.append(sum(map(len, hit)) / num_boxes)
    track_shares.append(
        sum(len(frames) >= 0.1 * _FRAMES / 2 for frames in hit) / len(videos)
    )
  return [regions.held_area(np.array(rates), np.array(shares)) for shares in (box_shares, track_shares)]


def tube_scores(videos: list) -> list[float]:
  """Returns S_loc of every tube."""
  detected = np.ones(_FRAMES, bool)
  return np.concatenate([
      localization.best_scores(tubes, [event], detected) for _, tubes, event in videos
  ]).tolist()


def plain_tube_scores(videos: list) -> list[float]:
  """Returns S_loc of every tube by one frame at a time."""
  scores = []
  for _, tubes, event in videos:
    for tube in tubes:
      total = 0.0
      for frame in range(max(tube.start, event.start), min(tube.stop, event.stop)):
        total += _iou(
            tube.boxes_xyxy[frame - tube.start].tolist(), event.boxes_xyxy[frame - event.start].tolist()
        )
      spans = {*range(tube.start, tube.stop), *range(event.start, event.stop)}
      scores.append(total / len(spans))
  return scores


def create_table(record: dict[str, Any]) -> str:
  """Returns the record as a table of Markdown."""
  lines = [
      f'{record["title"]}; {record["device"]}', '',
      '| metric | s of a core | plain loops | faster by |', '|---|---:|---:|---:|',
  ]
  for name, found in record['metrics'].items():
    ratio = found['plain_seconds'] / found['seconds']
    lines.append(
        f'| {name} | {found["seconds"]:.2f} | {found["plain_seconds"]:.1f} | {ratio:.0f} |'
    )
  return '\n'.join(lines)


def _timed(fn: Callable, videos: list) -> tuple[float, list[float]]:
  begin = time.process_time()
  result = fn(videos)
  return time.process_time() - begin, result


def _iou(a: list[float], b: list[float]) -> float:
  shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
  return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


if __name__ == '__main__':
  main()
