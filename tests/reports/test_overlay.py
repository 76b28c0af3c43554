"""Tests of the overlay video."""

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.reports import colors
from wsstad_jax.reports import overlay
from wsstad_jax.video import decode

NUM_FRAMES, HEIGHT, WIDTH = 20, 96, 128


@pytest.fixture(name='facts')
def fixture_facts(tmp_path):
  path = str(tmp_path / 'grey.mp4')
  frames = np.full((NUM_FRAMES, HEIGHT, WIDTH, 3), 100, np.uint8)
  decode.write_video(path, frames, frames_per_second=10)
  return decode.read_facts(path)


def make_tube(start, stop, box, score=0.5):
  return Tube(start, np.tile(np.float32(box), (stop - start, 1)), TubeKind.UNARY, score)


def draw(facts, tmp_path, tubes=(), frame_scores=np.zeros(NUM_FRAMES), **options):
  path = str(tmp_path / 'overlay.mp4')
  overlay.write_overlay(path, facts, tubes, frame_scores=frame_scores, **options)
  return decode.read_facts(path), np.stack(list(decode.iterate_frames(path))).astype(int)


def near(pictures, color):
  """Marks the pixels of a colour, as far as compression keeps it."""
  return np.abs(pictures - np.array(color)).max(axis=-1) < 60


def test_frames_and_rate_stay_and_nothing_is_hidden(facts, tmp_path):
  found, pictures = draw(facts, tmp_path)
  assert found.num_frames == NUM_FRAMES
  assert found.frames_per_second == facts.frames_per_second
  assert found.width == WIDTH
  assert found.height > HEIGHT
  assert np.abs(pictures[:, : HEIGHT - 8] - 100).max() < 10


def test_boxes_are_where_and_when_they_were_predicted(facts, tmp_path):
  tube = make_tube(5, 10, (32, 40, 96, 80))
  _, pictures = draw(facts, tmp_path, [tube])
  red = near(pictures[:, :HEIGHT], colors.PREDICTED)
  np.testing.assert_array_equal(np.flatnonzero(red.any(axis=(1, 2))), np.arange(5, 10))
  # The lower edge, which no text covers, is the last row inside the box.
  rows = np.flatnonzero(red[7][:, 34:94].mean(axis=1) > 0.5)
  assert abs(rows.max() - 79) <= 1
  assert not red[7][:, :30].any()
  assert not red[7][:, 98:].any()


def test_boxes_move_with_the_tube(facts, tmp_path):
  left = np.arange(10, dtype=np.float32) * 8
  boxes = np.stack([left, 0 * left + 30, left + 40, 0 * left + 80], axis=1)
  _, pictures = draw(facts, tmp_path, [Tube(2, boxes, TubeKind.UNARY)])
  # The lower edge ends in frame 2 + i at column 8 i + 39, the last one inside the box.
  for i in (0, 4, 9):
    columns = np.flatnonzero(near(pictures[2 + i, 79], colors.PREDICTED))
    assert abs(columns.max() - (8 * i + 39)) <= 1


def test_colours_tell_ranks_and_truth_apart(facts, tmp_path):
  top, second = make_tube(0, 20, (8, 20, 40, 60)), make_tube(0, 20, (84, 20, 120, 60))
  truth = make_tube(0, 20, (48, 64, 80, 92))
  _, pictures = draw(facts, tmp_path, [top, second], truths=[truth])
  assert near(pictures[3, :HEIGHT, :44], colors.PREDICTED).any()
  assert near(pictures[3, :HEIGHT, 82:], colors.RUNNER_UP).any()
  assert near(pictures[3, 62:HEIGHT, 44:82], colors.TRUTH).any()


def test_timeline_shows_scores_and_spans(facts, tmp_path):
  scores = np.where(np.arange(NUM_FRAMES) < 10, 0.0, 1.0)
  event = make_tube(10, 20, (10, 10, 20, 20))
  _, pictures = draw(facts, tmp_path, [event], scores, truths=[event])
  strip = pictures[0, HEIGHT:]
  for color in (colors.CURVE, colors.TRUTH, colors.PREDICTED):
    marked = near(strip, color)
    assert marked[:, WIDTH // 2 + 4 :].any()
    assert not marked[:, : WIDTH // 2 - 4].any()


def test_timeline_marks_the_frame(facts, tmp_path):
  _, pictures = draw(facts, tmp_path)
  for index in (0, 7, 19):
    brightest = pictures[index, HEIGHT:].mean(axis=(0, 2)).argmax()
    assert abs(brightest - index * WIDTH / NUM_FRAMES) <= 1


def test_boxes_partly_outside_are_drawn(facts, tmp_path):
  tubes = [make_tube(0, 20, (-30, -20, 20, 30)), make_tube(0, 20, (110, 80, 160, 130))]
  found, _ = draw(facts, tmp_path, tubes)
  assert found.num_frames == NUM_FRAMES


def test_more_frames_than_columns_keep_a_short_peak(tmp_path):
  path = str(tmp_path / 'long.mp4')
  decode.write_video(path, np.zeros((100, 32, 32, 3), np.uint8), frames_per_second=10)
  scores = np.zeros(100)
  scores[49] = 1
  _, pictures = draw(decode.read_facts(path), tmp_path, (), scores)
  # One column: yuv420p keeps its brightness, but not its colour.
  brightness = pictures[0, -8:].astype(float).mean(axis=(0, 2))
  assert brightness[49 * 32 // 100] > 2 * brightness[[8, 24]].max()


def test_scores_must_fit_the_video(facts, tmp_path):
  with pytest.raises(ValueError, match='19 scores for 20 frames'):
    draw(facts, tmp_path, frame_scores=np.zeros(19))


def test_unreadable_video_leaves_nothing(tmp_path):
  facts = VideoFacts(str(tmp_path / 'gone.mp4'), WIDTH, HEIGHT, 10.0, NUM_FRAMES)
  with pytest.raises(UserError, match='gone.mp4'):
    draw(facts, tmp_path)
  assert not list(tmp_path.iterdir())


def test_the_same_overlay_has_the_same_bytes(facts, tmp_path):
  contents = []
  for _ in range(2):
    draw(facts, tmp_path, [make_tube(3, 9, (8, 8, 40, 40))])
    contents.append((tmp_path / 'overlay.mp4').read_bytes())
  assert contents[0] == contents[1]
