"""Tests of tubes in the formats of others: what is written reads back the same."""

import numpy as np
import pytest

from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import coco
from wsstad_jax.formats import conversion
from wsstad_jax.formats import mot
from wsstad_jax.reports import exports
from wsstad_jax.reports.exchange import PredictedVideo
from wsstad_jax.reports.predictions import Prediction


def tube(start, stop, score):
  boxes_xyxy = np.float32([[1.5, 2, 30.25 + frame, 40] for frame in range(start, stop)])
  return Tube(start, boxes_xyxy, TubeKind.UNARY, score)


def video(video_id, *tubes):
  found = [Prediction(one, None, None) for one in tubes]
  return PredictedVideo(video_id, 25.0, np.zeros(50), found, np.ones(50, bool))


VIDEOS = [video('a', tube(10, 30, 0.75), tube(0, 5, 0.5)), video('none'), video('b', tube(3, 9, 0.25))]


@pytest.mark.parametrize('kind, read', [
    ('csv', lambda folder: boxes_csv.read(folder / 'boxes.csv').by_video()),
    ('coco', lambda folder: coco.read(folder / 'coco.json').by_video()),
    ('mot', lambda folder: {
        path.stem: mot.read(path) for path in sorted((folder / 'mot').iterdir())}),
])
def test_tubes_come_back(tmp_path, kind, read):
  exports.write(str(tmp_path), VIDEOS, [kind])
  tables = read(tmp_path)
  assert list(tables) == ['a', 'b']
  for name, table in tables.items():
    expected = next(video for video in VIDEOS if video.video_id == name).found
    tubes = conversion.to_tubes(table, max_gap=0)
    assert sorted(one.start for one in tubes) == [one.start for one in tubes]
    for one in (prediction.tube for prediction in expected):
      (same,) = [other for other in tubes if other.start == one.start]
      np.testing.assert_array_equal(same.boxes_xyxy, one.boxes_xyxy)
      scores = table.scores[np.isin(table.frames, np.arange(one.start, one.stop))]
      assert set(scores.tolist()) == {one.score}


def test_tracks_count_from_the_best(tmp_path):
  assert exports.write(str(tmp_path), VIDEOS, ['csv', 'mot', 'csv']) == [
      str(tmp_path / 'boxes.csv'), str(tmp_path / 'mot')
  ]
  table = boxes_csv.read(tmp_path / 'boxes.csv').by_video()['a']
  assert table.tracks[table.frames == 10] == 0 and table.tracks[table.frames == 0] == 1
  assert not (tmp_path / 'coco.json').exists()
  lines = (tmp_path / 'mot' / 'b.txt').read_text().splitlines()
  assert lines[0] == '4,0,1.5,2.0,31.75,38.0,0.25,-1,-1,-1' and len(lines) == 6
