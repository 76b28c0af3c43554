"""Every box format in many broken variants: one error each, with path and row or entry."""

import json
import pathlib
import pickle

import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import boxes_json
from wsstad_jax.formats import coco
from wsstad_jax.formats import cvat
from wsstad_jax.formats import liu_ma
from wsstad_jax.formats import mot
from wsstad_jax.formats import sst
from wsstad_jax.formats import ucf_crime_lists
from wsstad_jax.formats import vatic

HEADER = 'video,frame,track,x_min,y_min,x_max,y_max,score\n'
CSV = HEADER + 'a.mp4,3,0,1,2,11,22,0.5\na.mp4,4,0,1,2,11,22,0.5\n'
MOT = '4,0,1,2,10,20,0.5,-1,-1,-1\n5,0,1,2,10,20,0.5,-1,-1,-1\n'
VATIC = '0 1 2 11 22 3 0 0 0 "car"\n0 1 2 11 22 4 0 0 1 "car" "red"\n'
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>a &amp; b</name><mode>interpolation</mode></task></meta>
  <track id="0" label="car" source="manual">
    <box frame="3" outside="0" occluded="0" keyframe="1" xtl="1.00" ytl="2.00" xbr="11" ybr="22">
      <attribute name="colour">red</attribute>
    </box>
    <box frame="4" outside="0" occluded="1" keyframe="0" xtl="1" ytl="2" xbr="11" ybr="22"></box>
    <box frame="5" outside="1" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="11" ybr="22"></box>
  </track>
</annotations>
"""
JSON = json.dumps({
    'format': 'wsstad_jax.boxes', 'version': 1,
    'videos': {'a.mp4': [
        {'track': 0, 'frames': [3, 4], 'boxes_xyxy': [[1, 2, 11, 22], [1, 2, 11, 22]],
         'scores': [0.5, 0.5], 'class': 'car'}
    ]},
})
COCO = json.dumps({
    'images': [{'id': 1, 'file_name': 'a/000003.jpg'}, {'id': 2, 'file_name': 'a/000004.jpg'}],
    'categories': [{'id': 7, 'name': 'car'}],
    'annotations': [
        {'id': 1, 'image_id': 1, 'category_id': 7, 'bbox': [1, 2, 10, 20], 'track_id': 0},
        {'id': 2, 'image_id': 2, 'category_id': 7, 'bbox': [1, 2, 10, 20], 'track_id': 0},
    ],
})
SST = json.dumps([{
    'id': 'e', 'file_name': 'a_x264.mp4', 'start_frame': 4, 'end_frame': 6,
    'bounding_boxes': [{'id': 'b', 'start_frame': 4, 'end_frame': 6, 'keyframes': {
        '4': [[1, 2], [11, 2], [11, 22], [1, 22]], '6': [[1, 2], [11, 2], [11, 22], [1, 22]]}}],
}])
LIU_MA = pickle.dumps({'a_x264': [['/x/image_0004.jpg', 2, 3, 11, 22],
                                  ['/x/image_0020.jpg', 2, 3, 11, 22]]}, protocol=0).decode()
TRAIN = 'Abuse/Abuse001_x264.mp4 500\nArrest/Arrest002_x264.mp4 900\n'
TEST = ('Abuse/Abuse001_x264.mp4 500 Abuse 165 240 -1 -1\n'
        'Testing_Normal_Videos_Anomaly/Normal_Videos_872_x264.mp4 530 Normal -1 -1 -1 -1\n')
NAMES = 'Abuse/Abuse001_x264.mp4\nArrest/Arrest002_x264.mp4\n'
INTERVALS = ('Abuse001_x264.mp4  Abuse  165  240  -1  -1  \n'
             'Normal_Videos_872_x264.mp4  Normal  -1  -1  -1  -1  \n')

FORMATS = {
    'boxes.csv': (boxes_csv.read, CSV),
    'mot.txt': (mot.read, MOT),
    'vatic.txt': (vatic.read, VATIC),
    'cvat.xml': (cvat.read, CVAT),
    'boxes.json': (boxes_json.read, JSON),
    'coco.json': (coco.read, COCO),
    'sst.json': (sst.read, SST),
    'liu_ma.pkl': (liu_ma.read, LIU_MA),
    'train.txt': (ucf_crime_lists.read_train_counts, TRAIN),
    'test.txt': (ucf_crime_lists.read_test_counts, TEST),
    'names.txt': (ucf_crime_lists.read_train_names, NAMES),
    'intervals.txt': (ucf_crime_lists.read_intervals, INTERVALS),
}


class Hostile:
  """Would make a file if it were unpickled."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    import os

    return os.system, (f'touch {self.path}',)


