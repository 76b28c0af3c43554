"""Tests of RBDC and TBDC: hand values, a plain reference on random tubes, and speed."""


import numpy as np
import pytest

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.metrics import regions

BOX = np.float32([10, 10, 30, 30])
FAR = np.float32([60, 60, 80, 80])


def detections(*rows):
  """Returns the detections of rows (frame, box, score), sorted by frame."""
  rows = sorted(rows, key=lambda row: row[0])
  frames, boxes_xyxy, scores = zip(*rows) if rows else ((), np.zeros((0, 4)), ())
  return Detections(np.array(frames, int), np.reshape(boxes_xyxy, (-1, 4)), np.array(scores, float))


def event(start, length, box=BOX):
  return Tube(start, np.tile(box, (length, 1)), TubeKind.TRUTH)


def curves(found, truths, num_frames):
  return regions.create_region_curves([found], [truths], [num_frames])


def plain(found, truths, num_frames, criterion):
  """RBDC or TBDC over all videos, threshold by threshold, as the paper words it."""
  thresholds = sorted({s for video in found for s in video.scores}, reverse=True)
  points = [(0.0, 0.0)]
  for threshold in thresholds:
    false, hit_boxes, all_boxes, hit_tracks, all_tracks = 0, 0, 0, 0, 0
    for video, events in zip(found, truths):
      kept = [row for row in range(len(video)) if video.scores[row] >= threshold]
      hits = [
          [
              any(
                  video.frames[row] == truth.start + k
                  and boxes.iou(video.boxes_xyxy[row], box) >= 0.1
                  for row in kept
              )
              for k, box in enumerate(truth.boxes_xyxy)
          ]
          for truth in events
      ]
      hit_boxes += sum(map(sum, hits))
      all_boxes += sum(map(len, hits))
      hit_tracks += sum(np.mean(track) >= 0.1 for track in hits)
      all_tracks += len(hits)
      for row in kept:
        false += not any(
            truth.start <= video.frames[row] < truth.stop and boxes.iou(
                video.boxes_xyxy[row], truth.boxes_xyxy[video.frames[row] - truth.start]) >= 0.1
            for truth in events
        )
    share = hit_boxes / all_boxes if criterion == 'rbdc' else hit_tracks / all_tracks
    points.append((false / sum(num_frames), share))
  area = 0.0
  for (x0, y0), (x1, y1) in zip(points, points[1:]):
    if x1 > 1:
      if x0 < 1:
        y1 = y0 + (y1 - y0) * (1 - x0) / (x1 - x0)
        area += (1 - x0) * (y0 + y1) / 2
      return area
    area += (x1 - x0) * (y0 + y1) / 2
  return area + (1 - points[-1][0]) * points[-1][1]


def test_a_perfect_detector_has_an_area_of_1():
  found = detections(*((frame, BOX, 0.9) for frame in range(5, 15)))
  one = curves(found, [event(5, 10)], 20)
  assert one.rbdc(np.array([0])) == one.tbdc(np.array([0])) == 1.0


def test_by_hand():
  # Of 10 boxes 4 are found at 0.9, two more at 0.5; between, at 0.7, 5 false ones in 10 frames.
  found = detections(
      *((frame, BOX, 0.9) for frame in range(4)),
      *((frame, FAR, 0.7) for frame in range(5)),
      *((frame, BOX, 0.5) for frame in (4, 5)),
  )
  one = curves(found, [event(0, 10)], 10)
  # (0, 0) (0, .4) (.5, .4) (.5, .6), held to (1, .6).
  assert one.rbdc(np.array([0])) == pytest.approx(0.5 * 0.4 + 0.5 * 0.6)
  # The track is found with its first box of ten.
  assert one.tbdc(np.array([0])) == 1.0


def test_a_second_detection_of_a_box_is_neither_hit_nor_false():
  once = detections((0, BOX, 0.8))
  often = detections(*((0, BOX, score) for score in (0.8, 0.8, 0.6, 0.9)))
  for found in (once, often):
    assert curves(found, [event(0, 2)], 4).rbdc(np.array([0])) == 0.5


