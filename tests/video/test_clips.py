"""Tests of clips: their grid, their windows and their pixels."""

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.video import clips


def test_starts_by_hand():
  assert clips.clip_starts(16).tolist() == [0]
  assert clips.clip_starts(17).tolist() == [0, 1]  # the last clip is frames 1 .. 16
  assert clips.clip_starts(48).tolist() == [0, 16, 32]
  assert clips.clip_starts(50).tolist() == [0, 16, 32, 34]


@pytest.mark.parametrize('num_frames', range(16, 70))
def test_clips_cover_every_frame_and_stay_inside(num_frames):
  starts = clips.clip_starts(num_frames)
  covered = {frame for start in starts for frame in range(start, start + 16)}
  assert covered == set(range(num_frames))
  assert (np.diff(starts) > 0).all()


def test_a_video_shorter_than_a_clip_is_an_error():
  with pytest.raises(UserError, match='15 frames, but one clip needs 16'):
    clips.clip_starts(15)


def test_window_by_hand():
  # Boxes 10..30 x 20..30 and 20..50 x 20..40: around them 10..50 x 20..40, centre (30, 30).
  # Longer side 40, context 1.5: side 60, hence 0..60 in both directions.
  boxes_xyxy = np.array([[10, 20, 30, 30], [20, 20, 50, 40]], np.float32)
  window = clips.clip_window(boxes_xyxy, context=1.5, width=320, height=240)
  np.testing.assert_allclose(window, [0, 0, 60, 60])


def test_window_is_shifted_into_the_image():
  corner = np.array([[300, 220, 320, 240]], np.float32)
  window = clips.clip_window(corner, context=2.0, width=320, height=240)
  np.testing.assert_allclose(window, [280, 200, 320, 240])


def test_window_larger_than_the_image_is_centred_on_its_short_side():
  wide = np.array([[0, 0, 200, 50]], np.float32)
  window = clips.clip_window(wide, context=1.5, width=320, height=240)
  np.testing.assert_allclose(window, [0, -30, 300, 270])


def test_window_is_square_and_encloses_the_boxes():
  rng = np.random.default_rng(0)
  for _ in range(100):
    low = rng.uniform(0, [280, 200], [16, 2])
    boxes_xyxy = np.concatenate([low, low + rng.uniform(1, 40, [16, 2])], 1).astype(np.float32)
    window = clips.clip_window(boxes_xyxy, context=1.2, width=320, height=240)
    sides = window[2:] - window[:2]
    assert window.dtype == np.float32 and np.isclose(*sides, atol=1e-3)
    assert (window[:2] <= boxes_xyxy[:, :2] + 1e-3).all()
    assert (window[2:] >= boxes_xyxy[:, 2:] - 1e-3).all()


def test_cut_at_the_same_size_copies_the_pixels():
  frames = np.random.default_rng(0).integers(0, 255, (16, 40, 60, 3), np.uint8)
  cut = clips.cut_clip(frames, np.array([10, 5, 30, 25], np.float32), size=20)
  np.testing.assert_array_equal(cut, frames[:, 5:25, 10:30])


def test_cut_outside_the_image_repeats_its_border():
  frames = np.random.default_rng(0).integers(0, 255, (2, 10, 12, 3), np.uint8)
  cut = clips.cut_clip(frames, np.array([-4, -6, 16, 14], np.float32), size=20)
  rows, columns = np.clip(np.arange(-6, 14), 0, 9), np.clip(np.arange(-4, 16), 0, 11)
  np.testing.assert_array_equal(cut, frames[:, rows][:, :, columns])


def test_cut_wholly_outside_the_image_shows_the_nearest_border():
  frames = np.random.default_rng(0).integers(0, 255, (1, 10, 12, 3), np.uint8)
  cut = clips.cut_clip(frames, np.array([20, 2, 24, 6], np.float32), size=4)
  np.testing.assert_array_equal(cut[0], np.repeat(frames[0, 2:6, 11:], 4, axis=1))


def test_shrinking_averages():
  frames = np.zeros([1, 8, 8, 3], np.uint8)
  frames[:, ::2] = 200  # stripes finer than the result's pixels
  cut = clips.cut_clip(frames, np.array([0, 0, 8, 8], np.float32), size=4)
  assert (cut == 100).all()


@pytest.mark.parametrize('num_frames', [16, 31, 32, 45])
def test_streamed_clips_are_slices_of_the_video(num_frames):
  video = np.random.default_rng(0).integers(0, 255, (num_frames, 4, 5, 3), np.uint8)
  starts = clips.clip_starts(num_frames)
  streamed = list(clips.iterate_clips(iter(video), starts))
  assert [index for index, _ in streamed] == list(range(len(starts)))
  for (_, clip), start in zip(streamed, starts):
    np.testing.assert_array_equal(clip, video[start : start + 16])


def test_a_stream_that_ends_early_is_not_passed_over():
  video = np.zeros([30, 4, 5, 3], np.uint8)
  with pytest.raises(ValueError, match='before clip 1 of 2'):
    list(clips.iterate_clips(iter(video), np.array([0, 16])))
