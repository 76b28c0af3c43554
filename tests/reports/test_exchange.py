"""Tests of predictions.json and ground_truth.json: what is written is read, faults are told."""

import json
import pathlib

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.reports import exchange
from wsstad_jax.reports import predictions

_SCHEMAS = pathlib.Path(exchange.__file__).parent / 'schemas'


def tube(start, stop, score=1.0, kind=TubeKind.UNARY):
  boxes_xyxy = np.tile(np.float32([0.1, 2, 30.7, 1 / 3 + 40]), (stop - start, 1))
  return Tube(start, boxes_xyxy, kind, score)


def predicted(video_id='a'):
  return exchange.PredictedVideo(
      video_id=video_id,
      frames_per_second=25.0,
      frame_scores=np.array([0, 1 / 3, 1 / 3, 0.9, 0]),
      found=[
          predictions.Prediction(tube(3, 4, 0.9, TubeKind.MULTIVARIATE), 0.8, 1.0),
          predictions.Prediction(tube(1, 3, 1 / 3), None, None),
      ],
      detected_frames=np.array([True, True, False, True, False]),
  )


def true(video_id='a', label=1):
  events = [tube(2, 5, kind=TubeKind.TRUTH)] if label else []
  return exchange.TrueVideo(video_id, label, 'crash', 5, 25.0, events)


def written(tmp_path):
  """Returns the path of a file of predictions and its content."""
  path = tmp_path / 'predictions.json'
  exchange.write_predictions(str(path), [predicted()])
  return path, json.loads(path.read_text())


def check_tube(found, expected):
  assert (found.start, found.kind, found.score) == (expected.start, expected.kind, expected.score)
  np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)


def test_predictions_come_back_bit_by_bit(tmp_path):
  path, _ = written(tmp_path)
  (found,) = exchange.read_predictions(str(path))
  expected = predicted()
  assert (found.video_id, found.frames_per_second) == ('a', 25.0)
  np.testing.assert_array_equal(found.frame_scores, expected.frame_scores)
  np.testing.assert_array_equal(found.detected_frames, expected.detected_frames)
  for one, other in zip(found.found, expected.found, strict=True):
    check_tube(one.tube, other.tube)
    assert one.tube_branch_score == other.tube_branch_score
    assert one.temporal_branch_score == other.temporal_branch_score


def test_the_truth_comes_back(tmp_path):
  path = str(tmp_path / 'ground_truth.json')
  exchange.write_ground_truth(path, [true(), true('b', 0)])
  first, second = exchange.read_ground_truth(path)
  check_tube(first.events[0], true().events[0])
  assert (second.video_id, second.label, list(second.events)) == ('b', 0, [])
  assert (first.category, first.num_frames, first.frames_per_second) == ('crash', 5, 25.0)


def test_what_may_be_missing(tmp_path):
  path, content = written(tmp_path)
  (video,) = content['videos']
  del video['detected_spans'], video['frames_per_second']
  video['tubes'] = [{'score': 0.2, 'start': 0, 'boxes_xyxy': [[0, 0, 1, 1]]},
                    {'score': 0.7, 'start': 1, 'boxes_xyxy': [[0, 0, 1, 1]]}]
  path.write_text(json.dumps(content))
  (found,) = exchange.read_predictions(str(path))
  assert found.detected_frames.all() and np.isnan(found.frames_per_second)
  assert [entry.tube.score for entry in found.found] == [0.7, 0.2]  # best first


def change(path_in_video, value):
  """Returns a function that sets a value, by its path, in the content of a file."""
  def apply(content):
    target = content['videos'][0]
    for key in path_in_video[:-1]:
      target = target[key]
    target[path_in_video[-1]] = value
  return apply


