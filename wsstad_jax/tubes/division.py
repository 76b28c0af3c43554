"""Instances: the tubes of a bag, divided into parts of several lengths.

A tube that runs for minutes can neither overlap an event of seconds nor show it in its
mean feature, so tubes are divided into M parts (paper, section 3.4). Even parts are the
paper's; parts of given lengths, at several scales, do not depend on how long the object
happened to be followed.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.tubes import selection

_STRIDE_STEP = 1.25  # by which strides widen while there are too many parts
_POOL_FACTOR = 10  # parts to choose from, over instances


@dataclasses.dataclass(frozen=True)
class Division:
  """How tubes are divided.

  Attributes:
    keep_whole: the undivided tube is an instance too.
    even_parts: each M divides a tube into M parts of equal length.
    part_lengths: frames; parts of each length slide along the tube.
    stride_fraction: step of sliding parts over their length, in (0, 1].
    min_frames: shorter parts are left out.
  """

  keep_whole: bool = True
  even_parts: tuple[int, ...] = ()
  part_lengths: tuple[int, ...] = ()
  stride_fraction: float = 0.5
  min_frames: int = 8


@dataclasses.dataclass(frozen=True, order=True)
class Instance:
  """The frames start .. stop - 1 of tube number `source`."""

  source: int
  start: int
  stop: int


def divide_tube(tube: Tube, division: Division) -> list[tuple[int, int]]:
  """Returns the spans (start, stop) of the parts of a tube: long before short ones."""
  length = tube.stop - tube.start
  spans = {(0, length): None} if division.keep_whole else {}  # a dict is an ordered set
  for parts in division.even_parts:
    edges = np.rint(np.linspace(0, length, parts + 1)).astype(int).tolist()
    spans |= dict.fromkeys(zip(edges[:-1], edges[1:]))
  for part_length in division.part_lengths:
    # Steps are evened out so that the last part ends with the tube.
    room = max(length - part_length, 0)
    steps = int(np.ceil(room / (part_length * division.stride_fraction)))
    for begin in np.rint(np.linspace(0, room, steps + 1)).astype(int).tolist():
      spans[begin, min(begin + part_length, length)] = None
  spans = sorted(spans, key=lambda span: (span[0] - span[1], span[0]))
  return [
      (tube.start + begin, tube.start + end)
      for begin, end in spans
      if end - begin >= division.min_frames
  ]


def create_instances(
    tubes: Sequence[Tube], *, division: Division, max_instances: int
) -> list[Instance]:
  """Returns at most `max_instances` parts of tubes, in order of source and span.

  If there are more, those are chosen that best cover all of them (`select_covering`).
  To bound that work, it sees at most ten times `max_instances` parts: strides widen, up
  to parts that do not overlap; if that is not enough, the tubes take turns to give one
  part each, long parts first, multivariate and unary tubes alternately, each kind in
  descending order of score times length.
  """
  pool_size = _POOL_FACTOR * max_instances
  parts = [divide_tube(tube, division) for tube in tubes]
  while sum(map(len, parts)) > pool_size and division.stride_fraction < 1:
    wider = min(1.0, division.stride_fraction * _STRIDE_STEP)
    division = dataclasses.replace(division, stride_fraction=wider)
    parts = [divide_tube(tube, division) for tube in tubes]
  turns = [
      (turn, rank, source)
      for rank, source in enumerate(_ranking(tubes))
      for turn in range(len(parts[source]))
  ]
  pool = sorted((source, *parts[source][turn]) for turn, _, source in sorted(turns)[:pool_size])
  spans = np.array(pool, np.int64).reshape(-1, 3)
  chosen = selection.select_covering(tubes, spans, max_instances)
  return [Instance(*pool[row]) for row in chosen]


def _ranking(tubes: Sequence[Tube]) -> list[int]:
  """Returns the rows of tubes, multivariate and unary alternately, weighty ones first."""
  weights = [tube.score * len(tube.boxes_xyxy) for tube in tubes]
  by_weight = sorted(range(len(tubes)), key=lambda row: (-weights[row], row))
  places = {}
  for kind in (TubeKind.MULTIVARIATE, TubeKind.UNARY):
    of_kind = [row for row in by_weight if tubes[row].kind == kind]
    places |= {row: (place, kind == TubeKind.UNARY) for place, row in enumerate(of_kind)}
  return sorted(places, key=places.get)
