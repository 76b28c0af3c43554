"""Tests of the choice of predictions and of prediction.json."""

import json

import numpy as np

from wsstad_jax.core.records import Tube
from wsstad_jax.core.records import TubeKind
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.reports import predictions

FACTS = VideoFacts('/videos/crash.mp4', 64, 48, 25.0, 40)


def make_prediction(start, stop, score, box=(0, 0, 10, 10), kind=TubeKind.UNARY):
  tube = Tube(start, np.tile(np.float32(box), (stop - start, 1)), kind, score)
  return predictions.Prediction(tube, score + 0.05, score - 0.05)


def test_runners_up_are_other_places_or_times():
  top = make_prediction(10, 20, 0.9)
  same = make_prediction(12, 20, 0.8)  # IoU 1 in 8 of 10 frames
  elsewhere = make_prediction(10, 20, 0.7, (30, 0, 40, 10))
  later = make_prediction(30, 40, 0.6)
  chosen = predictions.select_distinct([later, same, top, elsewhere])
  assert chosen == [top, elsewhere, later]


def test_overlap_at_the_limit_is_kept():
  # IoU 1 in 3 of 10 frames is 0.3, which is not above 0.3.
  top, part = make_prediction(0, 10, 0.9), make_prediction(0, 3, 0.8)
  assert predictions.select_distinct([top, part], max_overlap=0.3) == [top, part]
  assert predictions.select_distinct([top, part], max_overlap=0.29) == [top]


def test_what_overlaps_only_a_rejected_one_is_kept():
  # Of the frames of both, 0:10 and 5:15 share 5 of 15, 5:15 and 10:20 too, 0:10 and 10:20 none.
  chain = [make_prediction(start, start + 10, 0.9 - start / 100) for start in (0, 5, 10)]
  assert predictions.select_distinct(chain) == [chain[0], chain[2]]


def test_limit_ties_and_nothing():
  many = [make_prediction(10 * i, 10 * i + 10, 0.5) for i in range(4)]
  assert predictions.select_distinct(many, limit=2) == many[:2]
  assert predictions.select_distinct([]) == []


def test_prediction_file(tmp_path):
  path = tmp_path / 'new' / 'prediction.json'
  predictions.write_prediction(
      str(path),
      FACTS,
      [make_prediction(10, 12, 0.5, (1, 2, 3.25, 4), TubeKind.MULTIVARIATE),
       predictions.Prediction(make_prediction(0, 1, 0.25).tube, np.float32(0.25), None)],
  )
  content = json.loads(path.read_text())
  assert content['version'] == 1
  assert content['video'] == {
      'path': 'crash.mp4', 'width': 64, 'height': 48, 'frames_per_second': 25.0, 'num_frames': 40
  }
  first, second = content['tubes']
  assert first == {
      'rank': 1, 'score': 0.5, 'tube_branch_score': 0.55, 'temporal_branch_score': 0.45,
      'kind': 'multivariate', 'start': 10, 'stop': 12,
      'start_seconds': 0.4, 'stop_seconds': 0.48,  # 10 / 25 and 12 / 25
      'frames': [10, 11], 'boxes_xyxy': [[1, 2, 3.25, 4]] * 2,
  }
  assert second['rank'] == 2
  assert second['kind'] == 'unary'
  assert second['temporal_branch_score'] is None
  assert [file.name for file in path.parent.iterdir()] == ['prediction.json']


def test_a_video_without_tubes_gets_an_empty_list(tmp_path):
  path = tmp_path / 'prediction.json'
  predictions.write_prediction(str(path), FACTS, [])
  assert json.loads(path.read_text())['tubes'] == []
