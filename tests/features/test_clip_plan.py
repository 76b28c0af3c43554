"""Tests of clip_plan."""

import dataclasses

import numpy as np
import pytest

from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.core.records import VideoTubes
from wsstad_jax.features import clip_plan
from wsstad_jax.video import clips
from wsstad_jax.video import decode


def _tube(start, stop, box_xyxy=(0, 0, 8, 8)):
  return Tube(start, np.tile(np.float32(box_xyxy), (stop - start, 1)), TubeKind.UNARY)


@pytest.mark.parametrize(
    'span, expected',
    [
        ((0, 40), [0, 1, 2]),  # the last clip, 24:40, shares 16
        ((8, 24), [0, 1]),  # shares 8 with 0:16 and 8 with 16:32
        ((9, 24), [1]),  # shares 7 with 0:16: less than half a clip
        ((10, 15), [0]),  # shares 5 with 0:16, no clip shares 8
        ((30, 34), [2]),  # shares 2 with 16:32 and 4 with 24:40
        ((39, 40), [2]),
    ],
)
def test_covering_clips(span, expected):
  starts = np.array([0, 16, 24])
  assert np.flatnonzero(clip_plan.covering_clips(np.array([span]), starts)[0]).tolist() == expected


def test_part_between_the_clips_of_its_tube_gets_the_nearest():
  assert clip_plan.covering_clips(np.array([[10, 14]]), np.array([16, 32])).tolist() == [
      [True, False]
  ]


def test_plan_is_ordered_by_clip_then_tube():
  tubes = [_tube(0, 40), _tube(20, 36), _tube(0, 16)]
  pairs = clip_plan.plan_clips(tubes, np.array([0, 16, 24]))
  assert pairs.tolist() == [[0, 0], [2, 0], [0, 1], [1, 1], [0, 2], [1, 2]]
  assert pairs.dtype == np.int32


def test_row_positions_are_those_of_the_windows():
  # Rows: image 0, pairs 0 and 1, image 1, image 2, pair 2.
  pairs = np.array([[0, 0], [1, 0], [1, 2]])
  image_rows, pair_rows = clip_plan.row_positions(pairs, 3)
  assert image_rows.tolist() == [0, 3, 4]
  assert pair_rows.tolist() == [1, 2, 5]


def test_windows_show_the_image_then_the_tubes(tmp_path):
  path = tmp_path / 'video.mp4'
  frames = np.zeros((20, 32, 32, 3), np.uint8)
  frames[:, :16, :16] = 200
  decode.write_video(path, frames, frames_per_second=25, crf=1)
  facts = VideoFacts(str(path), 32, 32, 25.0, 20)
  video = VideoTubes(
      facts, (_tube(0, 20, (2, 2, 14, 14)), _tube(4, 20, (18, 18, 30, 30))), np.ones(20, bool)
  )
  pairs = clip_plan.plan_clips(video.tubes, clips.clip_starts(20))
  assert pairs.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
  windows = list(clip_plan.iterate_windows(video, pairs, size=8, window_context=1.0))
  assert [window.shape for window in windows] == [(16, 8, 8, 3)] * 6
  expected = [50, 200, 0, 50, 200, 0]  # a quarter of the image is bright
  np.testing.assert_allclose([window.mean() for window in windows], expected, atol=5)


def test_windows_stand_still_within_a_clip(tmp_path):
  path = tmp_path / 'video.mp4'
  frames = np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3), np.uint8).repeat(16, axis=0)
  decode.write_video(path, frames, frames_per_second=25)
  moving = np.float32([[t, 2, t + 8, 10] for t in range(16)])
  tube = dataclasses.replace(_tube(0, 16), boxes_xyxy=moving)
  video = VideoTubes(VideoFacts(str(path), 32, 32, 25.0, 16), (tube,), np.ones(16, bool))
  _, window = clip_plan.iterate_windows(
      video, np.array([[0, 0]]), size=16, window_context=1.0
  )
  assert np.abs(window.astype(int) - window[:1]).max() < 20  # what the codec leaves of stillness


@pytest.mark.parametrize('num_frames', [16, 17, 40, 160, 171])
def test_plan_equals_that_of_looking_at_all_clips(num_frames):
  rng = np.random.default_rng(num_frames)
  begins = rng.integers(0, num_frames, 60)
  tubes = [_tube(begin, int(rng.integers(begin, num_frames)) + 1) for begin in begins]
  starts = clips.clip_starts(num_frames)
  spans = np.array([(tube.start, tube.stop) for tube in tubes])
  clip, tube = np.nonzero(clip_plan.covering_clips(spans, starts).T)
  assert clip_plan.plan_clips(tubes, starts).tolist() == np.stack([tube, clip], 1).tolist()