def refused(path: pathlib.Path, read) -> str:
  """Returns the message by which reading fails; it has one line, the path and a remedy."""
  with pytest.raises(UserError) as caught:
    read(path)
  message = str(caught.value)
  assert message.startswith(str(path)) and 'Expected ' in message
  assert '\n' not in message and message.isprintable() and len(message) < 800
  return message


@pytest.mark.parametrize('name', FORMATS)
def test_the_whole_file_is_read(tmp_path, name):
  read, content = FORMATS[name]
  path = tmp_path / name
  path.write_text(content)
  found = read(path)
  if name in ('train.txt', 'test.txt', 'names.txt', 'intervals.txt'):
    assert len(found) == 2
    return
  assert found.frames.tolist() in ([3, 4], [3, 5], [3, 19])
  assert found.boxes_xyxy.tolist() == [[1, 2, 11, 22]] * 2
  assert found.tracks.tolist() == [0, 0]


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('fault, told', [
    ('missing', 'No such file'),
    ('folder', 'Is a directory'),
    ('empty', 'it is empty'),
    ('blank', 'it is empty'),
    ('latin', ''),
    ('zeros', ''),
    ('video', ''),
    ('page', ''),
    ('prose', ''),
    ('other brackets', ''),
    ('nested', ''),
])
def test_what_is_no_such_file_at_all_is_refused(tmp_path, name, fault, told):
  contents = {
      'empty': b'', 'blank': b' \n\n', 'latin': 'Stra\xdfe,\xfc'.encode('latin-1'),
      'zeros': b'a,b\n\0\0\0\0', 'video': b'\0\0\0 ftypisom' + bytes(range(256)) * 9,
      'page': b'<!doctype html><html><body><h1>404 Not Found</h1></body></html>',
      'prose': b'these are the boxes of my videos', 'other brackets': b'{[}]',
      'nested': b'[' * 100_000,
  }
  path = tmp_path / name
  if fault == 'folder':
    path.mkdir()
  elif fault != 'missing':
    path.write_bytes(contents[fault])
  assert told in refused(path, FORMATS[name][0])


@pytest.mark.parametrize('name', ('boxes.json', 'coco.json', 'sst.json', 'liu_ma.pkl', 'cvat.xml'))
@pytest.mark.parametrize('share', (0.2, 0.5, 0.8, 0.97))
def test_a_truncated_file_is_refused(tmp_path, name, share):
  read, content = FORMATS[name]
  path = tmp_path / name
  path.write_text(content[: int(len(content) * share)])
  refused(path, read)