@pytest.mark.parametrize('damage, told', [
    (lambda content: content.update(version=2), 'version is 2'),
    (lambda content: content.update(format='coco'), "format is 'coco'"),
    (lambda content: content.update(videos=[]), 'holds no video'),
    (lambda content: content.update(videos=content['videos'] * 2), "'a' stands twice"),
    (change(['num_frames'], 0), 'video 0: num_frames is 0'),
    (change(['num_frames'], '5'), 'which is text'),
    (change(['num_frames'], 6), 'there are 5 entries where 6'),
    (change(['frame_scores', 2], 1.5), 'a score is 1.5'),
    (change(['detected_spans'], [[0, 6]]), 'detected_spans is 6'),
    (change(['tubes', 0, 'start'], 5), 'frames 5:6 are not within 5 frames'),
    (change(['tubes', 0, 'boxes_xyxy'], []), 'there is no box'),
    (change(['tubes', 0, 'boxes_xyxy'], [[0, 0, 0, 9]]), 'a box has no area'),
    (change(['tubes', 0, 'boxes_xyxy'], [[0, 0, 9]]), '3 entries where 4'),
    (change(['tubes', 0, 'kind'], 'truth'), "kind is 'truth'"),
    (change(['tubes', 1, 'score'], None), 'video 0, tubes 1: score is None'),
    (change(['video_id'], 7), 'video_id is 7'),
])
def test_faults_are_told_with_their_place(tmp_path, damage, told):
  path, content = written(tmp_path)
  damage(content)
  path.write_text(json.dumps(content))
  with pytest.raises(UserError) as raised:
    exchange.read_predictions(str(path))
  assert told in str(raised.value) and str(path) in str(raised.value)
  assert 'predictions.schema.json' in str(raised.value)


def test_an_event_of_a_normal_video_is_a_fault(tmp_path):
  path = tmp_path / 'ground_truth.json'
  exchange.write_ground_truth(str(path), [true()])
  content = json.loads(path.read_text())
  content['videos'][0]['label'] = 0
  path.write_text(json.dumps(content))
  with pytest.raises(UserError, match='label is 0, but there are events'):
    exchange.read_ground_truth(str(path))


def conforms(value, schema):
  """Checks a value by the part of JSON Schema that the shipped schemas use."""
  types = {'object': dict, 'array': list, 'string': str, 'number': (int, float), 'integer': int,
           'null': type(None)}
  known = {'$schema', 'title', 'description', 'type', 'required', 'properties', 'items', 'const',
           'enum', 'minimum', 'maximum', 'exclusiveMinimum', 'minItems', 'maxItems'}
  assert schema.keys() <= known, schema.keys() - known
  kinds = schema.get('type', list(types))
  kinds = [kinds] if isinstance(kinds, str) else kinds
  assert any(isinstance(value, types[kind]) for kind in kinds), (value, kinds)
  assert value == schema.get('const', value)
  assert value in schema.get('enum', [value])
  if isinstance(value, (int, float)):
    assert schema.get('minimum', value) <= value <= schema.get('maximum', value)
    assert value > schema.get('exclusiveMinimum', -np.inf)
  if isinstance(value, list):
    assert schema.get('minItems', 0) <= len(value) <= schema.get('maxItems', len(value))
    for item in value:
      conforms(item, schema.get('items', {}))
  if isinstance(value, dict):
    assert set(schema.get('required', ())) <= value.keys()
    assert value.keys() <= schema['properties'].keys()
    for key, inner in value.items():
      conforms(inner, schema['properties'][key])


def test_files_are_as_the_shipped_schemas_have_them(tmp_path):
  exchange.write_predictions(str(tmp_path / 'predictions.json'), [predicted(), predicted('b')])
  exchange.write_ground_truth(str(tmp_path / 'ground_truth.json'), [true(), true('b', 0)])
  facts = predictions.VideoFacts('/videos/a.mp4', 64, 48, 25.0, 5)
  predictions.write_prediction(str(tmp_path / 'prediction.json'), facts, predicted().found)
  schemas = sorted(_SCHEMAS.glob('*.schema.json'))
  assert len(schemas) == 3
  for path in schemas:
    name = path.name.removesuffix('.schema.json')
    conforms(json.loads((tmp_path / f'{name}.json').read_text()), json.loads(path.read_text()))
