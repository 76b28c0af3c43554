"""Tests of tables, of writing and reading them back, and of their conversion to records."""

import json
import pickle

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Detections, Tube, TubeKind
from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import boxes_json
from wsstad_jax.formats import by_name
from wsstad_jax.formats import coco
from wsstad_jax.formats import conversion
from wsstad_jax.formats import cvat
from wsstad_jax.formats import mot
from wsstad_jax.formats import sst
from wsstad_jax.formats import table as table_lib
from wsstad_jax.formats import ucf_crime_lists
from wsstad_jax.formats import vatic


def table_of(*rows, video='a'):
  """Returns a table of (frame, track, x_min) and, if given, joined; boxes are 10 wide."""
  return table_lib.create_table([
      (video, frame, track, (x, 0, x + 10, 10), 1.0, '', bool(joined), f'row {number}')
      for number, (frame, track, x, *joined) in enumerate(rows)
  ])


def random_table(num_videos, tracked):
  rng = np.random.default_rng(0)
  rows = []
  for video in range(num_videos):
    for frame in range(5):
      for track in range(3):
        low = rng.uniform(-5, 100, 2)
        box_xyxy = (*low, *(low + rng.uniform(1, 90, 2)))
        rows.append((f'v{video}', frame * 7, track if tracked else -1, box_xyxy, rng.uniform(),
                     ('car', 'cat')[track % 2], False, ''))
  return table_lib.create_table(rows)


def spans(tubes):
  return [(tube.start, tube.stop) for tube in tubes]


def check_equal(found, expected, classes=True, scores=True):
  def ordered(table):
    return table.rows(np.lexsort((table.boxes_xyxy[:, 0], table.frames, table.videos)))

  found, expected = ordered(found), ordered(expected)
  for column in ('videos', 'frames', 'tracks', *(['classes'] if classes else [])):
    assert getattr(found, column).tolist() == getattr(expected, column).tolist(), column
  np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, rtol=0, atol=2e-5)
  np.testing.assert_array_equal(found.scores, expected.scores if scores else 1.0)


@pytest.mark.parametrize('tracked', [True, False])
def test_what_is_written_is_read_back(tmp_path, tracked):
  one, many = random_table(1, tracked), random_table(3, tracked)
  mot.write(tmp_path / 'v0.txt', one)
  check_equal(mot.read(tmp_path / 'v0.txt'), one, classes=False)
  coco.write(tmp_path / 'coco.json', many)
  check_equal(coco.read(tmp_path / 'coco.json'), many)
  boxes_json.write(tmp_path / 'boxes.json', many)
  check_equal(boxes_json.read(tmp_path / 'boxes.json'), many)
  cvat.write(tmp_path / 'v0.xml', one)
  check_equal(cvat.read(tmp_path / 'v0.xml'), one, scores=False)
  for written in (mot, cvat):
    with pytest.raises(ValueError, match='one video, not 3'):
      written.write(tmp_path / 'many', many)


def test_key_frames_are_written_and_read_back(tmp_path):
  # Two key-framed boxes of one event, 5 frames apart.
  table = table_of((0, 0, 0), (1000, 0, 50, True), (1005, 0, 60), (2000, 0, 70, True))
  boxes_json.write(tmp_path / 'boxes.json', table)
  found = boxes_json.read(tmp_path / 'boxes.json')
  assert found.joined.tolist() == [False, True, False, True]
  assert spans(conversion.to_tubes(found, max_gap=4)) == [(0, 2001)]
  assert spans(conversion.to_tubes(found, max_gap=3)) == [(0, 1001), (1005, 2001)]


def test_results_of_coco_find_their_images_in_another_file(tmp_path):
  results = [{'image_id': 5, 'category_id': 1, 'bbox': [1, 2, 3, 4], 'score': 0.25}]
  (tmp_path / 'coco.json').write_text(json.dumps(results))
  (tmp_path / 'coco_images.json').write_text(json.dumps({
      'videos': [{'id': 3, 'name': 'street.mp4'}],
      'images': [{'id': 5, 'video_id': 3, 'frame_id': 7, 'file_name': 'anything.jpg'}],
      'categories': [{'id': 1, 'name': 'car'}],
  }))
  found = by_name.read_folder(tmp_path)
  assert (found.videos[0], found.frames[0], found.classes[0]) == ('street.mp4', 7, 'car')
  assert (found.scores[0], found.tracks[0]) == (0.25, -1)


@pytest.mark.parametrize('name, video, frame', [
    ('a/b/000012.jpg', 'a/b', 12), ('street_000012.png', 'street', 12), ('a/img-7.jpg', 'a/img', 7),
])
def test_names_of_images_tell_video_and_frame(tmp_path, name, video, frame):
  content = {'images': [{'id': 1, 'file_name': name}],
             'annotations': [{'image_id': 1, 'bbox': [0, 0, 2, 2]}]}
  (tmp_path / 'coco.json').write_text(json.dumps(content))
  found = coco.read(tmp_path / 'coco.json')
  assert (found.videos[0], found.frames[0]) == (video, frame)


