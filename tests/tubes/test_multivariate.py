"""Tests of the union boxes of intersecting objects."""

import dataclasses

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.tubes.multivariate import Intersecting, create_multivariate, tube_overlap


def tube(start: int, boxes_xyxy, score: float = 0.5) -> Tube:
  return Tube(start, np.array(boxes_xyxy, np.float32), TubeKind.UNARY, score)


def standing(start: int, stop: int, box) -> Tube:
  return tube(start, [box] * (stop - start))


def wandering(count: int) -> list[Tube]:
  """Returns objects that walk about for 60 frames and meet by chance."""
  rng = np.random.default_rng(0)
  unary = []
  for _ in range(count):
    path = np.cumsum(rng.normal(0, 3, [60, 2]), axis=0) + rng.uniform(0, 100, 2)
    sides = rng.uniform(5, 25, 2)
    unary.append(tube(int(rng.integers(0, 40)), np.concatenate([path, path + sides], 1)))
  return unary


TOUCH = Intersecting(contact=1.0, max_break=4, min_contact=2, lead=5, trail=10)


def test_two_objects_that_meet_by_hand():
  first = standing(0, 100, [0, 0, 10, 10])
  # Touches the first in the frames 40 .. 59, before and after it is far away.
  far, near = [50, 0, 60, 10], [5, 5, 15, 15]
  second = tube(0, [far] * 40 + [near] * 20 + [far] * 40, score=1.0)
  (union,) = create_multivariate([first, second], intersecting=TOUCH)
  assert (union.start, union.stop) == (40 - 5, 60 + 10)
  assert union.kind == TubeKind.MULTIVARIATE and union.score == 0.75
  np.testing.assert_array_equal(union.boxes_xyxy[0], [0, 0, 60, 10])
  np.testing.assert_array_equal(union.boxes_xyxy[5], [0, 0, 15, 15])
  assert union.boxes_xyxy.dtype == np.float32


def test_the_union_goes_on_as_the_blob_that_both_become():
  first = tube(0, [[0, 0, 10, 10]] * 40 + [[0, 0, 20, 10]] * 60)  # a blob of both from 40 on
  second = standing(20, 40, [9, 0, 20, 10])
  (union,) = create_multivariate([first, second], intersecting=TOUCH)
  assert (union.start, union.stop) == (15, 50)
  np.testing.assert_array_equal(union.boxes_xyxy[5:], np.tile([0, 0, 20, 10], (30, 1)))


def test_objects_that_stay_apart_or_miss_each_other_in_time_give_nothing():
  apart = [standing(0, 50, [0, 0, 10, 10]), standing(0, 50, [30, 0, 40, 10])]
  assert create_multivariate(apart, intersecting=TOUCH) == []
  later = [standing(0, 50, [0, 0, 10, 10]), standing(50, 90, [5, 0, 15, 10])]
  assert create_multivariate(later, intersecting=TOUCH) == []


def test_boxes_that_nearly_touch_count_as_touching():
  near = [standing(0, 50, [0, 0, 10, 10]), standing(0, 50, [11, 0, 21, 10])]
  assert create_multivariate(near, intersecting=TOUCH) == []
  grown = Intersecting(contact=1.2)  # each box grows by 1 pixel: they overlap by 1
  assert len(create_multivariate(near, intersecting=grown)) == 1


def test_short_breaks_are_bridged_and_long_ones_separate():
  first = standing(0, 100, [0, 0, 10, 10])
  far, near = [50, 0, 60, 10], [5, 0, 15, 10]
  for length, spans in [(4, [(15, 64)]), (40, [(15, 40), (65, 100)])]:
    rows = [far] * 20 + [near] * 10 + [far] * length + [near] * 20
    rows = rows + [far] * (100 - len(rows))
    unions = create_multivariate([first, tube(0, rows)], intersecting=TOUCH)
    assert [(union.start, union.stop) for union in unions] == spans


def test_a_pile_up_gives_its_pairs_and_the_whole():
  row = [standing(10, 60, [10 * place, 0, 10 * place + 12, 10]) for place in range(3)]
  unions = create_multivariate(row, intersecting=TOUCH)
  around = [tuple(boxes.enclosing(union.boxes_xyxy)) for union in unions]
  assert sorted(around) == [(0, 0, 22, 10), (0, 0, 32, 10), (10, 0, 32, 10)]


def test_two_groups_that_a_later_pair_joins_are_one():
  # They stand in the order 0, 2, 3, 1: the last pair, 2 and 3, joins the other two.
  row = [standing(10, 60, [10 * place, 0, 10 * place + 12, 10]) for place in (0, 3, 1, 2)]
  unions = create_multivariate(row, intersecting=TOUCH)
  around = [tuple(boxes.enclosing(union.boxes_xyxy)) for union in unions]
  assert around == [(0, 0, 22, 10), (20, 0, 42, 10), (10, 0, 32, 10), (0, 0, 42, 10)]


def test_what_happens_at_another_time_changes_nothing():
  unary = wandering(12)
  unions = create_multivariate(unary)
  again = [dataclasses.replace(tube, start=tube.start + 100) for tube in unary]
  expected = [(union.start + shift, union.boxes_xyxy.tobytes(), union.score)
              for shift in (0, 100) for union in unions]
  # Neither the order in time nor that of the tubes is needed.
  for both in (unary + again, again + unary):
    found = [(union.start, union.boxes_xyxy.tobytes(), union.score)
             for union in create_multivariate(both)]
    assert sorted(found) == sorted(expected)


def test_in_a_crowd_each_object_keeps_its_longest_interactions():
  # All touch all. The sixth leaves first, so that its interactions are the shortest of all.
  crowd = [standing(0, 100 - 10 * row, [row, 0, row + 20, 10]) for row in range(6)]

  def lengths(most):
    limited = dataclasses.replace(TOUCH, lead=0, trail=0, duplicate_overlap=1.0, most_of_object=most)
    return [union.stop for union in create_multivariate(crowd, intersecting=limited)]

  group = [90]  # while at least two are there
  assert lengths(1) == [90, 80, 70, 60, 50] + group  # of the first object with each other one
  assert sorted(lengths(2)[:-1]) == sorted([90, 80, 80, 70, 70, 60, 60, 50, 50])
  assert len(lengths(100)) == 6 * 5 // 2 + len(group)


def test_copies_are_left_out():
  large = standing(0, 60, [0, 0, 40, 40])
  inside = standing(0, 60, [10, 10, 20, 20])  # the union is the large one again
  assert create_multivariate([large, inside], intersecting=TOUCH) == []


def test_no_unary_tubes_give_none():
  assert create_multivariate([], intersecting=TOUCH) == []


def test_unions_enclose_their_objects_and_cover_every_frame():
  unary = wandering(12)
  unions = create_multivariate(unary)
  assert unions
  for union in unions:
    assert np.isfinite(union.boxes_xyxy).all()
    assert (union.boxes_xyxy[:, 2:] > union.boxes_xyxy[:, :2]).all()
    assert max(tube_overlap(union, other) for other in unary) <= 0.9


def test_overlap_by_hand():
  first, second = standing(0, 10, [0, 0, 10, 10]), standing(5, 15, [0, 0, 10, 20])
  # IoU 0.5 in the 5 shared ones of 15 frames.
  assert np.isclose(tube_overlap(first, second), 5 * 0.5 / 15)
  assert tube_overlap(first, first) == 1.0
  assert tube_overlap(first, standing(10, 20, [0, 0, 10, 10])) == 0.0