BROKEN = {
    'boxes.csv': [
        ('frame,', '', 'row 1', 'lacks frame'),
        ('score', 'colour', 'row 1', 'unknown columns'),
        ('score', 'frame', 'row 1', 'a column twice'),
        (',0.5\na.mp4,4', '\na.mp4,4', 'row 2', '7 columns'),
        ('22,0.5\n', '22,0.5,1\n', 'row 2', '9 columns'),
        ('a.mp4,4,0,1,2,11,22,0.5', 'a.mp4,4,0,1', 'row 3', '4 columns'),
        ('a.mp4,4', '"a.mp4,4', 'row 3', 'cannot be divided'),
        ('a.mp4,3', 'a.mp4,three', 'row 2', "frame is 'three'"),
        ('a.mp4,3', 'a.mp4,3.5', 'row 2', 'no whole number'),
        ('a.mp4,3', 'a.mp4,-1', 'row 2', "frame is '-1'"),
        ('a.mp4,4', 'a.mp4,3', 'row 3', 'is also in row 2'),
        ('a.mp4,3', 'a.mp4,' + '9' * 5000, 'row 2', 'frame is'),
        ('a.mp4,3', 'a.mp4,1e300', 'row 2', 'frame is'),
        ('3,0,1,2', '3,-2,1,2', 'row 2', 'track is'),
        ('1,2,11,22', 'nan,2,11,22', 'row 2', "x_min is 'nan'"),
        ('1,2,11,22', '1,2,inf,22', 'row 2', "x_max is 'inf'"),
        ('1,2,11,22', '1,2,1e9,22', 'row 2', 'x_max is'),
        ('1,2,11,22', '11,2,1,22', 'row 2', 'has no area'),
        ('1,2,11,22', '1,2,11,2', 'row 2', 'has no area'),
        ('1,2,11,22', '1,,11,22', 'row 2', "y_min is ''"),
        ('0.5\n', '1.5\n', 'row 2', 'score is'),
        ('0.5\n', '-0.1\n', 'row 2', 'score is'),
        ('a.mp4,3', '<script>x</script>,3', 'row 2', 'without < and >'),
        ('a.mp4,3', ',3', 'row 2', 'name of the video'),
        ('a.mp4,3', 'a' * 400 + ',3', 'row 2', 'at most 300'),
        ('a.mp4,3', 'a\x07.mp4,3', 'row 2', 'printable'),
        (CSV, HEADER, '', 'it holds no box'),
    ],
    'mot.txt': [
        ('4,0,1,2,10,20,0.5,-1,-1,-1', '4,0,1,2,10', 'row 1', '5 columns'),
        ('5,0,1,2,10,20,0.5,-1,-1,-1', '5,0,1', 'row 2', '3 columns'),
        ('-1,-1,-1\n', '-1,-1,-1,-1\n', 'row 1', '11 columns'),
        ('4,0,', '4;0;', 'row 1', 'columns'),
        ('4,0,', 'x,0,', 'row 1', "frame is 'x'"),
        ('4,0,', '0,0,', 'row 1', "frame is '0'"),
        ('4,0,', '-4,0,', 'row 1', "frame is '-4'"),
        ('5,0,', '4,0,', 'row 2', 'is also in row 1'),
        ('4,0,', '4.2,0,', 'row 1', 'no whole number'),
        ('4,0,', '4,one,', 'row 1', "track is 'one'"),
        ('4,0,', '4,-7,', 'row 1', 'track is'),
        ('4,0,', '4,99999999999,', 'row 1', 'track is'),
        ('4,0,', '400000000,0,', 'row 1', 'frame is'),
        ('1,2,10,20', 'left,2,10,20', 'row 1', "left is 'left'"),
        ('1,2,10,20', 'NaN,2,10,20', 'row 1', 'left is'),
        ('1,2,10,20', '1,2,-10,20', 'row 1', 'has no area'),
        ('1,2,10,20', '1,2,10,0', 'row 1', 'has no area'),
        ('1,2,10,20', '1,2,inf,20', 'row 1', 'width is'),
        ('1,2,10,20', '1,2,10,1e30', 'row 1', 'height is'),
        ('0.5,', '64.2,', 'row 1', 'score is'),
        ('0.5,', 'high,', 'row 1', 'score is'),
    ],
    'vatic.txt': [
        ('"car"\n', '\n', 'row 1', '9 columns'),
        ('0 1 2 11 22 4', '0 1 2', 'row 2', 'columns'),
        ('"car"\n', '"car\n', 'row 1', 'a quotation does not end'),
        ('22 3 0 0 0', '22 3 2 0 0', 'row 1', "lost is '2'"),
        ('22 3 0 0 0', '22 3 0 no 0', 'row 1', "occluded is 'no'"),
        ('22 3 0 0 0', '22 3 0 0 -1', 'row 1', "generated is '-1'"),
        ('22 3 ', '22 x ', 'row 1', "frame is 'x'"),
        ('22 3 ', '22 -3 ', 'row 1', 'frame is'),
        ('22 3 ', '22 3.3 ', 'row 1', 'no whole number'),
        ('22 3 ', '22 1e12 ', 'row 1', 'frame is'),
        ('22 4 ', '22 3 ', 'row 2', 'is also in row 1'),
        ('0 1 2', 'a 1 2', 'row 1', "track is 'a'"),
        ('0 1 2', '-5 1 2', 'row 1', 'track is'),
        ('0 1 2', '0 nan 2', 'row 1', "xmin is 'nan'"),
        ('0 1 2', '0 inf 2', 'row 1', 'xmin is'),
        ('0 1 2', '0 12 2', 'row 1', 'has no area'),
        ('0 1 2', '0 1 22', 'row 1', 'has no area'),
        ('0 1 2', '0 1,5 2', 'row 1', 'xmin is'),
        ('0 1 2', '0 ' + '9' * 5000 + ' 2', 'row 1', 'xmin is'),
        ('"car"', '"<b>car</b>"', 'row 1', 'without < and >'),
        (VATIC, '0 1 2 11 22 3 1 0 0 "car"', '', 'it holds no box'),
    ],
    'cvat.xml': [
        ('<annotations>', '<annotation>', 'row 2', '<annotation> is no <annotations>'),
        ('<version>1.1</version>', '', 'row 5', "the version is ''"),
        ('<version>1.1</version>', '<version>2.0</version>', 'row 5', "the version is '2.0'"),
        ('<meta>', '<image id="0" name="a.png"/><meta>', 'row 4', '<image> is none of'),
        ('<track id="0" label="car"', '<track label="car"', 'row 5', "'id' is missing"),
        ('label="car"', '', 'row 5', "'label' is missing"),
        ('label="car"', 'label="&lt;b&gt;"', 'row 6', 'without < and >'),
        ('id="0"', 'id="a"', 'row 6', "track is 'a'"),
        ('<box frame="4"', '<polygon points="1,2;3,4"/><box frame="4"', 'row 9', '<polygon> is no'),
        ('frame="3" ', '', 'row 6', "'frame' is missing"),
        ('frame="3"', 'frame="three"', 'row 6', "frame is 'three'"),
        ('frame="3"', 'frame="-1"', 'row 6', "frame is '-1'"),
        ('frame="3"', 'frame="2.5"', 'row 6', 'no whole number'),
        ('frame="3"', 'frame="1e12"', 'row 6', 'frame is'),
        ('frame="4"', 'frame="3"', 'row 9', 'frame 3 comes after frame 3'),
        ('frame="5"', 'frame="1"', 'row 10', 'frame 1 comes after frame 4'),
        ('outside="0" ', '', 'row 6', "'outside' is missing"),
        ('outside="0"', 'outside="no"', 'row 6', "outside is 'no'"),
        ('xtl="1.00" ', '', 'row 6', "'xtl' is missing"),
        ('xtl="1.00"', 'xtl="nan"', 'row 6', "xtl is 'nan'"),
        ('xtl="1.00"', 'xtl="1,00"', 'row 6', 'xtl is'),
        ('xtl="1.00"', 'xtl="11"', 'row 6', 'has no area'),
        ('ybr="22"', 'ybr="1e9"', 'row 6', 'ybr is'),
        ('keyframe="1"', 'rotation="30.5"', 'row 6', "rotated by '30.5'"),
        ('keyframe="1"', 'keyframe="1" frame="3"', 'row 6', 'duplicate attribute'),
        ('  </track>', '', 'row 12', 'mismatched tag'),
        ('&amp;', '&', 'row 4', 'not well-formed'),
        ('&amp;', '&car;', 'row 4', 'undefined entity'),
        ('</annotations>', '</annotations><annotations/>', 'row 12', 'junk after document'),
        (CVAT, '<annotations><version>1.1</version></annotations>', '', 'it holds no box'),
        (CVAT, '<annotations/>', '', "the version is ''"),
    ],
    'boxes.json': [
        ('"version": 1', '"version": 2', '', 'version is 2'),
        ('"version": 1', '"version": true', '', 'version is True'),
        ('wsstad_jax.boxes', 'other', '', "format is 'other'"),
        ('"version": 1, ', '', '', "'version' is missing"),
        ('"videos"', '"video"', '', "'videos' is missing"),
        ('"track": 0, ', '"track": 0, "colour": 1, ', 'track 0', 'is not known'),
        ('"frames": [3, 4], ', '', 'track 0', "'frames' is missing"),
        ('[3, 4]', '[3]', 'boxes_xyxy', '2 entries where 1'),
        ('[3, 4]', '[3, 3]', 'box 1', 'is also in'),
        ('[3, 4]', '[3, "x"]', 'box 1', "frame is 'x'"),
        ('[3, 4]', '[-3, 4]', 'box 0', 'frame is -3'),
        ('[3, 4]', '[3.5, 4]', 'box 0', 'no whole number'),
        ('[3, 4]', '[true, 4]', 'box 0', 'frame is True'),
        ('[3, 4]', '[null, 4]', 'box 0', 'frame is None'),
        ('[3, 4]', '[1' + '0' * 400 + ', 4]', 'box 0', 'frame is'),
        ('[3, 4]', '[1' + '0' * 5000 + ', 4]', '', 'no JSON that can be used'),
        ('[3, 4]', '{"a": 1}', 'track 0', 'where a list'),
        ('[1, 2, 11, 22], ', '[1, 2, 11], ', 'box 0', '3 entries where 4'),
        ('[1, 2, 11, 22], ', '[NaN, 2, 11, 22], ', '', 'NaN is no number'),
        ('[1, 2, 11, 22], ', '[1, 2, Infinity, 22], ', '', 'Infinity is no number'),
        ('[1, 2, 11, 22], ', '[1, 2, 1e999, 22], ', 'box 0', 'x_max is'),
        ('[1, 2, 11, 22], ', '[11, 2, 1, 22], ', 'box 0', 'has no area'),
        ('[0.5, 0.5]', '[0.5]', 'scores', '1 entries where 2'),
        ('[0.5, 0.5]', '[0.5, 2]', 'box 1', 'score is 2'),
        ('"a.mp4"', '"<img src=x>"', 'box 0', 'without < and >'),
        ('"class": "car"', '"class": 5', 'box 0', 'name of the class'),
        ('"class": "car"', '"track": 1', '', 'stands twice'),
        ('"class": "car"', '"key_frames": 1', 'track 0', 'neither true nor false'),
        ('[3, 4]', '[4, 3], "key_frames": true', 'track 0', 'ascending'),
    ],
    'coco.json': [
        ('"images"', '"pictures"', '', "'images' is missing"),
        ('"annotations"', '"boxes"', '', "'annotations' is missing"),
        ('"id": 2, "file_name"', '"id": 1, "file_name"', 'images 1', 'stands twice'),
        ('"id": 1, "file_name"', '"file_name"', 'images 0', "'id' is missing"),
        ('"id": 1, "file_name"', '"id": [1], "file_name"', 'images 0', 'id is [1]'),
        ('a/000003.jpg', 'a/first.jpg', 'images 0', 'tell its frame'),
        ('"id": 1, "file_name"', '"video_id": 9, "id": 1, "file_name"', 'images 0', 'no video 9'),
        ('"id": 1, "file_name"', '"frame_id": -1, "id": 1, "file_name"', 'annotation 0', '-1'),
        ('a/000003.jpg', 'a/000004.jpg', 'annotation 1', 'is also in annotation 0'),
        ('a/000003.jpg', '<p>/000003.jpg', 'annotation 0', 'without < and >'),
        ('"image_id": 1', '"image_id": 3', 'annotation 0', 'no image 3'),
        ('"image_id": 1, ', '', 'annotation 0', "'image_id' is missing"),
        ('"category_id": 7', '"category_id": 8', 'annotation 0', 'no category 8'),
        ('"name": "car"', '"name": 3', 'annotation 0', 'name of the class'),
        ('"bbox": [1, 2, 10, 20]', '"segmentation": []', 'annotation 0', "'bbox' is missing"),
        ('[1, 2, 10, 20]', '[1, 2, 10]', 'annotation 0', '3 entries where 4'),
        ('[1, 2, 10, 20]', '[1, 2, -10, 20]', 'annotation 0', 'has no area'),
        ('[1, 2, 10, 20]', '[1, 2, 0, 20]', 'annotation 0', 'has no area'),
        ('[1, 2, 10, 20]', '["x", 2, 10, 20]', 'annotation 0', "left is 'x'"),
        ('[1, 2, 10, 20]', '[NaN, 2, 10, 20]', '', 'NaN is no number'),
        ('[1, 2, 10, 20]', '[1e200, 2, 10, 20]', 'annotation 0', 'left is'),
        ('"track_id": 0', '"score": 1.2', 'annotation 0', 'score is 1.2'),
        ('"track_id": 0', '"track_id": "a"', 'annotation 0', "track is 'a'"),
        (COCO, '[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', '', 'a list of results'),
        (COCO, '"boxes"', '', 'where an object is expected'),
    ],
    'sst.json': [
        ('"file_name"', '"name"', 'event 0', "'file_name' is missing"),
        ('"a_x264.mp4"', '7', 'event 0', 'file_name is 7'),
        ('"a_x264.mp4"', '"<a>"', 'event 0', 'without < and >'),
        ('"bounding_boxes"', '"boxes"', 'event 0', "'bounding_boxes' is missing"),
        ('"keyframes"', '"frames"', 'event 0, box 0', "'keyframes' is missing"),
        ('"b", "start_frame": 4', '"b"', 'event 0, box 0', "'start_frame' is missing"),
        ('"b", "start_frame": 4', '"b", "start_frame": 7', 'event 0, box 0', 'lies before'),
        ('"b", "start_frame": 4', '"b", "start_frame": 0', 'event 0, box 0', 'start_frame is 0'),
        ('"b", "start_frame": 4', '"b", "start_frame": "x"', 'event 0, box 0', "'x'"),
        ('"b", "start_frame": 4', '"b", "start_frame": 5', 'event 0, box 0', 'key frames'),
        ('"6": [', '"7": [', 'event 0, box 0', 'key frames'),
        ('"6": [', '"six": [', 'event 0, box 0', "key frame is 'six'"),
        ('"6": [', '"4": [', '', 'stands twice'),
        ('"6": [', '"04": [', 'event 0, box 0', 'once each'),
        ('"6": [', '"6000000000": [', 'event 0, box 0', 'key frame is'),
        ('[[1, 2], ', '[', 'key frame 4', '3 entries where 4'),
        ('[[1, 2], ', '[[1], ', 'key frame 4', '1 entries where 2'),
        ('[[1, 2], ', '[["x", 2], ', 'key frame 4', "x is 'x'"),
        ('[[1, 2], ', '[[NaN, 2], ', '', 'NaN is no number'),
        ('[[1, 2], ', '[[1e40, 2], ', 'key frame 4', 'x is'),
        ('[[1, 2], [11, 2], [11, 22], [1, 22]]', '[[1, 2], [1, 2], [1, 2], [1, 2]]',
         'key frame 4', 'has no area'),
        ('[{"id": "b"', '["b", {"id": "b"', 'event 0, box 0', 'where an object'),
        (SST, '{"events": []}', '', 'where a list is expected'),
        (SST, '[]', '', 'it holds no box'),
    ],
    'train.txt': [
        (' 500', '', 'row 1', '1 columns'),
        (' 500', ' 500 9', 'row 1', '3 columns'),
        ('500', 'many', 'row 1', "'many'"),
        ('500', '0', 'row 1', "'0'"),
        ('500', '-5', 'row 1', "'-5'"),
        ('500', '5.5', 'row 1', 'no whole number'),
        ('500', 'nan', 'row 1', "'nan'"),
        ('500', '1e30', 'row 1', 'number of frames is'),
        ('Arrest/Arrest002', 'Abuse/Abuse001', 'row 2', 'stands in row 1 too'),
        ('Abuse/Abuse001', '../../etc/passwd', 'row 1', 'the video is'),
        ('Abuse/Abuse001', '/Abuse/Abuse001', 'row 1', 'the video is'),
        ('Abuse/Abuse001', '<b>/<b>', 'row 1', 'the video is'),
        ('Abuse/', '', 'row 1', 'the video is'),
        ('001_x264.mp4', '001_x264.pkl', 'row 1', 'the video is'),
    ],
    'test.txt': [
        (' -1 -1\nTesting', '\nTesting', 'row 1', '5 columns'),
        ('165 240', '240 165', 'row 1', 'the end is'),
        ('165 240', '165 x', 'row 1', "'x'"),
        ('165 240', '700 800', 'row 1', 'the start is'),
        ('165 240', '-5 240', 'row 1', 'the start is'),
        ('165 240', '-1 -1', 'row 1', '0 intervals'),
        ('165 240', 'nan 240', 'row 1', "'nan'"),
        ('Normal -1 -1', 'Normal 5 9', 'row 2', '1 intervals'),
        ('Normal -1 -1', 'Abuse -1 -1', 'row 2', '0 intervals'),
        ('Testing_Normal_Videos_Anomaly/Normal_Videos_872', 'Abuse/Abuse001', 'row 2', 'too'),
    ],
    'names.txt': [
        ('Abuse/Abuse001_x264.mp4', 'Abuse/Abuse001_x264.mp4 5', 'row 1', '2 columns'),
        ('Arrest/Arrest002', 'Abuse/Abuse001', 'row 2', 'stands in row 1 too'),
        ('Arrest/Arrest002', 'Arrest\\Arrest002', 'row 2', 'the video is'),
    ],
    'intervals.txt': [
        ('Abuse001_x264.mp4', 'Abuse/Abuse001_x264.mp4', 'row 1', 'the video is'),
        ('165  240  -1  -1', '165  240', 'row 1', '4 columns'),
        ('165  240', '240  165', 'row 1', 'the end is'),
        ('Normal_Videos_872', 'Abuse001', 'row 2', 'stands in row 1 too'),
    ],
}