def test_edges_move_on_straight_lines_between_boxes():
  (tube,) = conversion.to_tubes(table_of((14, 0, 20), (10, 0, 0)), max_gap=3)
  assert (tube.start, tube.stop, tube.kind) == (10, 15, TubeKind.TRUTH)
  assert tube.boxes_xyxy[:, 0].tolist() == [0, 5, 10, 15, 20]
  assert tube.boxes_xyxy.dtype == np.float32


def test_a_longer_gap_begins_another_event():
  table = table_of((10, 0, 0), (14, 0, 0))  # three frames without a box: 11, 12, 13
  assert spans(conversion.to_tubes(table, max_gap=3)) == [(10, 15)]
  assert spans(conversion.to_tubes(table, max_gap=2)) == [(10, 11), (14, 15)]


def test_tracks_are_kept_apart_and_boxes_without_are_linked():
  rows = [(f, -1, x) for f in range(5) for x in (f, 100 - f)]
  tubes = conversion.to_tubes(table_of(*rows, (2, 7, 50)), max_gap=0)
  assert spans(tubes) == [(0, 5), (0, 5), (2, 3)]
  assert sorted(tube.boxes_xyxy[-1, 0] for tube in tubes) == [4, 50, 96]
  jumping = table_of((0, -1, 0), (1, -1, 50), (2, -1, 0))
  assert spans(conversion.to_tubes(jumping, max_gap=1)) == [(0, 3), (1, 2)]
  assert spans(conversion.to_tubes(jumping, max_gap=0)) == [(0, 1), (1, 2), (2, 3)]


def test_boxes_of_score_0_are_no_truth():
  table = random_table(1, tracked=True)
  table.scores[table.tracks == 1] = 0
  assert len(conversion.to_tubes(table, max_gap=10)) == 2


def test_detections_and_tubes_make_the_way_there_and_back():
  detections = Detections(
      np.int32([0, 0, 2]), np.float32([[0, 0, 4, 4], [1, 1, 9, 9], [2, 2, 5, 5]]),
      np.float32([0.5, 0.25, 1]),
  )
  found = conversion.to_detections(conversion.from_detections('a', detections))
  np.testing.assert_array_equal(found.frames, detections.frames)
  np.testing.assert_array_equal(found.boxes_xyxy, detections.boxes_xyxy)
  np.testing.assert_array_equal(found.scores, detections.scores)
  tube = Tube(3, np.float32([[0, 0, 4, 4], [1, 0, 5, 4]]), TubeKind.TRUTH)
  (back,) = conversion.to_tubes(conversion.from_tubes('a', [tube]), max_gap=0)
  np.testing.assert_array_equal(back.boxes_xyxy, tube.boxes_xyxy)
  shuffled = table_of((5, -1, 0), (1, -1, 1), (5, -1, 2), (1, -1, 3))
  found = conversion.to_detections(shuffled)
  assert found.frames.tolist() == [1, 1, 5, 5] and found.boxes_xyxy[:, 0].tolist() == [1, 3, 0, 2]


def test_key_frames_and_ends_of_cvat(tmp_path):
  # Key frames, a gap within one event, the end of an event, and a box without track.
  table = table_of((0, 0, 0), (1000, 0, 50, True), (1001, 0, 60), (1020, 0, 70), (3, -1, 5))
  cvat.write(tmp_path / 'a.xml', table, num_frames=1021)
  found = cvat.read(tmp_path / 'a.xml')
  check_equal(found, table.rows(np.arange(5)), classes=False)
  assert spans(conversion.to_tubes(found, max_gap=17)) == [(0, 1002), (3, 4), (1020, 1021)]
  assert spans(conversion.to_tubes(found, max_gap=18)) == [(0, 1021), (3, 4)]
  assert 'frame="1021"' not in (tmp_path / 'a.xml').read_text()  # CVAT would refuse it
  assert set(found.classes) == {'object'}


def test_a_box_of_cvat_stays_until_the_frame_where_it_is_outside(tmp_path):
  box = 'xtl="1" ytl="2" xbr="11" ybr="22"'
  (tmp_path / 'a.xml').write_text(
      '<annotations><version>1.1</version><track id="3" label="car">'
      f'<box frame="2" outside="1" {box}/><box frame="5" outside="0" {box}/>'
      f'<box frame="500" outside="1" {box}/><box frame="700" outside="0" {box}/></track>'
      '</annotations>'
  )
  found = cvat.read(tmp_path / 'a.xml')
  assert found.frames.tolist() == [5, 499, 700] and found.joined.tolist() == [False, True, False]
  assert spans(conversion.to_tubes(found, max_gap=30)) == [(5, 500), (700, 701)]


