"""Tests of report.html in a real browser: what is played, drawn, sorted and clicked."""

import cv2
import numpy as np
import pytest

from tests.reports import browser
from wsstad_jax.core.records import Tube, TubeKind, VideoFacts
from wsstad_jax.metrics import figures
from wsstad_jax.metrics import intervals
from wsstad_jax.reports import page
from wsstad_jax.video import decode

pytestmark = browser.needs_chromium

WIDTH, HEIGHT, RATE, COUNT = 192, 144, 10, 40
EVIL = '"><img src=x onerror=alert(1)><script>window.broken = 1</script>.mp4'
PREDICTED, TRUTH = [224, 48, 48], [32, 160, 64]


def square(frame):
  """Returns the box of the white square that moves through the videos."""
  return [20 + 3 * frame, 40, 52 + 3 * frame, 72]


def tube(start, stop, score=1.0, kind=TubeKind.UNARY):
  return Tube(start, np.float32([square(frame) for frame in range(start, stop)]), kind, score)


def outcome(video_id, label, predicted, truths=()):
  scores = np.zeros(COUNT)
  for found in reversed(predicted):
    scores[found.start : found.stop] = found.score
  return figures.Outcome(
      video_id=video_id, label=label, category='crash' if label else '', frames_per_second=RATE,
      frame_scores=scores, tubes=predicted, regions=figures.regions_of(predicted), truths=truths,
      detected_frames=np.ones(COUNT, bool),
  )


VIDEOS = [
    outcome('found', 1, [tube(10, 30, 0.9), tube(0, 5, 0.4)], [tube(10, 35, kind=TubeKind.TRUTH)]),
    outcome('calm', 0, [tube(0, 40, 0.3)]),
    outcome(EVIL, 1, [tube(0, 10, 0.7)], [tube(20, 30, kind=TubeKind.TRUTH)]),
]


@pytest.fixture(scope='module')
def report(tmp_path_factory):
  """Returns the address of a report of VIDEOS."""
  folder = tmp_path_factory.mktemp('report #1')  # a folder whose name has to be quoted

  def frames():
    for index in range(COUNT):
      frame = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
      left, top, right, bottom = square(index)
      frame[top:bottom, left:right] = 255
      yield frame

  facts = []
  for number in range(len(VIDEOS)):
    path = str(folder / 'data' / f'{number} %20.{"avi" if number == 1 else "mp4"}')
    decode.write_video(path, frames(), frames_per_second=RATE)
    facts.append(VideoFacts(path, WIDTH, HEIGHT, RATE, COUNT))
  path = folder / 'run' / 'report.html'
  page.write_page(
      str(path), VIDEOS, facts, title=EVIL, measured={'miou': intervals.Interval(25.0, 10.0, 40.0)},
      provenance={'seed': 3, 'command': [EVIL], 'config': {'data.root': EVIL}},
  )
  return path.as_uri()


@pytest.fixture(scope='module')
def window():
  with browser.opened() as driver:
    yield driver


@pytest.fixture
def opened(window, report):
  """Yields a window with the page; nothing may have been said on its console."""
  window.get(report)
  browser.wait_for(window, 'player.readyState >= 2 && !player.seeking')
  yield window
  assert window.get_log('browser') == []


def listed(window):
  return window.execute_script('return rows.map(row => row.cells[0].textContent)')


def screenshot(window):
  """Returns the picture of the stage, RGB [h, w, 3], an element of VIDEOS' size or larger."""
  content = window.find_element('id', 'stage').screenshot_as_png
  return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def extent(mask):
  """Returns the box around what is True, as shares of width and height; zeros if nothing is."""
  rows, columns = np.nonzero(mask)
  height, width = mask.shape
  if not len(rows):
    return np.zeros(4)
  return np.array([
      columns.min() / width, rows.min() / height, (columns.max() + 1) / width,
      (rows.max() + 1) / height,
  ])


def test_the_player_plays(opened):
  before = opened.execute_script('return [player.currentTime, frame]')
  opened.find_element('id', 'play').click()
  browser.wait_for(opened, 'player.currentTime > 1.6 && frame > 15')
  assert opened.find_element('id', 'play').text == 'Pause'
  opened.find_element('id', 'stage').click()
  browser.wait_for(opened, 'player.paused')
  assert before == [pytest.approx(1.05), 10]


