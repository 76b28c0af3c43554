"""Tests on the published files of others, where those are."""

import pathlib

import pytest

from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import by_name
from wsstad_jax.formats import conversion
from wsstad_jax.formats import ucf_crime_lists

_DATA = pathlib.Path(__file__).parents[3] / 'shared' / 'data'
_UCF_CRIME = _DATA / 'ucf_crime'
needs_data = pytest.mark.skipif(not _UCF_CRIME.exists(), reason='needs the published files')


@needs_data
@pytest.mark.parametrize('kind, num_boxes, num_videos', [
    ('liu_ma', 28585, 950), ('sst', 6202, 909),
])
def test_boxes_of_ucf_crime(kind, num_boxes, num_videos, tmp_path):
  for path in _UCF_CRIME.iterdir():
    (tmp_path / path.name).symlink_to(path)
  table = by_name.read_folder(tmp_path, kind)
  assert len(table) == num_boxes and len(set(table.videos)) == num_videos
  assert table.boxes_xyxy.min() >= 0
  assert table.boxes_xyxy[:, 2].max() <= 320 and table.boxes_xyxy[:, 3].max() <= 240


@needs_data
def test_lists_of_ucf_crime():
  train = ucf_crime_lists.read_train_counts(_UCF_CRIME / 'train_list_with_frame_counts.txt')
  test = ucf_crime_lists.read_test_counts(_UCF_CRIME / 'test_list_with_frame_counts.txt')
  names = ucf_crime_lists.read_train_names(_UCF_CRIME / 'anomaly_train.txt')
  intervals = ucf_crime_lists.read_intervals(_UCF_CRIME / 'temporal_annotation.txt')
  assert {video.name for video in train} == {video.name for video in names}
  assert {video.name.split('/')[1] for video in test} == {video.name for video in intervals}
  assert (len(train), len(test), sum(bool(video.spans) for video in test)) == (1610, 290, 140)


@needs_data
def test_regions_of_ped2_become_as_many_events_as_there_are_to_see():
  tubes = {
      video: [(tube.start, tube.stop) for tube in conversion.to_tubes(table, max_gap=30)]
      for video, table in boxes_csv.read(_DATA / 'ped2_dev' / 'boxes.csv').by_video().items()
  }
  assert tubes == {
      'anomalous/test01.mp4': [(60, 180)],
      'anomalous/test03.mp4': [(0, 146), (2, 126)],
      'anomalous/test05.mp4': [(0, 129)],
      'anomalous/test07.mp4': [(45, 180), (57, 180)],
      'anomalous/test09.mp4': [(0, 54), (13, 120)],
      'anomalous/test11.mp4': [(0, 129), (0, 180), (113, 180)],
  }
