"""Tests of scoring predictions in files, in every format, without a model."""

import json

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.formats import boxes_csv
from wsstad_jax.formats import boxes_json
from wsstad_jax.formats import coco
from wsstad_jax.formats import conversion
from wsstad_jax.formats import mot
from wsstad_jax.formats import table
from wsstad_jax.reports import exchange
from wsstad_jax.reports import exports
from wsstad_jax.reports import predictions
from wsstad_jax.runs import score_files as score_files_lib
from wsstad_jax.runs.score_files import score_files

BOX = np.float32([10, 10, 30, 30])


def tube(start, stop, score=1.0, kind=TubeKind.UNARY):
  return Tube(start, np.tile(BOX, (stop - start, 1)), kind, score)


def predicted_table():
  """Two videos: in a the event is found in half of its frames, in c there is a false alarm."""
  return table.concatenate([
      conversion.from_tubes('a', [tube(20, 40, 0.75)]),
      conversion.from_tubes('c', [tube(0, 10, 0.5)]),
  ])


def true_table():
  return table.concatenate([
      conversion.from_tubes('a', [tube(20, 60)]), conversion.from_tubes('b', [tube(0, 50)])
  ])


def write(path, content):
  {'.csv': write_csv, '.json': boxes_json.write}[path.suffix](path, content)
  return str(path)


def write_csv(path, content):
  rows = ['video,frame,track,x_min,y_min,x_max,y_max,score']
  rows += [
      f'{video}.mp4,{frame},{track},{",".join(map(str, box_xyxy))},{score}'
      for video, frame, track, box_xyxy, score in zip(
          content.videos, content.frames, content.tracks, content.boxes_xyxy.tolist(),
          content.scores.tolist())
  ]
  path.write_text('\n'.join(rows))
  assert len(boxes_csv.read(path)) == len(content)


def write_coco(path, content):
  coco.write(path, content)
  return str(path)


def check(content):
  """Checks the figures of the tables above."""
  assert (content['num_videos'], content['num_abnormal']) == (3, 2)
  assert content['num_without_prediction'] == 1
  values = {name: entry['value'] for name, entry in content['figures'].items()}
  assert values['vauc'] == pytest.approx(50.0)  # a above c above b
  assert values['miou'] == pytest.approx(100 * (20 / 40) / 2)
  assert values['tiou'] == pytest.approx(100 * 2 / 7)  # at 20, 36 of 20, 36, 52; 0, 16, 32, 48
  # 20 of 90 boxes without a false one, then 10 false in 60 + 50 + 10 frames.
  assert values['rbdc'] == pytest.approx(100 * 20 / 90)
  assert values['tbdc'] == pytest.approx(50.0)
  assert values['false_alarms_per_hour@0.5'] is None  # the files tell no frame rate


@pytest.mark.parametrize('predicted_name, true_name, write_fn', [
    ('p.csv', 't.json', write), ('p.json', 't.csv', write), ('p.json', 't.json', write_coco),
])
def test_boxes_of_every_format_score_alike(tmp_path, capsys, predicted_name, true_name, write_fn):
  paths = (
      write_fn(tmp_path / predicted_name, predicted_table()),
      write_fn(tmp_path / true_name, true_table()),
  )
  content = score_files(*paths, out=str(tmp_path / 'out'))
  check(content)
  assert json.loads((tmp_path / 'out' / 'metrics.json').read_text()) == content
  printed = capsys.readouterr().out
  assert '3 videos, 2 of them abnormal; nothing is predicted for 1.' in printed
  assert 'rbdc' in printed and 'seconds_to_detection' not in printed


def test_coco_results_take_images_from_the_truth(tmp_path):
  truth = write_coco(tmp_path / 'truth.json', true_table())
  images = json.loads((tmp_path / 'truth.json').read_text())['images']
  rows = [
      {'image_id': image['id'], 'category_id': 1, 'bbox': [10, 10, 20, 20], 'score': 0.5}
      for image in images
  ]
  (tmp_path / 'results.json').write_text(json.dumps(rows))
  content = score_files(str(tmp_path / 'results.json'), truth)
  assert content['figures']['miou']['value'] == pytest.approx(100.0)


