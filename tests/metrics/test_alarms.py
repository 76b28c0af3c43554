"""Tests of false alarms and delays: hand values and a plain reference."""

import itertools

import numpy as np
import pytest

from wsstad_jax.metrics import alarms


def plain(scores, spans, rates, recall):
  """False alarms an hour and mean delay, by trying every threshold from the highest down."""
  events = [(video, *span) for video, of_video in enumerate(spans) for span in of_video]
  hours = sum(len(curve) / rate for curve, rate in zip(scores, rates)) / 3600
  for threshold in sorted({s for curve in scores for s in curve if s > 0}, reverse=True):
    delays = []
    for video, start, stop in events:
      reached = [f - start for f in range(start, stop) if scores[video][f] >= threshold]
      delays += [reached[0] / rates[video]] if reached else []
    if events and len(delays) >= recall * len(events) - 1e-9:
      false = 0
      for curve, of_video in zip(scores, spans):
        inside = {f for start, stop in of_video for f in range(start, stop)}
        for on, run in itertools.groupby(range(len(curve)), lambda f: curve[f] >= threshold):
          false += on and not inside & set(run)
      return false / hours, np.mean(delays)
  return np.nan, np.nan


def test_by_hand():
  # 10 frames a second, 20 frames: two seconds. Alarms at 0.5: 2..3 (false) and 8..13 (event).
  curve = np.zeros(20)
  curve[2:4], curve[8:14] = 0.6, 0.5
  found = alarms.create_alarms([curve], [np.array([[10, 15]])], [10.0])
  every = np.array([0])
  assert found.false_alarms_per_hour(every, recall=1) == pytest.approx(1 / (2 / 3600))
  assert found.seconds_to_detection(every, recall=1) == 0.0  # the alarm was on already


def test_the_delay_is_from_the_first_frame_of_the_event():
  curve = np.zeros(40)
  curve[17] = 0.3
  found = alarms.create_alarms([curve], [np.array([[10, 20]])], [10.0])
  assert found.seconds_to_detection(np.array([0]), recall=0.5) == pytest.approx(0.7)
  assert found.false_alarms_per_hour(np.array([0]), recall=0.5) == 0.0


def test_more_recall_costs_more_alarms():
  quiet, loud = np.zeros(3600), np.zeros(3600)  # an hour each, a frame a second
  quiet[100], loud[50], loud[200] = 0.4, 0.9, 0.5
  found = alarms.create_alarms(
      [quiet, loud], [np.array([[90, 110]]), np.array([[40, 60]])], [1.0, 1.0]
  )
  both = np.array([0, 1])
  assert found.false_alarms_per_hour(both, recall=0.5) == 0.0
  assert found.false_alarms_per_hour(both, recall=0.8) == 0.5


def test_equals_the_plain_reference_on_drawn_videos():
  rng = np.random.default_rng(1)
  for _ in range(20):
    scores = [rng.integers(0, 6, 30) / 5 for _ in range(4)]
    spans = [
        np.array([[start, start + rng.integers(1, 8)] for start in rng.integers(0, 20, count)],
                 int).reshape(-1, 2)
        for count in (1, 0, 2, 0)
    ]
    rates = [5.0, 10.0, 25.0, 30.0]
    found = alarms.create_alarms(scores, spans, rates)
    for videos in ([0, 1, 2, 3], [2, 2, 1, 0]):
      again = [[part[video] for video in videos] for part in (scores, spans, rates)]
      for recall in (0.3, 0.5, 1.0):
        expected = plain(*again, recall)
        drawn = np.array(videos)
        assert found.false_alarms_per_hour(drawn, recall=recall) == pytest.approx(
            expected[0], nan_ok=True)
        assert found.seconds_to_detection(drawn, recall=recall) == pytest.approx(
            expected[1], nan_ok=True)


@pytest.mark.parametrize('curve, spans, rate', [
    (np.ones(5), np.zeros((0, 2), int), 25.0),  # no event
    (np.zeros(5), np.array([[1, 3]]), 25.0),  # nothing can be noticed
    (np.ones(5), np.array([[1, 3]]), np.nan),  # no time
])
def test_what_cannot_be_told_is_nan(curve, spans, rate):
  found = alarms.create_alarms([curve], [spans], [rate])
  assert np.isnan(found.false_alarms_per_hour(np.array([0]), recall=0.5))
  assert np.isnan(found.seconds_to_detection(np.array([0]), recall=0.5))