def test_one_detection_may_find_the_boxes_of_two_events():
  found = detections((0, BOX, 0.8))
  assert curves(found, [event(0, 1), event(0, 1, BOX + 2)], 1).rbdc(np.array([0])) == 1.0


def test_overlap_counts_the_pixels_of_exclusive_maxima():
  # The last pixels are 19 and 29: IoU (1 * 10) / (100 + 100 - 10) = 0.053; then 20 / 180 = 0.11.
  truth = event(0, 1, np.float32([0, 0, 10, 10]))
  for left, share in ((9, 0.0), (8, 1.0)):
    found = detections((0, np.float32([left, 0, left + 10, 10]), 0.5))
    assert curves(found, [truth], 100).tbdc(np.array([0])) == share


def test_a_track_needs_a_tenth_of_its_boxes_rounded_up():
  for length, needed in ((10, 1), (11, 2), (20, 2), (21, 3), (1, 1), (30, 3)):
    for count, share in ((needed, 1.0), (needed - 1, 0.0)):
      found = detections(*((frame, BOX, 0.5) for frame in range(count)))
      assert curves(found, [event(0, length)], 100).tbdc(np.array([0])) == share


def test_alarms_beyond_one_a_frame_are_cut_off():
  # One hit of two at 0.9, then 4 false ones a frame, and the second hit with them.
  false = [(frame, FAR + k, 0.5) for frame in (0, 1) for k in range(4)]
  rows = [(0, BOX, 0.9), (1, BOX, 0.5), *false]
  # (0, .5) to (4, 1): at 1 the line is at .625.
  assert curves(detections(*rows), [event(0, 2)], 2).rbdc(np.array([0])) == pytest.approx(
      (0.5 + 0.625) / 2
  )


def test_without_detections_and_without_events():
  none = detections()
  assert curves(none, [event(0, 3)], 9).rbdc(np.array([0])) == 0.0
  assert np.isnan(curves(none, [], 9).rbdc(np.array([0])))
  assert np.isnan(curves(detections((0, BOX, 0.5)), [], 9).tbdc(np.array([0])))


def random_videos(rng, num_videos, num_frames, num_detections):
  found, truths = [], []
  for _ in range(num_videos):
    sides = rng.uniform(4, 25, (num_detections, 2))
    low = rng.uniform(0, 50, (num_detections, 2))
    frames = np.sort(rng.integers(0, num_frames, num_detections))
    scores = rng.integers(1, 12, num_detections) / 12
    found.append(Detections(frames, np.concatenate([low, low + sides], axis=1), scores))
    starts = rng.integers(0, num_frames // 2, rng.integers(0, 4))
    truths.append([
        event(start, int(rng.integers(1, num_frames // 2)), np.float32([x, x, x + 20, x + 15]))
        for start, x in zip(starts, rng.uniform(0, 40, len(starts)))
    ])
  truths[0] = truths[0] or [event(0, 3)]
  return found, truths, [num_frames] * num_videos


def test_equals_the_plain_reference_on_random_tubes():
  rng = np.random.default_rng(3)
  for num_detections in (3, 12, 60):
    videos = random_videos(rng, 3, 12, num_detections)
    drawn = np.array([0, 2, 2])
    again = [[part[index] for index in drawn] for part in videos]
    all_videos = regions.create_region_curves(*videos)
    for criterion in ('rbdc', 'tbdc'):
      area_fn = getattr(all_videos, criterion)
      assert area_fn(np.arange(3)) == pytest.approx(plain(*videos, criterion))
      assert area_fn(drawn) == pytest.approx(plain(*again, criterion))


def test_the_order_of_detections_does_not_matter():
  rng = np.random.default_rng(8)
  (found,), truths, num_frames = random_videos(rng, 1, 10, 40)
  mixed = rng.permutation(40)
  mixed = mixed[np.argsort(found.frames[mixed], kind='stable')]
  other = Detections(found.frames[mixed], found.boxes_xyxy[mixed], found.scores[mixed])
  first, second = (regions.create_region_curves([f], truths, num_frames) for f in (found, other))
  assert first.rbdc(np.array([0])) == second.rbdc(np.array([0]))