def test_two_mot_files_are_of_one_video(tmp_path):
  for name, part in (('gt', tube(0, 40)), ('found', tube(0, 20, 0.5))):
    mot.write(tmp_path / f'{name}.txt', conversion.from_tubes(name, [part]))
  content = score_files(str(tmp_path / 'found.txt'), str(tmp_path / 'gt.txt'))
  assert content['num_videos'] == 1
  assert content['figures']['miou']['value'] == pytest.approx(50.0)
  assert content['figures']['miou']['low'] is None


def test_a_folder_of_mot_files(tmp_path):
  for name in ('a', 'b'):
    for folder in ('p', 't'):
      (tmp_path / folder / 'mot').mkdir(parents=True, exist_ok=True)
      path = tmp_path / folder / 'mot' / f'{name}.txt'
      mot.write(path, conversion.from_tubes(name, [tube(0, 9)]))
  content = score_files(str(tmp_path / 'p'), str(tmp_path / 't'))
  assert content['num_videos'] == 2
  assert content['figures']['miou']['value'] == 100.0


def write_overlapping(tmp_path):
  """Writes tubes that have the same boxes where they meet, two of them with one score."""
  tubes = [tube(20, 60, 0.728), tube(0, 50, 0.3), tube(5, 9, 0.728)]
  true = exchange.TrueVideo('a', 1, '', 100, 10.0, [tube(20, 50, kind=TubeKind.TRUTH)])
  found = exchange.PredictedVideo(
      'a', 10.0, np.full(100, 0.728), [predictions.Prediction(one, None, None) for one in tubes],
      np.ones(100, bool),
  )
  exchange.write_ground_truth(str(tmp_path / 'ground_truth.json'), [true])
  exchange.write_predictions(str(tmp_path / 'predictions.json'), [found])
  exports.write(str(tmp_path / 'exports'), [found], exports.KINDS)
  boxes_json.write(
      tmp_path / 'exports' / 'boxes.json', conversion.from_tubes('a', tubes)
  )


@pytest.mark.parametrize('name', [
    'predictions.json', 'exports/boxes.csv', 'exports/boxes.json', 'exports/coco.json',
    'exports/mot', 'exports/mot/a.txt',
])
def test_overlapping_tubes_keep_their_scores(tmp_path, monkeypatch, name):
  write_overlapping(tmp_path)
  measured = []
  measure = score_files_lib.figures.measure
  monkeypatch.setattr(
      score_files_lib.figures, 'measure', lambda videos: measured.extend(videos) or measure(videos)
  )
  content = score_files(str(tmp_path / name), str(tmp_path / 'ground_truth.json'))
  assert content['figures']['miou']['value'] == pytest.approx(100 * 30 / 40)
  (video,) = measured
  assert [(found.start, found.stop) for found in video.tubes] == [(20, 60), (5, 9), (0, 50)]
  np.testing.assert_allclose([found.score for found in video.tubes], [0.728, 0.728, 0.3])


def test_several_formats_in_a_folder_are_told(tmp_path):
  write_overlapping(tmp_path)
  with pytest.raises(UserError, match='boxes.csv, .*Give the file or folder itself that is meant'):
    score_files(str(tmp_path / 'exports'), str(tmp_path / 'ground_truth.json'))


@pytest.mark.parametrize('predicted_name, true_name', [
    ('anomalous-test09', 'anomalous/test09.mp4'), ('anomalous/test09', 'anomalous-test09'),
    ('test09', 'anomalous/test09.mp4'), ('anomalous/test09.avi', 'test09'),
])
def test_a_video_may_have_the_name_of_its_path_or_of_a_run(tmp_path, predicted_name, true_name):
  boxes_csv.write(tmp_path / 'p.csv', conversion.from_tubes(predicted_name, [tube(0, 9)]))
  boxes_csv.write(tmp_path / 't.csv', conversion.from_tubes(true_name, [tube(0, 9)]))
  content = score_files(str(tmp_path / 'p.csv'), str(tmp_path / 't.csv'))
  assert content['num_videos'] == 1
  assert content['figures']['miou']['value'] == 100.0


