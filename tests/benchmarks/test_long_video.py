"""Tests of the videos that memory is measured on, and of the measuring."""

import numpy as np
import pytest

from benchmarks import long_video
from wsstad_jax.video import decode


def moving_frames(count, speed):
  """Yields frames of 96 x 64 pixels in which a bright square moves."""
  for index in range(count):
    frame = np.full((64, 96, 3), 90, np.uint8)
    frame[20:40, speed * index % 80 :][:, :16] = 230
    yield frame


def test_a_repeated_video_shows_its_source_again_and_again(tmp_path):
  source, loop, path = (tmp_path / name for name in ('source.mp4', 'loop.mp4', 'long.mp4'))
  decode.write_video(source, moving_frames(40, speed=2), frames_per_second=10)
  long_video.write_small(str(source), loop, width=48, rate=25)
  long_video.write_repeated(loop, path, num_frames=100)
  facts = decode.read_facts(path)
  assert (facts.num_frames, facts.width, facts.height) == (120, 48, 32)
  assert facts.frames_per_second == 25
  frames = np.stack(list(decode.iterate_frames(path)))
  np.testing.assert_array_equal(frames[:40], frames[80:])
  assert np.abs(frames[39].astype(int) - frames[40]).max() > 50  # it jumps back


def test_the_peak_is_of_a_process_of_its_own(tmp_path):
  path = tmp_path / 'short.mp4'
  decode.write_video(path, moving_frames(48, speed=2), frames_per_second=25)
  found = long_video.measure(path)
  assert found['frames'] == 48 and found['windows'] >= 3 + found['tubes']
  assert 100 < found['peak_mib'] < 10_000
  record = long_video.create_record([{'minutes': 0.5} | found], 'short.mp4', width=96)
  assert record['title'] in (table := long_video.create_table(record))
  assert table.splitlines()[-1].startswith(f'| 0.5 | 48 | {found["tubes"]} | ')
  with pytest.raises(RuntimeError, match='status 1'):
    long_video.measure(tmp_path / 'missing.mp4')
