"""Road layouts: lanes to drive, pavements to walk, and what is painted on the ground."""

import dataclasses

import numpy as np

LANE_M = 3.3
REACH_M = 55.0  # how far roads run from the centre, beyond what any camera sees
PAVEMENT_M = 2.6


@dataclasses.dataclass(frozen=True)
class Path:
  """A line to drive or walk along, sampled every metre.

  Attributes:
    points: float [n, 2], metres.
    headings: float [n], radians.
    speed_limits: float [n], m/s allowed by curvature.
    origin: number of the entry lane; paths of one origin share their first metres.
    stop: metre of the stop line or kerb, or infinity where there is none.
    clear: metre at which the junction or crossing is left.
    minor: whether this path gives way.
    phase: signal phase in which it has green; -1 without signals.
  """

  points: np.ndarray
  headings: np.ndarray
  speed_limits: np.ndarray
  origin: int
  stop: float = np.inf
  clear: float = np.inf
  minor: bool = False
  phase: int = -1

  @property
  def length(self) -> float:
    """Metres."""
    return float(len(self.points) - 1)


@dataclasses.dataclass
class Layout:
  """One place: where traffic goes and what the ground shows.

  Attributes:
    name: kind of layout.
    lanes: paths of vehicles.
    walks: paths of pedestrians; `stop` and `clear` delimit a crossing of the road.
    roads: (centreline [n, 2], width in metres) to be paved.
    lines: (polyline [n, 2], dashed, width in metres) to be painted.
    zebras: (start [2], end [2]) of pedestrian crossings.
    parking: float [n, 3], x, y, heading of parked vehicles' places.
    kerbs: polylines [n, 2] along which buildings, trees and poles may stand outside.
  """

  name: str
  lanes: list[Path] = dataclasses.field(default_factory=list)
  walks: list[Path] = dataclasses.field(default_factory=list)
  roads: list = dataclasses.field(default_factory=list)
  lines: list = dataclasses.field(default_factory=list)
  zebras: list = dataclasses.field(default_factory=list)
  parking: list = dataclasses.field(default_factory=list)
  kerbs: list = dataclasses.field(default_factory=list)


def resample(points: np.ndarray, spacing: float = 1.0) -> np.ndarray:
  """Returns a polyline [m, 2] through `points` [n, 2] with even spacing in metres."""
  steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
  along = np.concatenate([[0], np.cumsum(steps)])
  wanted = np.arange(0, along[-1], spacing)
  return np.stack([np.interp(wanted, along, points[:, k]) for k in range(2)], axis=1)


def offset(points: np.ndarray, distance: float) -> np.ndarray:
  """Returns a polyline [n, 2] shifted to its right by `distance` metres."""
  tangent = np.gradient(points, axis=0)
  tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
  return points + distance * np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


def create_path(points: np.ndarray, origin: int, **rules) -> Path:
  """Returns the path along a polyline [n, 2]."""
  points = resample(points)
  tangent = np.gradient(points, axis=0)
  headings = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
  bend = np.abs(np.gradient(headings))
  bend = np.convolve(np.pad(bend, 2, mode='edge'), np.ones(5) / 5, mode='valid')
  limits = np.sqrt(2.4 / np.maximum(bend, 1e-3))
  return Path(points, headings, limits, origin, **rules)


def _curve(start, start_direction, end, end_direction, pull=0.6) -> np.ndarray:
  """Returns a cubic Bezier curve [24, 2] between two directed points."""
  reach = pull * np.linalg.norm(end - start)
  controls = start, start + reach * start_direction, end - reach * end_direction, end
  t = np.linspace(0, 1, 24)[:, None]
  weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
  return sum(weight * control for weight, control in zip(weights, controls))


def _right(direction: np.ndarray) -> np.ndarray:
  return np.array([direction[1], -direction[0]])