@pytest.mark.parametrize('number', [0, 1])  # the second one is played from a copy
def test_boxes_sit_on_what_moves(opened, number):
  opened.execute_script('choose(arguments[0])', number)
  opened.find_element('css selector', '[data-layer=truth]').click()  # lies over the video, too
  for frame in (12, 28):
    opened.execute_script('jump(arguments[0])', frame)
    browser.wait_for(opened, f'!player.seeking && player.readyState >= 2 && frame === {frame}')
    expected = np.array(square(frame)) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    for _ in range(20):  # until the frame has come through the compositor
      picture = screenshot(opened)
      top = int(expected[1] * len(picture))
      red = np.abs(picture - PREDICTED).max(axis=2) < 30
      white = picture.min(axis=2) > 200
      red[: top - 4] = white[:top] = white[-20:] = False  # the text above, the round corners
      if extent(white) == pytest.approx(expected, abs=0.01):
        break
    assert extent(red) == pytest.approx(expected, abs=0.02)
    assert extent(white) == pytest.approx(expected, abs=0.01)  # the video itself


def test_layers_are_hidden_on_demand(opened):
  opened.execute_script('jump(32)')  # the event goes on after the tube
  green = lambda: int((np.abs(screenshot(opened) - TRUTH).max(axis=2) < 30).sum())
  assert green() > 100
  opened.find_element('css selector', '[data-layer=truth]').click()
  assert green() == 0


def test_sorting_sorts_both_ways(opened):
  button = opened.find_element('css selector', '[data-key=score]')
  button.click()
  assert listed(opened) == ['found', EVIL, 'calm']
  button.click()
  assert listed(opened) == ['calm', EVIL, 'found']
  opened.find_element('css selector', '[data-key=video_id]').click()
  assert listed(opened) == ['found', 'calm', EVIL]
  cells = opened.execute_script('return [...document.querySelectorAll("#list td:first-child")]'
                                '.map(cell => cell.textContent)')
  assert cells == listed(opened)


def test_failures_come_first_and_are_shown(opened):
  opened.find_element('id', 'failures').click()
  assert listed(opened) == [EVIL, 'calm', 'found']  # 1 - 0, the score 0.3, 1 - 20 / 25
  assert opened.find_element('id', 'name').text == EVIL


def test_a_row_is_chosen_by_click(opened):
  opened.find_element('css selector', '[data-index="1"] td').click()
  assert opened.find_element('id', 'name').text == 'calm'
  assert len(opened.find_elements('css selector', 'tr.chosen')) == 1


def test_a_click_on_the_curve_jumps(opened):
  from selenium.webdriver import ActionChains, Keys

  curve = opened.find_element('id', 'time')
  ActionChains(opened).move_to_element_with_offset(curve, curve.size['width'] // 4, 0).click().perform()
  browser.wait_for(opened, '!player.seeking && player.currentTime > 2.9')
  assert opened.execute_script('return frame') == pytest.approx(30, abs=1)
  first = opened.execute_script('return frame')
  curve.send_keys(Keys.ARROW_LEFT)
  browser.wait_for(opened, f'frame === {first - 1} && !player.seeking')
  assert curve.get_attribute('aria-valuenow') == str(first - 1)


def test_markup_in_names_is_harmless(opened):
  opened.execute_script('choose(2)')
  assert opened.find_element('id', 'name').text == EVIL
  assert opened.title == EVIL
  assert opened.execute_script('return [window.broken, document.querySelectorAll("img[src=x]").length]'
                               ) == [None, 0]


@pytest.mark.parametrize('width', [390, 768, 1280])
def test_nothing_is_wider_than_the_screen(opened, width):
  browser.resize(opened, width, 844)
  try:
    assert opened.execute_script('return document.documentElement.scrollWidth') <= width
    stage = opened.find_element('id', 'stage').rect
    assert stage['x'] >= 0 and stage['x'] + stage['width'] <= width
    assert stage['width'] / stage['height'] == pytest.approx(WIDTH / HEIGHT, rel=0.02)
  finally:
    browser.resize(opened, 1280, 900)


def test_a_video_that_is_gone_is_told(window, report, tmp_path):
  facts = [VideoFacts(str(tmp_path / 'gone.mp4'), WIDTH, HEIGHT, RATE, COUNT)]
  page.write_page(str(tmp_path / 'a.html'), VIDEOS[:1], facts, title='a', provenance={})
  window.get((tmp_path / 'a.html').as_uri())
  browser.wait_for(window, '!document.getElementById("fault").hidden')
  window.execute_script('jump(12)')
  red = np.abs(screenshot(window) - PREDICTED).max(axis=2) < 30
  assert red.sum() > 100
  window.get_log('browser')  # that the file is not there
