"""Tests of the pairing of predictions with truth, and of reading another run."""

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.reports import exchange
from wsstad_jax.reports import predictions
from wsstad_jax.runs import pairing


def tube(start, stop, score=1.0):
  return Tube(start, np.tile(np.float32([0, 0, 9, 9]), (stop - start, 1)), TubeKind.UNARY, score)


def predicted(video_id, length=10, rate=np.nan):
  found = [predictions.Prediction(tube(2, 5, 0.5), None, None)]
  curve = np.repeat([0.0, 0.5], [2, length - 2])
  return exchange.PredictedVideo(video_id, rate, curve, found, np.zeros(length, bool))


def true(video_id, num_frames=10, rate=np.nan, start=3):
  return exchange.TrueVideo(video_id, 1, 'crash', num_frames, rate, [tube(start, 6)])


def write_run(folder, ids, start=3):
  folder.mkdir()
  exchange.write_predictions(
      str(folder / pairing.PREDICTIONS_FILE), [predicted(name) for name in ids])
  exchange.write_ground_truth(
      str(folder / pairing.GROUND_TRUTH_FILE), [true(name, start=start) for name in ids])
  return str(folder)


def test_frames_without_a_score_have_0_and_count_as_detected():
  video = pairing.pair(predicted('a', 8), true('a', 10))
  assert video.frame_scores.tolist() == [0, 0] + [0.5] * 6 + [0, 0]
  assert video.detected_frames.tolist() == [False] * 8 + [True] * 2
  assert video.regions.frames.tolist() == [2, 3, 4]


def test_an_unknown_length_is_the_longest_that_is_seen():
  assert pairing.pair(predicted('a', 4), true('a', 0)).num_frames == 6
  assert pairing.pair(predicted('a', 8), true('a', 0)).num_frames == 8


def test_the_frame_rate_of_the_truth_comes_first():
  assert pairing.pair(predicted('a', rate=30.0), true('a', rate=25.0)).frames_per_second == 25.0
  assert pairing.pair(predicted('a', rate=30.0), true('a')).frames_per_second == 30.0
  assert np.isnan(pairing.pair(predicted('a'), true('a')).frames_per_second)


def test_more_frames_than_the_video_has_are_refused():
  with pytest.raises(UserError, match="'a' has 12 frames in the predictions, but 10"):
    pairing.pair(predicted('a', 12), true('a', 10))


def test_another_run_is_read_in_our_order(tmp_path):
  ours = [pairing.pair(predicted(name), true(name)) for name in ('b', 'a')]
  other = pairing.read_run(write_run(tmp_path / 'other', ['a', 'b']), ours)
  assert [video.video_id for video in other] == ['b', 'a']


def test_a_run_that_does_not_fit_is_refused(tmp_path):
  ours = [pairing.pair(predicted(name), true(name)) for name in ('b', 'a')]
  with pytest.raises(UserError, match='lacks predictions.json; evaluate that run first'):
    pairing.read_run(str(tmp_path), ours)
  with pytest.raises(UserError, match="other videos, such as 'c'"):
    pairing.read_run(write_run(tmp_path / 'more', ['a', 'b', 'c']), ours)
  with pytest.raises(UserError, match="against other events of 'b'"):
    pairing.read_run(write_run(tmp_path / 'moved', ['a', 'b'], start=4), ours)