@pytest.mark.parametrize('name, old, new, place, told', [
    pytest.param(name, *variant, id=f'{name}:{number}')
    for name, variants in BROKEN.items() for number, variant in enumerate(variants)
])
def test_a_broken_entry_is_told_with_its_place(tmp_path, name, old, new, place, told):
  read, content = FORMATS[name]
  assert old in content
  path = tmp_path / name
  path.write_text(content.replace(old, new, 1))
  message = refused(path, read)
  assert message.startswith(f'{path}, ' if place else f'{path}')
  assert place in message and told in message


def plain(boxes):
  return {'a_x264': boxes}


@pytest.mark.parametrize('content, place, told', [
    ([], '', 'where an object'),
    ({}, '', 'it holds no box'),
    ({5: []}, '', 'it holds no box'),
    ({5: [['image_1.jpg', 1, 1, 2, 2]]}, 'video 5, entry 0', 'name of the video'),
    (plain({}), "video 'a_x264'", 'where a list'),
    (plain(['image_1.jpg']), 'entry 0', 'where a list'),
    (plain([['image_1.jpg', 1, 1, 2]]), 'entry 0', '4 entries where 5'),
    (plain([['image_1.jpg', 1, 1, 2, 2, 0]]), 'entry 0', '6 entries where 5'),
    (plain([['frame.jpg', 1, 1, 2, 2]]), 'entry 0', "the image is 'frame.jpg'"),
    (plain([[None, 1, 1, 2, 2]]), 'entry 0', 'the image is None'),
    (plain([['image_0.jpg', 1, 1, 2, 2]]), 'entry 0', 'frame is'),
    (plain([['image_' + '9' * 5000 + '.jpg', 1, 1, 2, 2]]), 'entry 0', 'frame is'),
    (plain([['image_1.jpg', 'x', 1, 2, 2]]), 'entry 0', "x1 is 'x'"),
    (plain([['image_1.jpg', float('nan'), 1, 2, 2]]), 'entry 0', 'x1 is nan'),
    (plain([['image_1.jpg', 1, 1, float('inf'), 2]]), 'entry 0', 'x2 is inf'),
    (plain([['image_1.jpg', 5, 1, 2, 2]]), 'entry 0', 'has no area'),
    (plain([['image_1.jpg', 1, 10**30, 2, 2]]), 'entry 0', 'y1 is'),
    (plain([['image_1.jpg', True, 1, 2, 2]]), 'entry 0', 'x1 is True'),
    (plain([['image_1.jpg', 1, 1, 2, 2]] * 2), 'entry 1', 'is also in'),
    ({'<script>': [['image_1.jpg', 1, 1, 2, 2]]}, 'entry 0', 'without < and >'),
])
def test_a_broken_pickle_is_told_with_its_place(tmp_path, content, place, told):
  path = tmp_path / 'liu_ma.pkl'
  path.write_bytes(pickle.dumps(content, protocol=0))
  message = refused(path, liu_ma.read)
  assert place in message and told in message


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_runs_nothing(tmp_path, protocol):
  path, made = tmp_path / 'liu_ma.pkl', tmp_path / 'made'
  path.write_bytes(pickle.dumps(plain([Hostile(made)]), protocol=protocol))
  assert 'system, which is refused' in refused(path, liu_ma.read)
  assert not made.exists()