def test_a_name_that_may_mean_several_videos_is_refused(tmp_path):
  boxes_csv.write(tmp_path / 'p.csv', conversion.from_tubes('1', [tube(0, 9)]))
  boxes_csv.write(tmp_path / 't.csv', table.concatenate([
      conversion.from_tubes(f'{folder}/1.mp4', [tube(0, 9)]) for folder in ('fall', 'fight')
  ]))
  with pytest.raises(UserError, match="'1' may be any of fall/1.mp4, fight/1.mp4"):
    score_files(str(tmp_path / 'p.csv'), str(tmp_path / 't.csv'))


def write_ours(tmp_path):
  """Writes both files with all that they can hold: normal videos, lengths and frame rates."""
  true = [
      exchange.TrueVideo('a', 1, 'crash', 100, 10.0, [tube(20, 60, kind=TubeKind.TRUTH)]),
      exchange.TrueVideo('c', 0, '', 100, 10.0, []),
  ]
  found = [
      exchange.PredictedVideo(name, 10.0, np.repeat([0, score], [100 - n, n]), [
          predictions.Prediction(tube(100 - n, 100, score), None, None)], np.ones(100, bool))
      for name, n, score in (('a', 80, 0.9), ('c', 5, 0.3))
  ]
  paths = str(tmp_path / 'predictions.json'), str(tmp_path / 'ground_truth.json')
  exchange.write_predictions(paths[0], found)
  exchange.write_ground_truth(paths[1], true)
  return paths


def test_files_of_an_evaluation_have_costs_too(tmp_path):
  figures = score_files(*write_ours(tmp_path))['figures']
  assert figures['vauc']['value'] == 100.0
  assert figures['miou']['value'] == pytest.approx(50.0)
  assert figures['seconds_to_detection@0.8']['value'] == 0.0
  assert figures['false_alarms_per_hour@0.8']['value'] == 0.0


def test_foreign_boxes_against_the_full_truth(tmp_path):
  _, truth = write_ours(tmp_path)
  boxes = conversion.from_tubes('a', [tube(20, 60, 0.5)])
  content = score_files(write(tmp_path / 'boxes.csv', boxes), truth)
  assert content['num_videos'] == 2 and content['num_without_prediction'] == 1
  assert content['figures']['vauc']['value'] == 100.0


def test_faults_are_told(tmp_path):
  found, truth = write_ours(tmp_path)
  unknown = write(tmp_path / 'unknown.csv', conversion.from_tubes('a', [tube(0, 200)]))
  with pytest.raises(UserError, match="'a.mp4' has 200 frames in the predictions, but 100"):
    score_files(unknown, truth)
  other = write(tmp_path / 'other.csv', predicted_table())
  lonely = write(tmp_path / 'lonely.csv', conversion.from_tubes('z', [tube(0, 20)]))
  with pytest.raises(UserError, match="no video in common: 'z.mp4' there, 'a' here"):
    score_files(lonely, truth)
  assert score_files(other, truth)['num_videos'] == 2
  mixed = table.concatenate([predicted_table(), conversion.from_tubes('z', [tube(0, 20)])])
  with pytest.raises(UserError, match="has the video 'z.mp4', which is not in"):
    score_files(write(tmp_path / 'mixed.csv', mixed), truth)
  (tmp_path / 'boxes.xml').write_text('<boxes/>')
  with pytest.raises(UserError, match='no known ending'):
    score_files(str(tmp_path / 'boxes.xml'), truth)
  (tmp_path / 'empty').mkdir()
  with pytest.raises(UserError, match='holds no boxes'):
    score_files(str(tmp_path / 'empty'), truth)
  with pytest.raises(UserError, match='cannot be read'):
    score_files(str(tmp_path / 'nothing.json'), truth)


@pytest.mark.parametrize('arguments', [
    {'predictions': 'a', 'ground_truth': None},
    {'predictions': None, 'ground_truth': 'a'},
    {'predictions': 'a', 'ground_truth': 'b', 'mode': 'train'},
])
def test_both_files_and_the_mode_belong_together(arguments):
  with pytest.raises(UserError, match='belong together'):
    score_files(**arguments)
