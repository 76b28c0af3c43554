"""Tests of what TensorBoard gets of a test."""

import math
import struct

import cv2
import numpy as np
from tensorboardX.proto import event_pb2

from wsstad_jax.metrics.intervals import Interval
from wsstad_jax.runs import summaries
from wsstad_jax.video import decode


def read_values(folder):
  """Yields the values of the event files: records of length, checksum, content, checksum."""
  for path in folder.iterdir():
    content = path.read_bytes()
    while content:
      (length,) = struct.unpack('<Q', content[:8])
      yield from event_pb2.Event.FromString(content[12 : 12 + length]).summary.value
      content = content[16 + length :]


def test_figures_and_the_frames_of_pictures(tmp_path):
  shades = (40, 200)
  for number, shade in enumerate(shades):
    frames = [np.full((48, 64, 3), 120 if index != 3 else shade, np.uint8) for index in range(6)]
    decode.write_video(tmp_path / f'{number}.mp4', frames, frames_per_second=5)
  summaries.write(
      str(tmp_path / 'run'),
      {'miou': Interval(25.0, 1.0, 40.0), 'rbdc': Interval(math.nan, math.nan, math.nan)},
      [(str(tmp_path / f'{number}.mp4'), 3) for number in range(2)],
  )
  scalar, *pictures = read_values(tmp_path / 'run' / 'tensorboard')
  assert (scalar.tag, scalar.simple_value) == ('test/miou', 25.0)
  assert [picture.tag for picture in pictures] == ['tubes/1_of_2_0', 'tubes/2_of_2_1']
  for picture, shade in zip(pictures, shades):
    content = np.frombuffer(picture.image.encoded_image_string, np.uint8)
    assert abs(cv2.imdecode(content, cv2.IMREAD_COLOR).mean() - shade) < 5