@pytest.mark.parametrize('content', [
    b'cos\nsystem\n(S"touch MADE"\ntR.',
    b'(S"touch MADE"\nios\nsystem\n.',
    b'c__builtin__\neval\n(S"open(\'MADE\', \'w\')"\ntR.',
    b'\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0atouch MADE\x85R.',
    b'(S"os.system"\nS"touch MADE"\no.',
    b'Ppersistent\n.',
    b'\x82\x01.',
    b'\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.',
])
def test_no_opcode_of_a_pickle_reaches_code(tmp_path, content, monkeypatch):
  monkeypatch.chdir(tmp_path)
  path = tmp_path / 'liu_ma.pkl'
  path.write_bytes(content)
  refused(path, liu_ma.read)
  assert [file.name for file in tmp_path.iterdir()] == ['liu_ma.pkl']


@pytest.mark.parametrize('declared', [
    '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">',
    '<!ENTITY c SYSTEM "file:SECRET">',
    '<!ENTITY % p SYSTEM "file:SECRET"> %p;',
    '<!ATTLIST box outside CDATA "0">',
    '',
])
def test_a_document_type_is_refused_before_what_it_declares_is_used(tmp_path, declared):
  path, secret = tmp_path / 'cvat.xml', tmp_path / 'secret'
  secret.write_text('<!ENTITY c "password">')
  declared = declared.replace('SECRET', str(secret))
  content = CVAT.replace('<annotations>', f'<!DOCTYPE annotations [{declared}]>\n<annotations>')
  path.write_text(content.replace('a &amp; b', '&c;'))
  message = refused(path, cvat.read)
  assert message.startswith(f'{path}, row 2: it has a document type') and 'password' not in message


def test_a_file_nested_without_end_takes_no_time(tmp_path):
  path = tmp_path / 'cvat.xml'
  path.write_text('<annotations><meta>' + '<a>' * 200_000)
  assert 'no element found' in refused(path, cvat.read)
