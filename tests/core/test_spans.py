"""Tests of spans against a slow plain reference."""

import itertools

import numpy as np
import pytest

from wsstad_jax.core.spans import pairs_at_once


def test_pairs_by_hand():
  # The second begins where the first ends; the third lies within the first.
  assert pairs_at_once(np.array([[0, 10], [10, 20], [4, 6], [19, 30]])).tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize('seed', range(5))
def test_pairs_equal_those_of_looking_at_all(seed):
  rng = np.random.default_rng(seed)
  starts = rng.integers(0, 60, 40)  # some begin at once
  spans = np.stack([starts, starts + rng.integers(1, 12, 40)], axis=1)
  expected = [
      [first, second]
      for first, second in itertools.combinations(range(40), 2)
      if max(spans[first, 0], spans[second, 0]) < min(spans[first, 1], spans[second, 1])
  ]
  assert pairs_at_once(spans).tolist() == expected


@pytest.mark.parametrize('count', [0, 1])
def test_less_than_two_make_no_pair(count):
  assert pairs_at_once(np.array([[3, 5]])[:count]).shape == (0, 2)