def test_vatic_leaves_out_what_is_lost(tmp_path):
  (tmp_path / 'a.txt').write_text(
      '0 1 2 11 22 3 0 0 0 "car"\n0 0 0 0 0 4 1 0 1 "car"\n0 1 2 11 22 5 0 1 1 "car"\n'
  )
  found = vatic.read(tmp_path / 'a.txt')
  assert found.frames.tolist() == [3, 5] and set(found.classes) == {'car'}


def sst_event(*boxes):
  corners = [[1, 2], [11, 2], [11, 22], [1, 22]]
  return {'file_name': 'a_x264.mp4', 'bounding_boxes': [
      {'start_frame': start, 'end_frame': stop,
       'keyframes': {str(start): corners, str(stop): corners}}
      for start, stop in boxes
  ]}


@pytest.mark.parametrize('boxes, expected', [
    ([(1, 10), (11, 20)], [(0, 20)]),  # one after the other
    ([(1, 10), (10, 20)], [(0, 20)]),  # they share a frame
    ([(5, 10), (1, 9000)], [(0, 9000), (4, 10)]),  # at the same time
    ([(1, 10), (30, 40)], [(0, 10), (29, 40)]),  # 19 frames between
    ([(1, 10), (28, 28)], [(0, 28)]),  # 17 frames between, one key frame
])
def test_boxes_of_an_event_become_tracks(tmp_path, boxes, expected):
  path = tmp_path / 'sst.json'
  path.write_text(json.dumps([sst_event(*boxes)]))
  assert spans(conversion.to_tubes(sst.read(path), max_gap=18)) == expected


def test_events_are_not_joined(tmp_path):
  path = tmp_path / 'sst.json'
  path.write_text(json.dumps([sst_event((1, 10)), sst_event((11, 20))]))
  assert spans(conversion.to_tubes(sst.read(path), max_gap=18)) == [(0, 10), (10, 20)]


def test_the_name_of_a_file_tells_its_format(tmp_path):
  assert by_name.read_folder(tmp_path) is None
  (tmp_path / 'mot' / 'test').mkdir(parents=True)
  mot.write(tmp_path / 'mot' / 'test' / 'x.txt', table_of((0, 0, 0)))
  mot.write(tmp_path / 'mot' / 'y.txt', table_of((0, 0, 0), (1, 0, 0)))
  assert by_name.read_folder(tmp_path).videos.tolist() == ['test/x', 'y', 'y']
  (tmp_path / 'boxes.csv').write_text('video,frame,x_min,y_min,x_max,y_max\nz.mp4,0,0,0,1,1\n')
  with pytest.raises(UserError, match=r'boxes.csv, mot/.*--config.data.boxes=csv\|mot'):
    by_name.read_folder(tmp_path)
  assert by_name.read_folder(tmp_path, 'csv').videos.tolist() == ['z.mp4']
  with pytest.raises(UserError, match='lacks coco.json'):
    by_name.read_folder(tmp_path, 'coco')
  with pytest.raises(UserError, match="'xml'; there are csv, json"):
    by_name.read_folder(tmp_path, 'xml')


def test_two_files_with_boxes_of_one_video_are_refused(tmp_path):
  for name in ('liu_ma_test.pkl', 'liu_ma_train.pkl'):
    (tmp_path / name).write_bytes(pickle.dumps({'a_x264': [['image_0001.jpg', 1, 1, 9, 9]]}, 0))
  with pytest.raises(UserError, match="'a_x264' has boxes in two files: .*_test.*_train"):
    by_name.read_folder(tmp_path)


def test_regions_are_no_tracks(tmp_path):
  (tmp_path / 'boxes.csv').write_text(
      'video,frame,region,x_min,y_min,x_max,y_max\na,0,0,0,0,9,9\na,1,0,50,0,59,9\na,1,1,1,0,10,9\n'
  )
  table = boxes_csv.read(tmp_path / 'boxes.csv')
  assert set(table.tracks) == {-1}
  assert spans(conversion.to_tubes(table, max_gap=0)) == [(0, 2), (1, 2)]


@pytest.mark.parametrize('name', [
    'Abuse/Abuse001_x264.mp4', 'Abuse001_x264.mp4', 'Abuse001_x264', 'Abuse001', 'Abuse001.mp4',
    'C:\\videos\\Abuse001_x264.mp4',
])
def test_all_sources_name_a_video_alike(name):
  assert ucf_crime_lists.stem(name) == 'Abuse001'


def test_intervals_count_from_1_and_end_with_the_video(tmp_path):
  path = tmp_path / 'test.txt'
  path.write_text('Abuse/Abuse028_x264.mp4 1412 Abuse 165 240 1000 1415\n')
  (video,) = ucf_crime_lists.read_test_counts(path)
  assert video.spans == ((164, 240), (999, 1412))
  assert (video.num_frames, video.category) == (1412, 'Abuse')