def create_road(rng: np.random.Generator, *, bend_radius: float | None) -> Layout:
  """Returns an open road without junction: straight, or bent with a radius in metres."""
  lanes_each = int(rng.integers(1, 3)) if bend_radius is None else 1
  along = np.linspace(-REACH_M, REACH_M, 111)
  if bend_radius is None:
    centre = np.stack([along, np.zeros_like(along)], axis=1)
  else:
    angle = np.clip(along, -0.9 * bend_radius, 0.9 * bend_radius) / bend_radius
    centre = bend_radius * np.stack([np.sin(angle), 1 - np.cos(angle)], axis=1)
    rest = along - np.clip(along, -0.9 * bend_radius, 0.9 * bend_radius)
    centre += rest[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
  layout = Layout('straight' if bend_radius is None else 'curve')
  parking_side = rng.random() < 0.5
  width = 2 * lanes_each * LANE_M + (2 * 2.2 if parking_side else 0.6)
  layout.roads.append((centre, width))
  for lane in range(lanes_each):
    shift = (lane + 0.5) * LANE_M
    layout.lanes.append(create_path(offset(centre, shift), 2 * lane))
    layout.lanes.append(create_path(offset(centre, -shift)[::-1], 2 * lane + 1))
  layout.lines.append((centre, lanes_each == 1, 0.16))
  for side in (-1, 1):
    for lane in range(1, lanes_each + 1):
      layout.lines.append((offset(centre, side * lane * LANE_M), lane < lanes_each, 0.14))
    _add_pavement(layout, centre, side * (width / 2 + PAVEMENT_M / 2), side)
  if parking_side:
    for place in np.arange(20, 90, 6.4):
      for side in (-1, 1):
        spot = offset(centre, side * (width / 2 - 1.1))[int(place)]
        step = centre[int(place) + 1] - centre[int(place)]
        layout.parking.append((*spot, np.arctan2(step[1], step[0])))
  middle = 55 + int(rng.integers(-7, 8))
  across = (offset(centre, width / 2)[middle], offset(centre, -width / 2)[middle])
  layout.zebras.append(across)
  for side in (-1, 1):
    for way in (1, -1):
      _add_crossing(layout, centre[::way], side * (width / 2 + PAVEMENT_M / 2), middle, way)
  return layout


def _add_pavement(layout: Layout, centre: np.ndarray, shift: float, side: int) -> None:
  walk = offset(centre, shift)
  origin = len(layout.walks)
  layout.walks.append(create_path(walk, origin))
  layout.walks.append(create_path(walk[::-1], origin + 1))
  layout.kerbs.append(offset(centre, shift + side * PAVEMENT_M / 2))


def _add_crossing(layout, centre, shift, middle, way) -> None:
  """Adds a walk along one pavement, over the zebra, and on along the other."""
  if way < 0:
    middle = len(centre) - 1 - middle
  near, far = offset(centre, shift), offset(centre, -shift)
  start, end = near[:middle], far[middle:]
  before = len(resample(np.concatenate([start, near[middle : middle + 1]])))
  length = np.linalg.norm(near[middle] - far[middle])
  points = np.concatenate([start, near[middle : middle + 1], end])
  layout.walks.append(
    create_path(
      points, len(layout.walks), stop=before - 1.0 + 0.4, clear=before + length - 1.5
    )
  )


def create_junction(rng: np.random.Generator, *, arms: int) -> Layout:
  """Returns a crossroads (4 arms) or T-junction (3) with signals or give-way lines."""
  layout = Layout('crossroads' if arms == 4 else 't-junction')
  angles = np.arange(arms) * np.pi / 2 + rng.uniform(-0.12, 0.12, arms) * (arms == 4)
  signals = bool(rng.random() < 0.5) and arms == 4
  radius = LANE_M + 3.2
  width = 2 * LANE_M + 0.6
  outward = np.stack([np.cos(angles), np.sin(angles)], axis=1)
  for i, u in enumerate(outward):
    line = u * np.linspace(0, REACH_M, 56)[:, None]
    layout.roads.append((line, width))
    layout.lines.append((line[int(radius) + 1 :], rng.random() < 0.5, 0.15))
    for side in (-1, 1):
      shift = side * (width / 2 + PAVEMENT_M / 2)
      walk = offset(line, shift)[int(radius) + 1 :]
      layout.kerbs.append(offset(line, shift + side * PAVEMENT_M / 2)[int(radius) + 4 :])
      layout.walks.append(create_path(walk, len(layout.walks)))
      layout.walks.append(create_path(walk[::-1], len(layout.walks)))
    cross = radius + 2.2
    a, b = (u * cross + side * _right(u) * (width / 2) for side in (-1, 1))
    layout.zebras.append((a, b))
    inbound_stop = u * (radius + 4.4) + _right(-u) * LANE_M / 2
    layout.lines.append(
      (
        np.stack([inbound_stop - _right(u) * 1.5, inbound_stop + _right(u) * 1.5]),
        not signals and i % 2 == 1,
        0.35,
      )
    )
    for side in (-1, 1):
      shift = side * (width / 2 + PAVEMENT_M / 2)
      near = u * cross + _right(u) * shift
      far = u * cross - _right(u) * shift
      start, end = near + u * 40, far + u * 40
      points = np.stack([start, near, far, end])
      stop = 40 - 0.6
      layout.walks.append(
        create_path(
          points, len(layout.walks), stop=stop, clear=stop + 2 * abs(shift) + 0.2
        )
      )
    for j, v in enumerate(outward):
      if i == j:
        continue
      enter = u * radius + _right(-u) * LANE_M / 2
      leave = v * radius + _right(v) * LANE_M / 2
      straight = np.dot(u, v) < -0.8
      bend = _curve(enter, -u, leave, v, 0.35 if straight else 0.55)
      points = np.concatenate(
        [enter + u * np.linspace(REACH_M - radius, 0.5, 40)[:, None], bend]
        + [leave + v * np.linspace(0.5, REACH_M - radius, 40)[:, None]]
      )
      stop = REACH_M - radius - 4.6
      inside = len(resample(bend))
      layout.lanes.append(
        create_path(
          points, i, stop=stop, clear=stop + 4.6 + inside + 3.5,
          minor=i % 2 == 1, phase=i % 2 if signals else -1,
        )
      )
  return layout


def create_roundabout(rng: np.random.Generator) -> Layout:
  """Returns a one-lane roundabout with three or four arms."""
  layout = Layout('roundabout')
  arms = int(rng.integers(3, 5))
  angles = np.arange(arms) * 2 * np.pi / arms + rng.uniform(-0.15, 0.15, arms)
  ring, width = 8.0, 2 * LANE_M + 0.6
  circle = np.linspace(0, 2 * np.pi, 80)
  layout.roads.append((ring * np.stack([np.cos(circle), np.sin(circle)], axis=1), 5.0))
  enter_at = ring + 6.0
  for i, angle in enumerate(angles):
    u = np.array([np.cos(angle), np.sin(angle)])
    line = u * np.linspace(ring, REACH_M, 48)[:, None]
    layout.roads.append((line, width))
    layout.lines.append((line[8:], False, 0.15))
    for side in (-1, 1):
      shift = side * (width / 2 + PAVEMENT_M / 2)
      layout.kerbs.append(offset(line, shift + side * PAVEMENT_M / 2)[7:])
      walk = offset(line, shift)[6:]
      layout.walks.append(create_path(walk, len(layout.walks)))
      layout.walks.append(create_path(walk[::-1], len(layout.walks)))
    for turn in range(1, arms + 1):
      j = (i + turn) % arms
      sweep = (angles[j] - angle) % (2 * np.pi) or 2 * np.pi
      v = np.array([np.cos(angles[j]), np.sin(angles[j])])
      arc = angle + np.linspace(0.5, max(sweep - 0.5, 0.55), 30)
      arc = ring * np.stack([np.cos(arc), np.sin(arc)], axis=1)
      first = arc[1] - arc[0]
      last = arc[-1] - arc[-2]
      enter = u * enter_at + _right(-u) * LANE_M / 2
      leave = v * enter_at + _right(v) * LANE_M / 2
      into = _curve(enter, -u, arc[0], first / np.linalg.norm(first), 0.4)
      out = _curve(arc[-1], last / np.linalg.norm(last), leave, v, 0.4)
      points = np.concatenate(
        [enter + u * np.linspace(REACH_M - enter_at, 0.5, 40)[:, None], into, arc[1:-1], out]
        + [leave + v * np.linspace(0.5, REACH_M - enter_at, 40)[:, None]]
      )
      stop = REACH_M - enter_at - 0.5
      inside = len(resample(np.concatenate([into, arc[1:-1], out])))
      layout.lanes.append(
        create_path(points, i, stop=stop, clear=stop + inside + 1.0, minor=False)
      )
  return layout


def create_layout(rng: np.random.Generator) -> Layout:
  """Returns a random layout around the origin."""
  kind = rng.choice(['straight', 'curve', 'crossroads', 't-junction', 'roundabout'],
                    p=[0.25, 0.17, 0.25, 0.2, 0.13])
  if kind == 'straight':
    return create_road(rng, bend_radius=None)
  if kind == 'curve':
    return create_road(rng, bend_radius=float(rng.uniform(28, 60)))
  if kind == 'roundabout':
    return create_roundabout(rng)
  return create_junction(rng, arms=4 if kind == 'crossroads' else 3)
