"""Multivariate tubes: union boxes of intersecting objects (paper, section 3.1).

The paper does not say when objects intersect and for how long; the rule here is a
reconstruction. Two objects interact in a frame when their boxes, grown by `contact`,
intersect; contacts less than `max_break` frames apart are one interaction. Before it
the objects approach, after it their motion may have become one blob that goes on as
only one of the tubes, so a multivariate tube takes in `lead` frames before and `trail`
frames after, enclosing whatever of its objects is there. Interactions that share an
object at the same time form a group, which gives one more tube (a pile-up).
"""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from wsstad_jax.core import boxes
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.core.spans import pairs_at_once


@dataclasses.dataclass(frozen=True)
class Intersecting:
  """Settings of `create_multivariate`.

  Attributes:
    contact: factor on the sides of boxes before they are tested for intersection.
    max_break: frames, the longest break within one interaction.
    min_contact: frames; shorter interactions are passing jitter.
    lead: frames taken in before an interaction.
    trail: frames taken in after it.
    most_of_object: interactions of one object that give a tube of their own. In a crowd nearly
      all pairs touch, and tubes grow with the square of the people; each costs as much to see
      as an object. Limited for each object rather than for the video, what a rare one does
      with others is kept, though walkers go side by side for longer.
    duplicate_overlap: of two tubes that overlap more in space and time, the later found
      one is left out, also when the other one is unary.
  """

  contact: float = 1.5
  max_break: int = 16
  min_contact: int = 3
  lead: int = 16
  trail: int = 64
  most_of_object: int = 4
  duplicate_overlap: float = 0.9


@dataclasses.dataclass(frozen=True)
class _Interaction:
  """Tubes (rows of the unary ones) that intersect over the frames start .. stop - 1."""

  members: frozenset[int]
  start: int
  stop: int


def create_multivariate(
    unary: Sequence[Tube], *, intersecting: Intersecting = Intersecting()
) -> list[Tube]:
  """Returns the tubes of interactions of two objects, then of all groups of interactions.

  Of each object the `most_of_object` longest interactions give a tube; one that is among them
  for either of its objects does. The score of a tube is the mean score of its members.
  """
  pairs = []
  for first, second in _pairs_at_once(unary):
    for start, stop in _contacts(unary[first], unary[second], intersecting):
      pairs.append(_Interaction(frozenset((first, second)), start, stop))
  alone = _longest(pairs, intersecting.most_of_object)
  tubes = list(unary) + [
      _enclose(interactions, unary, intersecting)
      for interactions in [[pair] for pair in alone] + _groups(pairs)
  ]
  earlier = _earlier_at_once(tubes)
  kept = set(range(len(unary)))
  for row in range(len(unary), len(tubes)):
    overlaps = (tube_overlap(tubes[row], tubes[other]) for other in earlier[row] if other in kept)
    if all(overlap <= intersecting.duplicate_overlap for overlap in overlaps):
      kept.add(row)
  return [tubes[row] for row in sorted(kept)[len(unary) :]]


def tube_overlap(first: Tube, second: Tube) -> float:
  """Returns the mean per-frame IoU over the frames of either tube, in [0, 1]."""
  start, stop = max(first.start, second.start), min(first.stop, second.stop)
  if start >= stop:
    return 0.0
  shared = boxes.iou(first.part(start, stop).boxes_xyxy, second.part(start, stop).boxes_xyxy)
  return float(shared.sum() / (max(first.stop, second.stop) - min(first.start, second.start)))


def _pairs_at_once(items: Sequence[Tube | _Interaction]) -> list[list[int]]:
  """Returns the rows (first < second), in order, of what shares a frame."""
  spans = np.array([(item.start, item.stop) for item in items], np.int64).reshape(-1, 2)
  return pairs_at_once(spans).tolist()


def _earlier_at_once(items: Sequence[Tube | _Interaction]) -> list[list[int]]:
  """Returns, for each row, the rows before it of what shares a frame with it, ascending."""
  earlier = [[] for _ in items]
  for first, second in _pairs_at_once(items):
    earlier[second].append(first)
  return earlier


def _contacts(first: Tube, second: Tube, intersecting: Intersecting) -> list[tuple[int, int]]:
  """Returns the spans in which two tubes interact."""
  start, stop = max(first.start, second.start), min(first.stop, second.stop)
  if start >= stop:
    return []
  grown = [
      boxes.dilate(tube.part(start, stop).boxes_xyxy, intersecting.contact)
      for tube in (first, second)
  ]
  touching = start + np.flatnonzero(boxes.intersection(*grown) > 0)
  if not len(touching):
    return []
  breaks = np.diff(touching) - 1
  runs = np.split(touching, np.flatnonzero(breaks > intersecting.max_break) + 1)
  return [(int(run[0]), int(run[-1]) + 1) for run in runs if len(run) >= intersecting.min_contact]


def _longest(pairs: Sequence[_Interaction], count: int) -> list[_Interaction]:
  """Returns those among the `count` longest of one of their members, the first of equals."""
  kept, seen = set(), collections.Counter()
  for row in sorted(range(len(pairs)), key=lambda row: pairs[row].start - pairs[row].stop):
    if any(seen[member] < count for member in pairs[row].members):
      kept.add(row)
    seen.update(pairs[row].members)
  return [pair for row, pair in enumerate(pairs) if row in kept]


def _groups(pairs: Sequence[_Interaction]) -> list[list[_Interaction]]:
  """Returns the chains of two or more interactions that share objects at the same time."""
  group_of: list[list[int]] = []  # of each row, one list for all rows of a group
  for row, earlier in enumerate(_earlier_at_once(pairs)):
    linked = [group_of[other] for other in earlier if pairs[row].members & pairs[other].members]
    joined = {group[-1]: group for group in linked}
    group, *others = [joined[last] for last in sorted(joined)] or [[]]
    for other in others:
      group += other
      for member in other:
        group_of[member] = group
    group.append(row)
    group_of.append(group)
  return [
      [pairs[member] for member in group]
      for row, group in enumerate(group_of)
      if row == group[-1] and len(group) > 1
  ]


def _enclose(
    interactions: Sequence[_Interaction], unary: Sequence[Tube], intersecting: Intersecting
) -> Tube:
  """Returns the union boxes of the members of interactions that overlap in time."""
  spans = {}  # of each member, over all of its interactions
  for interaction in interactions:
    for member in interaction.members:
      tube = unary[member]
      start = max(tube.start, interaction.start - intersecting.lead)
      stop = min(tube.stop, interaction.stop + intersecting.trail)
      known_start, known_stop = spans.get(member, (start, stop))
      spans[member] = min(start, known_start), max(stop, known_stop)
  begin = min(start for start, _ in spans.values())
  end = max(stop for _, stop in spans.values())
  around = np.tile(np.array([np.inf, np.inf, -np.inf, -np.inf], np.float32), (end - begin, 1))
  for member, (start, stop) in sorted(spans.items()):
    part = unary[member].part(start, stop).boxes_xyxy
    rows = around[start - begin : stop - begin]
    rows[:] = boxes.enclosing(np.stack([rows, part]))
  return Tube(
      start=begin,
      boxes_xyxy=around,
      kind=TubeKind.MULTIVARIATE,
      score=float(np.mean([unary[member].score for member in spans])),
  )
