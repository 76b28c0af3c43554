"""Tests of the figures of Table 1."""

import numpy as np
import pytest

from wsstad_jax.metrics import summary


def make_result(label, scores, localizations=()):
  return summary.VideoResult(label, np.array(scores), np.array(localizations))


RESULTS = [
    make_result(1, [0.2, 0.9], [0.6, 0.15]),
    make_result(1, [0.5, 0.1, 0.3, 0.2], [0.4, 0.0, 0.0, 0.0]),
    make_result(0, [0.7, 0.1]),
    make_result(0, [0.3]),
]


def test_figures_by_hand():
  figures = summary.summarize(RESULTS)
  # Scores of videos: abnormal .9 and .5, normal .7 and .3: three of the four pairs are right.
  assert figures['vauc'] == pytest.approx(75)
  # The top-1 tubes have S_loc .15 and .4.
  assert figures['miou'] == pytest.approx(100 * (0.15 + 0.4) / 2)
  assert [figures[f'iou@{t}'] for t in (0.1, 0.2, 0.3, 0.5)] == [100, 50, 50, 0]


def test_upper_bound_by_hand():
  bound = summary.summarize(RESULTS)['upper_bound']
  # The best tubes have S_loc .6 and .4.
  assert bound.pop('vauc') == 100
  assert bound.pop('miou') == pytest.approx(100 * (0.6 + 0.4) / 2)
  assert bound == {'iou@0.1': 100, 'iou@0.2': 100, 'iou@0.3': 100, 'iou@0.5': 50}


def test_random_by_hand():
  random = summary.summarize(RESULTS)['random']
  # Means within the videos: (.6 + .15) / 2 = .375 and .4 / 4 = .1.
  assert random.pop('vauc') == 50
  assert random.pop('miou') == pytest.approx(100 * (0.375 + 0.1) / 2)
  # Shares of tubes above .1: 2/2 and 1/4; above .2 and .3: 1/2 and 1/4; above .5: 1/2 and 0.
  expected = {'iou@0.1': 62.5, 'iou@0.2': 37.5, 'iou@0.3': 37.5, 'iou@0.5': 25}
  assert random == pytest.approx(expected)


def test_random_is_the_mean_of_many_draws():
  rng = np.random.default_rng(0)
  results = [make_result(1, np.zeros(n), rng.random(n)) for n in (1, 3, 7)]
  random = summary.summarize(results)['random']
  draws = np.array([
      [rng.choice(result.localizations) for result in results] for _ in range(20000)
  ])
  # Spread of a mean over 60,000 draws of numbers in [0, 1]: below 0.5 / sqrt(60000) = 0.2 %.
  assert random['miou'] == pytest.approx(100 * draws.mean(), abs=1)
  assert random['iou@0.3'] == pytest.approx(100 * (draws > 0.3).mean(), abs=1)


def test_no_method_beats_the_upper_bound():
  rng = np.random.default_rng(1)
  results = [make_result(i % 2, rng.random(9), rng.random(9)) for i in range(20)]
  figures = summary.summarize(results)
  for name, bound in figures['upper_bound'].items():
    assert figures[name] <= bound
    assert figures['random'][name] <= bound


def test_order_of_tubes_and_of_videos_changes_nothing():
  rng = np.random.default_rng(2)
  results, shuffled = [], []
  for i in range(10):
    scores, localizations, order = rng.random(6), rng.random(6), rng.permutation(6)
    results.append(make_result(i % 2, scores, localizations))
    shuffled.append(make_result(i % 2, scores[order], localizations[order]))
  expected, found = summary.summarize(results), summary.summarize(shuffled[::-1])
  for part in ('random', 'upper_bound'):
    assert found.pop(part) == pytest.approx(expected.pop(part))
  assert found == pytest.approx(expected)


def test_video_without_tubes_scores_zero():
  figures = summary.summarize([make_result(1, []), make_result(0, [0.4])])
  assert figures['vauc'] == 0  # the abnormal video has 0, the normal one 0.4
  for part in (figures, figures['random'], figures['upper_bound']):
    assert part['miou'] == 0
    assert part['iou@0.1'] == 0


def test_without_abnormal_videos_nothing_is_localised():
  figures = summary.summarize([make_result(0, [0.4])])
  assert np.isnan(figures['vauc'])
  assert np.isnan(figures['miou'])
  assert np.isnan(figures['random']['miou'])


def test_result_of_unequal_lengths_is_refused():
  with pytest.raises(ValueError, match='2 scores, 1 localizations'):
    make_result(1, [0.1, 0.2], [0.5])


def test_an_abnormal_video_without_true_boxes_counts_for_vauc_alone():
  unknown = make_result(1, [0.6], [np.nan])
  expected, found = summary.summarize(RESULTS), summary.summarize([*RESULTS, unknown])
  assert (expected.pop('vauc'), found.pop('vauc')) == pytest.approx((75, 100 * 4 / 6))
  assert found == expected
  alone = summary.summarize([unknown, make_result(0, [0.4])])
  assert alone['vauc'] == 100
  assert np.isnan([alone['miou'], alone['random']['miou'], alone['upper_bound']['iou@0.1']]).all()
