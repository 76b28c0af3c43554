"""Tests of the detectors on small drawn scenes whose boxes are known."""

import dataclasses

import numpy as np
import pytest

from wsstad_jax.core import boxes
from wsstad_jax.detections import detectors

HEIGHT, WIDTH = 120, 160


def background() -> np.ndarray:
  """Returns a street: coarse texture, so that it looks like no object."""
  rng = np.random.default_rng(0)
  blocks = rng.integers(90, 130, (HEIGHT // 8, WIDTH // 8, 1))
  return np.kron(blocks, np.ones((8, 8, 3))).astype(np.float32)


def render(
    boxes_by_frame,
    *,
    gain=lambda frame: 1.0,
    shadow=False,
    lamps=False,
    paint=(220, 60, 50),
    noise=2.0,
):
  """Yields frames in which every box is a block, bright red unless painted otherwise."""
  rng = np.random.default_rng(1)
  for frame, frame_boxes in enumerate(boxes_by_frame):
    picture = background()
    for left, top, right, bottom in frame_boxes:
      if shadow:
        picture[bottom : bottom + 10, left:right] *= 0.75
      if lamps:
        picture[top:bottom, right : right + 25] *= 1.6
      picture[top:bottom, left:right] = paint
    picture = picture * gain(frame) + rng.normal(0, noise, picture.shape)
    yield np.clip(picture, 0, 255).astype(np.uint8)


def crossing(num_frames: int, *, stop_at: int | None = None):
  """Returns, for each frame, one box that moves two pixels a frame and may come to rest."""
  steps = np.minimum(np.arange(num_frames), stop_at or num_frames)
  return [[(10 + 2 * step, 50, 40 + 2 * step, 70)] for step in steps]


def mean_iou(detections, boxes_by_frame) -> float:
  """Returns the mean over frames of the best IoU with the frame's first box."""
  best = []
  for frame, frame_boxes in enumerate(boxes_by_frame):
    found = detections.boxes_xyxy[detections.frames == frame]
    truth = np.array(frame_boxes[0], np.float32)
    best.append(boxes.iou(found, truth[None]).max() if len(found) else 0)
  return float(np.mean(best))


def test_a_moving_object_is_found_from_the_first_frame_on():
  scene = crossing(60)
  found = detectors.MotionDetector(warmup_frames=60).detect(render(scene))
  assert mean_iou(found, scene) > 0.8
  assert mean_iou(found, scene[:1]) > 0.7
  assert len(found) == 60  # and nothing else
  assert found.frames.dtype == np.int32 and found.boxes_xyxy.dtype == np.float32
  assert (found.scores > 0.7).all() and (found.scores <= 1).all()


def test_an_empty_scene_gives_no_boxes():
  found = detectors.MotionDetector().detect(render([[]] * 40))
  assert len(found) == 0 and found.boxes_xyxy.shape == (0, 4)


def test_flicker_is_no_motion():
  scene = crossing(60)
  flicker = lambda frame: 1 + 0.15 * np.sin(frame * 1.3)
  found = detectors.MotionDetector(warmup_frames=60).detect(render(scene, gain=flicker))
  assert mean_iou(found, scene) > 0.7
  assert len(found) <= 63


def test_light_switched_on_gives_no_box_as_large_as_the_frame():
  rng = np.random.default_rng(0)
  other_light = rng.uniform(0.3, 1.7, (HEIGHT // 8, WIDTH // 8, 1))
  other_light = np.kron(other_light, np.ones((8, 8, 1)))
  scene = [[]] * 60
  gain = lambda frame: 1.0 if frame < 40 else other_light
  found = detectors.MotionDetector(warmup_frames=30).detect(render(scene, gain=gain))
  assert len(found) == 0


def test_shadow_does_not_belong_to_the_object():
  scene = crossing(60)
  found = detectors.MotionDetector(warmup_frames=60).detect(render(scene, shadow=True))
  assert mean_iou(found, scene) > 0.75


def test_a_dark_object_is_told_from_its_shadow():
  scene = crossing(60)
  frames = render(scene, shadow=True, paint=(52, 53, 54))
  found = detectors.MotionDetector(warmup_frames=60).detect(frames)
  assert mean_iou(found, scene) > 0.75


def test_light_of_lamps_does_not_belong_to_the_object():
  scene = crossing(60)
  found = detectors.MotionDetector(warmup_frames=60).detect(render(scene, lamps=True))
  assert mean_iou(found, scene) > 0.75


def test_what_leaves_after_a_long_rest_leaves_no_ghost():
  waiting = (60, 50, 90, 70)
  scene = [[waiting]] * 50 + [[(60 + 2 * step, 50, 90 + 2 * step, 70)] for step in range(1, 50)]
  found = detectors.MotionDetector(warmup_frames=60).detect(render(scene))
  late = found.boxes_xyxy[found.frames > 80]
  assert len(late) and boxes.iou(late, np.float32([waiting])).max() < 0.2


def test_the_ground_shows_where_one_object_after_the_other_waits():
  colours = np.array([[90, 90, 90]] * 4 + [[20, 20, 20]] * 3 + [[200, 40, 40]] * 3, np.uint8)
  sample = np.tile(colours[:, None, None], (1, 2, 3, 1))
  commonest = detectors._commonest(sample, 0.4)
  # The median of these would be (55, 40, 40), which no frame shows.
  np.testing.assert_array_equal(commonest, np.full((2, 3, 3), 90, np.float32))


def test_an_object_at_rest_is_held_and_then_forgotten():
  scene = crossing(160, stop_at=60)
  detector = detectors.MotionDetector(warmup_frames=60, hold_frames=50)
  found = detector.detect(render(scene))
  at = lambda frame: mean_iou_at(found, scene, frame)
  assert min(at(frame) for frame in range(60, 90)) > 0.7
  assert at(140) == 0


def mean_iou_at(found, scene, frame: int) -> float:
  selected = found.boxes_xyxy[found.frames == frame]
  truth = np.array(scene[frame][0], np.float32)
  return float(boxes.iou(selected, truth[None]).max()) if len(selected) else 0.0


def test_boxes_are_in_pixels_of_the_full_frame():
  scene = crossing(60)
  found = detectors.MotionDetector(warmup_frames=60, working_width=80).detect(render(scene))
  assert mean_iou(found, scene) > 0.7


def test_nothing_is_kept_from_one_video_to_the_next():
  detector = detectors.MotionDetector()
  scene = crossing(40)
  first = detector.detect(render(scene))
  detector.detect(render([[(60, 20, 120, 100)]] * 30))
  again = detector.detect(render(scene))
  np.testing.assert_array_equal(first.boxes_xyxy, again.boxes_xyxy)
  np.testing.assert_array_equal(first.scores, again.scores)


def test_a_video_shorter_than_the_warm_up_is_detected_in():
  scene = crossing(20)
  found = detectors.MotionDetector(warmup_frames=75).detect(render(scene))
  assert found.frames.max() < 20


def test_what_is_found_keeps_its_frame():
  found = detectors.Found()
  for boxes_xyxy in ([], [[1, 2, 3, 4], [5, 6, 7, 8]], [], [[0.5, 0, 9, 9]]):
    found.add(np.reshape(boxes_xyxy, (-1, 4)), np.full(len(boxes_xyxy), 0.25))
  kept = found.detections()
  assert kept.frames.tolist() == [1, 1, 3]
  assert kept.boxes_xyxy.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [0.5, 0, 9, 9]]
  assert kept.scores.tolist() == [0.25] * 3
  assert [array.dtype for array in dataclasses.astuple(kept)] == [np.int32, np.float32, np.float32]


def test_no_frames_are_refused():
  with pytest.raises(ValueError, match='no frames'):
    detectors.MotionDetector().detect(iter([]))
