"""Tests of detections that are read from files, and of the choice of a detector."""

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.detections import combined
from wsstad_jax.detections import detectors
from wsstad_jax.detections import file_detector
from wsstad_jax.detections import onnx_detector
from wsstad_jax.detections import registry

_ROWS = """video,frame,region,x_min,y_min,x_max,y_max
anomalous/a.mp4,2,0,1,2,11,12
anomalous/a.mp4,0,0,0,2,10,12
normal/a,1,0,5,5,60,9
b.mp4,9,0,1,2,11,12
c,0,0,200,5,210,9
"""


def detect(folder, video_path, *, num_frames=5, boxes=''):
  frames = np.zeros((num_frames, 32, 40, 3), np.uint8)
  return file_detector.FileDetector(video_path, str(folder), boxes).detect(iter(frames))


@pytest.fixture(name='folder')
def create_folder(tmp_path):
  (tmp_path / 'boxes.csv').write_text(_ROWS)
  return tmp_path


def test_a_video_gets_its_own_boxes_sorted_by_frame(folder):
  found = detect(folder, '/videos/anomalous/a.mp4')
  assert found.frames.tolist() == [0, 2]
  np.testing.assert_array_equal(found.boxes_xyxy, [[0, 2, 10, 12], [1, 2, 11, 12]])
  other = detect(folder, '/videos/normal/a.mp4')
  np.testing.assert_array_equal(other.boxes_xyxy, [[5, 5, 40, 9]])  # cut to the image
  assert len(detect(folder, 'c.avi')) == 0  # outside of the image


def test_boxes_may_bear_the_name_that_a_run_gives_to_the_video(tmp_path):
  (tmp_path / 'boxes.csv').write_text(_ROWS.replace('anomalous/a.mp4', 'anomalous-a'))
  assert len(detect(tmp_path, '/videos/anomalous/a.mp4')) == 2


def test_several_formats_are_told_with_the_flag_of_detections(folder):
  (folder / 'mot').mkdir()
  (folder / 'mot' / 'a.txt').write_text('1,7,1,1,4,5,0.5,-1,-1,-1\n')
  with pytest.raises(UserError, match=r'--config.detector.files.boxes=csv\|mot'):
    detect(folder, 'a.mp4')


def test_frames_of_mot_are_counted_from_one_and_score_0_is_no_detection(tmp_path):
  (tmp_path / 'mot').mkdir()
  (tmp_path / 'mot' / 'a.txt').write_text('1,7,1,1,4,5,0.5,-1,-1,-1\n2,7,1,1,4,5,0,-1,-1,-1\n')
  found = detect(tmp_path, 'a.mp4', boxes='mot')
  assert found.frames.tolist() == [0]
  np.testing.assert_allclose(found.scores, [0.5])


def test_what_does_not_fit_is_told(folder, tmp_path_factory):
  with pytest.raises(UserError, match=r'boxes.csv.*frame 9, but x/b.mp4 has 5 frames'):
    detect(folder, 'x/b.mp4')
  with pytest.raises(UserError, match='no boxes of x/d.mp4; expected'):
    detect(folder, 'x/d.mp4')
  with pytest.raises(UserError, match='holds no detections; expected is one of boxes.csv'):
    detect(tmp_path_factory.mktemp('empty'), 'a.mp4')
  with pytest.raises(UserError, match='--config.detector.files.folder=DIR'):
    detect('', 'a.mp4')


def _settings(folder, kind):
  return {
      'kind': kind, 'motion': {'hold_frames': 12}, 'onnx': {'model': str(folder / 'boxes.csv')},
      'files': {'folder': str(folder), 'boxes': ''}, 'duplicate_overlap': 0.4,
  }


def test_the_detector_is_chosen_by_its_kind(folder):
  create = lambda kind: registry.create_detector(_settings(folder, kind), 'a.mp4')
  motion = detectors.MotionDetector(hold_frames=12)
  network = onnx_detector.OnnxDetector(model=str(folder / 'boxes.csv'))
  assert create('motion') == motion
  assert create('onnx') == network
  assert create('motion+onnx') == combined.CombinedDetector(motion, network, 0.4)
  assert create('files') == file_detector.FileDetector('a.mp4', str(folder))
  with pytest.raises(UserError, match="detector.kind is 'radar'; there are motion, onnx"):
    create('radar')


def test_folders_are_named_by_the_settings_in_use_and_the_content_of_files(folder):
  describe = lambda kind: registry.describe_settings(_settings(folder, kind))
  before = {kind: describe(kind) for kind in registry.KINDS}
  assert before['motion'] == {'kind': 'motion', 'hold_frames': 12}
  (folder / 'boxes.csv').write_text(_ROWS + 'd,0,0,1,2,3,4\n')
  changed = {kind for kind in registry.KINDS if describe(kind) != before[kind]}
  assert changed == {'onnx', 'motion+onnx', 'files'}
  (folder / 'boxes.csv').unlink()
  with pytest.raises(UserError, match='boxes.csv cannot be read'):
    describe('onnx')
