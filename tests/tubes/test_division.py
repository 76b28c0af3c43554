"""Tests of dividing tubes into parts and of choosing among them."""

import numpy as np
import pytest

from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.tubes.division import Division, Instance, create_instances, divide_tube


def tube(start: int, stop: int, kind=TubeKind.UNARY, score: float = 0.5) -> Tube:
  return Tube(start, np.tile(np.float32([0, 0, 10, 10]), (stop - start, 1)), kind, score)


def test_even_parts_by_hand():
  division = Division(keep_whole=False, even_parts=(3,))
  assert divide_tube(tube(10, 110), division) == [(43, 77), (10, 43), (77, 110)]


def test_whole_and_halves_come_long_before_short():
  division = Division(keep_whole=True, even_parts=(1, 2))
  assert divide_tube(tube(0, 100), division) == [(0, 100), (0, 50), (50, 100)]


def test_sliding_parts_by_hand():
  division = Division(keep_whole=False, part_lengths=(32,), stride_fraction=0.5)
  # Room for the begin: 64 frames; steps of at most 16, hence 4.
  assert divide_tube(tube(5, 101), division) == [
      (5, 37),
      (21, 53),
      (37, 69),
      (53, 85),
      (69, 101),
  ]


def test_a_tube_shorter_than_a_part_is_that_part():
  division = Division(keep_whole=False, part_lengths=(32, 64))
  assert divide_tube(tube(5, 25), division) == [(5, 25)]


def test_parts_are_never_shorter_than_the_minimum():
  division = Division(keep_whole=True, even_parts=(2, 4), min_frames=16)
  assert divide_tube(tube(0, 40), division) == [(0, 40), (0, 20), (20, 40)]
  assert divide_tube(tube(0, 12), division) == []


@pytest.mark.parametrize('length', [8, 31, 32, 33, 100, 257])
def test_parts_cover_the_tube_and_stay_inside(length):
  division = Division(keep_whole=False, part_lengths=(32, 48), stride_fraction=0.3)
  spans = divide_tube(tube(7, 7 + length), division)
  assert len(set(spans)) == len(spans)
  assert {frame for start, stop in spans for frame in range(start, stop)} == set(
      range(7, 7 + length)
  )


def test_instances_name_their_source():
  tubes = [tube(0, 64), tube(10, 42)]
  division = Division(keep_whole=True, part_lengths=(32,), stride_fraction=1.0)
  assert create_instances(tubes, division=division, max_instances=10) == [
      Instance(0, 0, 32),
      Instance(0, 0, 64),
      Instance(0, 32, 64),
      Instance(1, 10, 42),
  ]


def test_strides_widen_before_anything_is_left_out():
  tubes = [tube(0, 64 * 100)]
  division = Division(keep_whole=True, part_lengths=(64,), stride_fraction=0.25)
  chosen = create_instances(tubes, division=division, max_instances=15)
  assert len(chosen) == 15
  parts = [part for part in chosen if part.stop - part.start == 64]
  assert all(before.stop <= after.start for before, after in zip(parts, parts[1:]))


def test_copies_give_way_to_what_is_different():
  copies = [tube(0, 100), tube(0, 100), tube(0, 98)]
  other = Tube(0, np.tile(np.float32([50, 50, 60, 60]), (100, 1)), TubeKind.UNARY)
  chosen = create_instances([*copies, other], division=Division(), max_instances=2)
  assert [instance.source for instance in chosen] == [0, 3]


def test_the_pool_takes_weighty_tubes_of_both_kinds_first():
  unary = [tube(0, length) for length in range(100, 160)]
  multivariate = [tube(0, length, TubeKind.MULTIVARIATE) for length in range(20, 80)]
  (chosen,) = create_instances(unary + multivariate, division=Division(), max_instances=1)
  # Ten parts are looked at: the five longest unary and the five longest multivariate ones.
  assert chosen.source in {*range(55, 60), *range(115, 120)}


@pytest.mark.parametrize('max_instances', [1, 7, 50, 200])
def test_the_choice_is_deterministic_distinct_and_bounded(max_instances):
  rng = np.random.default_rng(0)
  tubes = [
      tube(start, start + length, TubeKind(int(kind)), float(score))
      for start, length, kind, score in zip(
          rng.integers(0, 200, 30),
          rng.integers(8, 300, 30),
          rng.integers(0, 2, 30),
          rng.random(30),
      )
  ]
  division = Division(keep_whole=True, even_parts=(2,), part_lengths=(32, 64))
  chosen = create_instances(tubes, division=division, max_instances=max_instances)
  assert chosen == create_instances(tubes, division=division, max_instances=max_instances)
  assert len(set(chosen)) == len(chosen) <= max_instances
  assert chosen == sorted(chosen)
  for instance in chosen:
    assert tubes[instance.source].start <= instance.start < instance.stop
    assert instance.stop <= tubes[instance.source].stop


def test_no_tubes_give_no_instances():
  assert create_instances([], division=Division(), max_instances=200) == []
