"""Tests of proposals."""

import subprocess
import sys

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.features import proposals
from wsstad_jax.features import store
from wsstad_jax.video import decode

_FACTS = VideoFacts('v.mp4', 64, 48, 25.0, 30)


def _detections(frames, boxes_xyxy):
  return Detections(
      np.array(frames, np.int32),
      np.array(boxes_xyxy, np.float32).reshape(-1, 4),
      np.ones(len(frames), np.float32),
  )


def test_video_without_detections_has_the_whole_image_as_tube(tiny_config):
  video = proposals.tubes_of_detections(_FACTS, _detections([], []), tiny_config)
  (tube,) = video.tubes
  assert (tube.start, tube.stop, tube.kind, tube.score) == (0, 30, TubeKind.UNARY, 0.0)
  assert (tube.boxes_xyxy == [0, 0, 64, 48]).all()
  assert not video.detected_frames.any() and len(video.detected_frames) == 30


def test_objects_that_meet_give_unary_and_multivariate_tubes(tiny_config):
  frames = np.repeat(np.arange(20), 2)
  boxes = [box for t in range(20) for box in ([t, 5, t + 10, 15], [40 - t, 5, 50 - t, 15])]
  video = proposals.tubes_of_detections(_FACTS, _detections(frames, boxes), tiny_config)
  kinds = [tube.kind for tube in video.tubes]
  assert kinds.count(TubeKind.UNARY) == 2 and kinds.count(TubeKind.MULTIVARIATE) >= 1
  assert video.detected_frames.tolist() == [True] * 20 + [False] * 10


def test_still_video_from_file(tmp_path, tiny_config):
  path = tmp_path / 'still.mp4'
  decode.write_video(path, np.full((20, 48, 64, 3), 90, np.uint8), frames_per_second=25)
  video = proposals.propose_tubes(str(path), tiny_config)
  assert len(video.tubes) == 1 and not video.detected_frames.any()


def test_video_shorter_than_a_clip_is_named(tmp_path, tiny_config):
  path = tmp_path / 'short.mp4'
  decode.write_video(path, np.zeros((7, 48, 64, 3), np.uint8), frames_per_second=25)
  with pytest.raises(UserError, match=r'short\.mp4: the video has 7 frames'):
    proposals.propose_tubes(str(path), tiny_config)


def test_faults_are_returned_and_tubes_written(tmp_path, tiny_config, tiny_entries):
  out = tmp_path / 'v.npz'
  message = proposals.write_proposals(str(tmp_path / 'absent.mp4'), str(out), tiny_config)
  assert 'absent.mp4' in message and not out.exists()
  assert proposals.write_proposals(tiny_entries[1].path, str(out), tiny_config) is None
  assert store.read_tubes(str(out), 'v.mp4').facts.num_frames == 47


def test_processes_that_find_tubes_do_not_load_jax():
  program = 'import sys, wsstad_jax.features.proposals; sys.exit("jax" in sys.modules)'
  assert subprocess.run([sys.executable, '-c', program], check=False).returncode == 0
