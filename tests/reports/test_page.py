"""Tests of report.html: what it holds, that it needs nothing else, that names are harmless."""

from html import parser
import json
import math
import re

import numpy as np
import pytest

from wsstad_jax.core.records import Tube, TubeKind, VideoFacts
from wsstad_jax.metrics import figures
from wsstad_jax.metrics import intervals
from wsstad_jax.reports import html_file
from wsstad_jax.reports import page
from wsstad_jax.reports import plots

EVIL = '</script><img src=x onerror="alert(1)">\'&.mp4'


class Document(parser.HTMLParser):
  """Collects the tags of a page, with attributes, and the text in each."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.open, self.texts = [], [], []
    self.feed(text)

  def handle_starttag(self, tag, attributes):
    self.tags.append((tag, dict(attributes)))
    if tag not in ('meta', 'img', 'link', 'br', 'input'):
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag  # every element is closed where it should be

  def handle_data(self, data):
    self.texts.append((self.open[-1] if self.open else '', data))

  def find(self, tag):
    return [attributes for name, attributes in self.tags if name == tag]

  def text_of(self, tag):
    return [data for name, data in self.texts if name == tag]


def tube(start, stop, score=1.0):
  boxes_xyxy = np.tile(np.float32([1, 2, 30.25, 40]), (stop - start, 1))
  return Tube(start, boxes_xyxy, TubeKind.UNARY, score)


def outcome(video_id, label, predicted, truths=()):
  return figures.Outcome(
      video_id=video_id, label=label, category='crash' if label == 1 else '',
      frames_per_second=25.0, frame_scores=np.linspace(0, 0.9, 50), tubes=predicted,
      regions=figures.regions_of(predicted), truths=truths, detected_frames=np.ones(50, bool),
  )


def written(tmp_path, videos, **changes):
  """Writes a page and returns its text and the document."""
  names = [video.video_id.replace('/', '_') for video in videos]
  facts = [VideoFacts(str(tmp_path / 'data' / f'{name}.mp4'), 64, 48, 25.0, 50) for name in names]
  path = tmp_path / 'run' / 'report.html'
  arguments = {'title': 'mgpr', 'measured': {'miou': intervals.Interval(25.0, 10.0, 40.125)},
               'provenance': {'seed': 3}}
  page.write_page(str(path), videos, facts, **(arguments | changes))
  text = path.read_text('utf-8')
  return text, Document(text)


VIDEOS = [
    outcome('one', 1, [tube(10, 30, 0.9), tube(0, 5, 0.4)], [tube(20, 30)]),
    outcome('two', 0, [tube(0, 50, 0.6)]),
    outcome('three', 1, [], [tube(0, 10)]),
]


def data_of(document):
  (content,) = [data for tag, data in document.texts if data.startswith('{"')]
  return json.loads(content)


def test_the_page_holds_figures_videos_and_provenance(tmp_path):
  text, document = written(tmp_path, VIDEOS)
  assert not document.open
  cells = document.text_of('td')
  assert ['miou', '25.00', '10.00', '40.12', '%'] == cells[cells.index('miou') :][:5]
  assert {'one', 'two', 'three', 'yes', 'no', '0.500', '0.900'} <= set(cells)
  assert '3 test videos, 2 of them abnormal.' in text
  assert 'Only 2 abnormal and 1 normal test videos: intervals over so few say little.' in text
  assert '1 &minus; S_loc of an abnormal video' in text
  assert ['seed', '3'] == [document.text_of(tag)[0] for tag in ('dt', 'dd')]
  assert [image['alt'] for image in document.find('img')] == ['ROC', 'Events found']
  assert '25.0 %' in document.text_of('b') and '10.0 to 40.1' in document.text_of('span')


def test_the_page_tells_times_config_and_training(tmp_path):
  history = [
      {'step': step, 'tube_loss': 1.0, 'validation_vauc': 50.0, 'validation_quality': 0.5}
      for step in (2, 4)
  ]
  times = [{'stage': 'Rendering', 'seconds': 90.0, 'count': 8, 'unit': 'video'}]
  _, document = written(
      tmp_path, VIDEOS, history=history,
      results={'heading': ['Method', 'VAUC'], 'note': 'In %.',
               'rows': [{'cells': ['mgpr', '81.25'], 'ours': True}]},
      provenance={'times': times, 'versions': {'jax': '0.1'}, 'config': {'train.num_steps': 4},
                  'command': ['main.py', '--mode=train']},
  )
  cells = document.text_of('td')
  assert ['Rendering', '90.0 s', '8 videos', '11.2 s'] == cells[cells.index('Rendering') :][:4]
  assert '81.25' in cells
  assert document.text_of('summary') == ['Versions of packages', 'Config']
  assert {'jax', '0.1', 'train.num_steps', 'main.py --mode=train'} <= {
      *document.text_of('dt'), *document.text_of('dd')}
  assert [image['alt'] for image in document.find('img')][2:] == ['Losses', 'Validation']


@pytest.mark.parametrize('seconds, text', [
    (0.254, '0.25 s'), (12.34, '12.3 s'), (119.6, '2 min 00 s'), (3599.7, '1 h 00 min'),
    (7500, '2 h 05 min'),
])
def test_times_are_told_in_their_units(seconds, text):
  assert html_file.format_seconds(seconds) == text


def test_a_video_that_cannot_be_measured_does_not_break_the_page(tmp_path):
  _, document = written(tmp_path, [outcome('one', 1, [tube(0, 9, math.nan)])])
  assert data_of(document)['videos'][0]['sorted']['score'] == -1


def test_the_player_gets_tubes_scores_and_where_the_video_is(tmp_path):
  _, document = written(tmp_path, VIDEOS)
  one, two, three = data_of(document)['videos']
  assert one['source'] == '../data/one.mp4'
  assert (one['width'], one['height'], one['rate'], len(one['scores'])) == (64, 48, 25.0, 50)
  assert one['tubes'][0]['start'] == 10 and len(one['tubes'][0]['boxes_xyxy']) == 20
  assert one['truths'][0]['boxes_xyxy'][0] == [1.0, 2.0, 30.2, 40.0]
  assert one['sorted']['s_loc'] == pytest.approx(0.5) and one['shown']['failure'] == '0.500'
  assert two['truths'] == [] and two['shown']['s_loc'] == '-'
  assert two['sorted']['failure'] == pytest.approx(0.6)  # a normal video fails by its score
  assert three['tubes'] == [] and three['sorted']['failure'] == 1.0


def test_nothing_is_loaded_from_elsewhere(tmp_path):
  text, document = written(tmp_path, VIDEOS)
  assert document.find('img')
  for _, attributes in document.tags:
    for name in ('src', 'href'):
      assert attributes.get(name, 'data:').startswith('data:')
  assert not re.search(r'https?://', text)
  assert "default-src 'none'" in text


def test_markup_in_names_is_harmless(tmp_path):
  videos = [outcome(EVIL, 1, [tube(0, 9, 0.5)], [tube(0, 9)])]
  plain, evil = (
      written(tmp_path, videos_of, title=title)[1]
      for videos_of, title in ((VIDEOS[:1], 'mgpr'), (videos, EVIL))
  )
  assert [tag for tag, _ in plain.tags] == [tag for tag, _ in evil.tags]
  assert EVIL in ''.join(evil.text_of('td'))
  (video,) = data_of(evil)['videos']
  assert video['video_id'] == EVIL
  assert not set(video['source']) & set('<>"\' ')


def test_pictures_are_in_the_page(tmp_path):
  plots.write_scores(str(tmp_path / 'a.png'), {'x': np.zeros(5)}, frames_per_second=5)
  images = [str(tmp_path / name) for name in ('a.png', 'missing.png')]
  _, document = written(tmp_path, VIDEOS, images=images)
  image = document.find('img')[-1]
  assert image['src'].startswith('data:image/png;base64,') and image['alt'] == 'a.png'


def test_a_video_of_which_nothing_is_known(tmp_path):
  text, document = written(tmp_path, [outcome('new', -1, [tube(0, 9, 0.5)])], measured=None)
  assert 'No annotations.' in text and 'id="caution"' not in text
  assert not document.find('img') and 'S_loc' not in document.text_of('button')
  assert data_of(document)['videos'][0]['tubes'][0]['score'] == 0.5


def test_a_roc_curve_by_hand():
  lines = page.create_curves([
      outcome('a', 1, [tube(0, 50, 0.9)], [tube(0, 50)]), outcome('b', 0, [tube(0, 50, 0.5)]),
      outcome('c', 1, [tube(0, 50, 0.4)], [tube(0, 50)]),
  ])[0].lines
  # Up to half, right to the end, up to the end.
  assert np.transpose(lines['videos']).tolist() == [[0, 0], [0, 0.5], [1, 0.5], [1, 1]]


def test_one_label_alone_has_no_roc_curve():
  (roc, ious) = page.create_curves([outcome('a', 0, [tube(0, 50, 0.9)])])
  assert not roc.lines and not ious.lines



def test_without_true_boxes_a_video_has_no_s_loc_and_fails_by_its_score(tmp_path):
  text, document = written(tmp_path, [outcome('one', 1, [tube(0, 50, 0.75)]), VIDEOS[1]])
  assert '1 &minus; score of an abnormal video' in text
  one = data_of(document)['videos'][0]
  assert one['shown']['s_loc'] == '-' and one['shown']['failure'] == '0.250'
  assert page.create_curves([outcome('one', 1, [tube(0, 50, 0.75)])])[1].lines == {}
