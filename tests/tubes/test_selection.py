"""Tests of choosing instances against slow plain references."""

import numpy as np
import pytest

from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.tubes import selection
from wsstad_jax.tubes.multivariate import tube_overlap


def random_parts(seed: int, num_tubes: int = 8, num_parts: int = 30):
  """Returns wandering tubes and the spans [n, 3] of random parts of them."""
  rng = np.random.default_rng(seed)
  tubes, spans = [], []
  for _ in range(num_tubes):
    length = int(rng.integers(20, 60))
    low = np.cumsum(rng.normal(0, 1, [length, 2]), axis=0) + rng.uniform(0, 40, 2)
    boxes_xyxy = np.concatenate([low, low + rng.uniform(10, 40, 2)], 1).astype(np.float32)
    tubes.append(Tube(int(rng.integers(0, 50)), boxes_xyxy, TubeKind.UNARY))
  for _ in range(num_parts):
    source = int(rng.integers(num_tubes))
    start = int(rng.integers(tubes[source].start, tubes[source].stop - 1))
    spans.append((source, start, int(rng.integers(start + 1, tubes[source].stop + 1))))
  return tubes, np.unique(spans, axis=0)  # copies would be ties


@pytest.mark.parametrize('seed', range(3))
def test_overlaps_equal_those_of_one_pair_at_a_time(seed):
  tubes, spans = random_parts(seed)
  parts = [tubes[source].part(start, stop) for source, start, stop in spans]
  expected = [[tube_overlap(first, second) for second in parts] for first in parts]
  overlap = selection.pairwise_overlap(tubes, spans)
  np.testing.assert_allclose(overlap, expected, atol=1e-5)
  np.testing.assert_allclose(np.diag(overlap), 1, atol=1e-5)


@pytest.mark.parametrize('seed', range(3))
def test_the_choice_equals_the_plain_greedy_one(seed):
  tubes, spans = random_parts(seed)
  overlap = selection.pairwise_overlap(tubes, spans)
  sides = []
  for source, start, stop in spans:
    part = tubes[source].part(start, stop).boxes_xyxy
    sides.append(np.sqrt((part[:, 2] - part[:, 0]) * (part[:, 3] - part[:, 1])).mean())
  covered = lambda rows: float(overlap[rows].max(axis=0) @ np.array(sides))
  chosen = []
  for _ in range(6):
    rest = [row for row in range(len(spans)) if row not in chosen]
    chosen.append(max(rest, key=lambda row: covered([*chosen, row])))
  # Ties may be resolved otherwise, so the covers are compared.
  selected = selection.select_covering(tubes, spans, 6).tolist()
  assert np.isclose(covered(selected), covered(chosen), rtol=1e-3)


def test_what_fits_is_kept_whole():
  tubes, spans = random_parts(0)
  assert selection.select_covering(tubes, spans, len(spans)).tolist() == list(range(len(spans)))
  assert len(selection.select_covering(tubes, spans[:0], 5)) == 0


def test_exactly_as_many_as_allowed_are_chosen_even_among_copies():
  tubes, _ = random_parts(0, num_tubes=1)
  spans = np.tile([0, tubes[0].start, tubes[0].stop], (10, 1))
  assert len(set(selection.select_covering(tubes, spans, 4).tolist())) == 4
