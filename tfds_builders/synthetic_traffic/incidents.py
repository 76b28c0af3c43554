"""What befalls the traffic: look-alikes, near misses and accidents.

A near miss and an accident are the same plot: two or three road users are sent into the scene
so that they meet at one place and time without seeing each other. In a near miss they are a
second apart, or one of them notices at the last moment.
"""

import dataclasses
import math

import numpy as np

from tfds_builders.synthetic_traffic.camera import Camera
from tfds_builders.synthetic_traffic.layouts import Path
from tfds_builders.synthetic_traffic.particles import Particles
from tfds_builders.synthetic_traffic.traffic import Agent, Arrival, Traffic

TWO_WHEELERS = ('motorcycle', 'bicycle')
VEHICLES, PEDESTRIAN, MOTORCYCLE, PILE_UP = (
  'vehicle_vehicle', 'vehicle_pedestrian', 'motorcycle_car', 'pile_up',
)  # fmt: skip
ACCIDENTS = (VEHICLES, PEDESTRIAN, MOTORCYCLE, PILE_UP)

_MARGIN = 60  # pixels from a meeting place to the border of the image
_BROKEN_S = 600.0  # for which a broken-down vehicle stays: to the end of a video
_NOTICE_S = 0.3  # between the plan of a plot and its first arrival


@dataclasses.dataclass
class Stage:
  """Where incidents happen.

  Attributes:
    traffic: the road users.
    particles: smoke and debris.
    camera: decides what is visible.
    rng: chooses among opportunities.
  """

  traffic: Traffic
  particles: Particles
  camera: Camera
  rng: np.random.Generator

  def sees(self, place: np.ndarray, margin: float = 40) -> bool:
    """Tells whether a ground point [2] is well inside the image."""
    return self.camera.sees(place, margin)

  def drivers(self, slowest: float = 0.0) -> list[Agent]:
    """Returns drivers in view, in no plot and faster than `slowest` m/s, shuffled."""
    found = [
      a for a in self.traffic.agents
      if a.drives and not a.plot and a.speed >= slowest and self.sees(a.body.position)
    ]  # fmt: skip
    self.rng.shuffle(found)
    return found

  def walkers(self) -> list[Agent]:
    """Returns visible pedestrians on the pavement and in no plot, shuffled."""
    found = [
      a for a in self.traffic.agents
      if a.walks and not a.plot and not a.dash and self.sees(a.body.position, 20)
      and not self.traffic.path(a).stop < a.along < self.traffic.path(a).clear
    ]  # fmt: skip
    self.rng.shuffle(found)
    return found


# plots: they return the arrivals of those concerned, none if the place does not allow it


@dataclasses.dataclass(frozen=True)
class _Meeting:
  """Where two lanes come together: metres along either, and the point [2]."""

  first: int
  first_along: int
  second: int
  second_along: int
  place: np.ndarray


def arrange(stage: Stage, category: str, *, collide: bool) -> list[Arrival]:
  """Returns who has to arrive, and when, for an accident or a near miss of a category."""
  rng = stage.rng
  if category == PEDESTRIAN:
    return _step_out(stage, collide)
  kinds = [_vehicle(rng), _vehicle(rng)]
  if category == MOTORCYCLE:
    kinds[rng.integers(2)] = 'motorcycle'
  crossings = _crossings(stage)
  ways = [_rear_end, _drift]
  ways = [_cross] * 3 + ways if crossings else ways
  way = ways[rng.integers(len(ways))]
  arrivals = way(stage, collide, kinds, crossings)
  if category == PILE_UP and arrivals:
    arrivals += _another(stage, arrivals, collide)
  return arrivals


def _vehicle(rng: np.random.Generator) -> str:
  return str(rng.choice(['car', 'van', 'lorry'], p=[0.76, 0.15, 0.09]))


def _crossings(stage: Stage) -> list[_Meeting]:
  """Returns where free lanes cross or merge in view."""
  found, busy = [], _busy(stage)
  lanes = [
    (number, path) for number, path in enumerate(stage.traffic.layout.lanes)
    if path.origin not in busy
  ]  # fmt: skip
  for i, a in lanes:
    for j, b in lanes:
      if a.origin == b.origin:
        continue
      away = np.linalg.norm(a.points[:, None] - b.points[None], axis=-1)
      k, m = np.unravel_index(np.argmax(away < 1.0), away.shape)
      turned = math.cos(a.headings[k] - b.headings[m])
      if away[k, m] < 1.0 and turned < 0.9 and k > 20 and m > 20:
        if stage.sees(a.points[k], _MARGIN):
          found.append(_Meeting(i, int(k), j, int(m), a.points[k]))
  return found


def _busy(stage: Stage) -> set[int]:
  """Returns the origins of lanes on which somebody would be in the way of those to come."""
  busy = set()
  for agent in stage.traffic.agents:
    path = stage.traffic.path(agent)
    if not agent.actor.is_vehicle or agent.parked:
      continue
    if agent.speed < 6 or agent.along < 14 or (agent.along < path.stop and np.isfinite(path.stop)):
      busy.add(path.origin)
  return busy


def _spots(stage: Stage) -> list[tuple[int, int]]:
  """Returns (lane, metre) in view, where free lanes are nearly straight."""
  spots, busy = [], _busy(stage)
  for number, path in enumerate(stage.traffic.layout.lanes):
    if path.origin in busy:
      continue
    for along in range(25, len(path.points) - 25):
      if path.speed_limits[along] > 7 and stage.sees(path.points[along], _MARGIN):
        spots.append((number, along))
  return spots


def _arrival(stage: Stage, kind: str, lane: int, speed: float, start: float, **state) -> Arrival:
  home = 0.0 if kind != 'bicycle' else 1.0
  state = {'side': home, 'side_goal': home, 'home_side': home, 'careless': True,
           'admitted': True} | state  # fmt: skip
  return Arrival(start, kind, lane, 0.0, speed, state)


def _together(stage: Stage, seconds: list[float]) -> list[float]:
  """Returns when to enter for those who need `seconds` to a place, to be there together."""
  return [stage.traffic.time + _NOTICE_S + max(seconds) - own for own in seconds]


def _cross(stage: Stage, collide: bool, kinds, crossings) -> list[Arrival]:
  """One drives past the give-way line or the red light into the other's path."""
  rng = stage.rng
  meeting = crossings[rng.integers(len(crossings))]
  speeds = rng.uniform(9, 13, 2)
  times = [
    stage.traffic.travel_times(lane, speed)[along]
    for lane, along, speed in (
      (meeting.first, meeting.first_along, speeds[0]),
      (meeting.second, meeting.second_along, speeds[1]),
    )
  ]
  starts = _together(stage, times)
  late = not collide and rng.random() < 0.5
  if collide or late:
    starts[0] += rng.uniform(-0.22, 0.22)
  else:
    starts[0] += rng.choice([-1, 1]) * rng.uniform(0.85, 1.4)
  return [
    _arrival(stage, kinds[0], meeting.first, speeds[0], starts[0]),
    _arrival(stage, kinds[1], meeting.second, speeds[1], starts[1], late=late),
  ]


def _rear_end(stage: Stage, collide: bool, kinds, crossings) -> list[Arrival]:
  """The leader brakes hard, and the follower looks elsewhere."""
  rng, spots = stage.rng, _spots(stage)
  if not spots:
    return []
  lane, along = spots[rng.integers(len(spots))]
  speed, rate = rng.uniform(9, 13), rng.uniform(6.5, 8.5)
  start = stage.traffic.time + _NOTICE_S
  there = start + stage.traffic.travel_times(lane, speed)[max(along - int(speed**2 / 2 / rate), 0)]
  stands = {'braking': rate, 'braking_until': there + speed / rate + 0.1,
            'hold_until': there + speed / rate + rng.uniform(2, 6)}  # fmt: skip
  gap = rng.uniform(1.5, 2.2)
  follower = _arrival(stage, kinds[1], lane, speed * rng.uniform(1.0, 1.15), start + gap,
                      late=not collide)  # fmt: skip
  return [_arrival(stage, kinds[0], lane, speed, start, script=((there, stands),)), follower]


def _drift(stage: Stage, collide: bool, kinds, crossings) -> list[Arrival]:
  """A driver drifts into the path of one who comes towards him or drives beside him."""
  rng, spots, lanes = stage.rng, _spots(stage), stage.traffic.layout.lanes
  if not spots:
    return []
  lane, along = spots[rng.integers(len(spots))]
  path = lanes[lane]
  right = np.array([math.sin(path.headings[along]), -math.cos(path.headings[along])])
  beside, busy = [], _busy(stage)
  for number, other in enumerate(lanes):
    metre = int(np.argmin(np.linalg.norm(other.points - path.points[along], axis=1)))
    aside = float((other.points[metre] - path.points[along]) @ right)
    if number != lane and other.origin not in busy and 2.2 < abs(aside) < 4.5 and metre > 20:
      beside.append((number, metre, aside))
  if not beside:
    return []
  number, metre, aside = beside[rng.integers(len(beside))]
  speeds = rng.uniform(8, 11, 2)
  if math.cos(lanes[number].headings[metre] - path.headings[along]) > 0:
    speeds[1] = speeds[0] + rng.uniform(-0.5, 0.5)
  seconds = [stage.traffic.travel_times(lane, speeds[0])[along],
             stage.traffic.travel_times(number, speeds[1])[metre]]  # fmt: skip
  starts = _together(stage, seconds)
  there = starts[0] + seconds[0]
  share = rng.uniform(0.75, 1.0) if collide else rng.uniform(0.25, 0.38)
  swing = {'side_goal': share * aside, 'swerves_until': there + (3.0 if collide else 0.2)}
  script = ((there - rng.uniform(1.3, 1.7), swing),)
  return [
    _arrival(stage, kinds[0], lane, speeds[0], starts[0], script=script),
    _arrival(stage, kinds[1], number, speeds[1], starts[1]),
  ]


def _another(stage: Stage, arrivals: list[Arrival], collide: bool) -> list[Arrival]:
  """Sends one more vehicle behind those of a plot."""
  last = max(arrivals, key=lambda arrival: arrival.time)
  gap = stage.rng.uniform(1.3, 2.0)
  return [_arrival(stage, _vehicle(stage.rng), last.lane, last.speed, last.time + gap,
                   late=not collide)]  # fmt: skip


def _step_out(stage: Stage, collide: bool) -> list[Arrival]:
  """A pedestrian runs onto the road before a car."""
  rng, traffic, spots = stage.rng, stage.traffic, _spots(stage)
  if not spots:
    return []
  lane, along = spots[rng.integers(len(spots))]
  place = traffic.layout.lanes[lane].points[along]
  walks = []
  for number, path in enumerate(traffic.layout.walks):
    away = np.linalg.norm(path.points - place, axis=1)
    metre = int(np.argmin(away))
    before = _last_hidden(stage, path, metre)
    if 2.0 < away[metre] < 8.0 and before is not None and metre < path.stop - 2:
      walks.append((number, metre, before, away[metre]))
  if not walks:
    return []
  walk, metre, before, away = walks[rng.integers(len(walks))]
  pace, run, speed = rng.uniform(1.6, 2.4), rng.uniform(2.6, 3.8), rng.uniform(8.5, 12)
  seconds = [(metre - before) / pace + away / run, traffic.travel_times(lane, speed)[along]]
  starts = _together(stage, seconds)
  begins = starts[0] + (metre - before) / pace
  kind = str(rng.choice(['car', 'van', 'motorcycle'], p=[0.8, 0.13, 0.07]))
  duration, late = away / run, False
  if collide:
    starts[1] += rng.uniform(-0.05, 0.12)
    place = place + (place - traffic.layout.walks[walk].points[metre]) * 0.3
    duration *= 1.3
  elif rng.random() < 0.5:
    late = True
  else:  # he is across, or behind the car
    starts[1] += rng.choice([-1, 1]) * rng.uniform(0.9, 1.3)
    place = place + (place - traffic.layout.walks[walk].points[metre]) * rng.uniform(0.6, 1.0)
    duration *= 1.7
  walker = Arrival(starts[0], 'pedestrian', walk, float(before), pace,
                   {'errand': (begins, place, duration)})  # fmt: skip
  return [walker, _arrival(stage, kind, lane, speed, starts[1], late=late)]


def _last_hidden(stage: Stage, path: Path, metre: int) -> int | None:
  """Returns the last metre of a path before `metre` that lies outside the image."""
  for along in range(metre, 1, -1):
    if not stage.sees(path.points[along], -12):
      return along
  return None


# harmless incidents; they return whether they found an opportunity


def _brake(stage: Stage, agent: Agent, rate: float, hold: float) -> None:
  now = stage.traffic.time
  agent.braking, agent.braking_until = rate, now + agent.speed / rate + 0.1
  agent.hold_until = agent.braking_until + hold


def hard_stop(stage: Stage) -> bool:
  """A driver brakes hard, stands a while with nothing wrong, and drives on."""
  for agent in stage.drivers(5.0):
    _brake(stage, agent, float(stage.rng.uniform(6, 8)), hold=float(stage.rng.uniform(0.5, 4)))
    return True
  return False


def halt(stage: Stage) -> bool:
  """A driver halts on the road for a while."""
  for agent in stage.drivers(3.0):
    _brake(stage, agent, 3.0, hold=float(stage.rng.uniform(3, 8)))
    return True
  return False


def swerve(stage: Stage) -> bool:
  """A driver swings aside and back."""
  for agent in stage.drivers(5.5):
    if agent.actor.width < 2.2:
      agent.side_goal = agent.home_side + float(stage.rng.choice([-1.1, 0.9]))
      agent.swerves_until = stage.traffic.time + float(stage.rng.uniform(0.9, 1.6))
      return True
  return False


def sprint(stage: Stage) -> bool:
  """A driver accelerates with all his engine gives."""
  for agent in stage.drivers(0.0):
    if agent.speed < 6:
      agent.desired_speed = float(stage.rng.uniform(11, 13))
      return True
  return False


def jaywalk(stage: Stage) -> bool:
  """A pedestrian crosses where there is no crossing, in a gap."""
  traffic = stage.traffic
  for walker in stage.walkers():
    away = [np.linalg.norm(path.points - walker.body.position, axis=1)
            for path in traffic.layout.walks]  # fmt: skip
    beyond = [path.points[np.argmin(d)] for path, d in zip(traffic.layout.walks, away)
              if 6.0 < d.min() < 16]  # fmt: skip
    if not beyond:
      continue
    goal = beyond[int(stage.rng.integers(len(beyond)))]
    step = goal - walker.body.position
    pace = float(stage.rng.choice([1.6, 3.0, 3.8]))
    seconds = np.hypot(*step) / pace
    way = walker.body.position + step * np.linspace(0, 1, 12)[:, None]
    if all(_clear_of(traffic, driver, way, seconds) for driver in traffic.agents if driver.drives):
      walker.dash = ((step / np.hypot(*step) * pace, traffic.time + seconds),)
      return True
  return False


def _clear_of(traffic: Traffic, driver: Agent, way: np.ndarray, seconds: float) -> bool:
  reach = int(min(driver.speed * (seconds * 0.5 + 1.4) + 5 + driver.actor.length / 2, 31))
  points = traffic.corridor(driver, side_goal=driver.side_goal, behind=3.0)[: reach + 3]
  return bool(np.linalg.norm(points[:, None] - way[None], axis=-1).min() > 2.2)


def run(stage: Stage) -> bool:
  """Somebody on the pavement starts to run."""
  for walker in stage.walkers():
    walker.desired_speed = float(stage.rng.uniform(2.6, 3.6))
    return True
  return False


def meet(stage: Stage) -> bool:
  """Pedestrians stop beside one another for a talk."""
  walkers = stage.walkers()
  for walker in walkers:
    near = [w for w in walkers if np.hypot(*(w.body.position - walker.body.position)) < 4]
    if len(near) > 1:
      until = stage.traffic.time + float(stage.rng.uniform(3, 8))
      for other in near:
        other.dash = ((np.zeros(2), until),)
      return True
  return False


def smoke(stage: Stage) -> bool:
  """A vehicle puffs exhaust or tyre smoke."""
  for agent in stage.drivers(0.0):
    agent.smoking_until = stage.traffic.time + float(stage.rng.uniform(0.6, 6))
    return True
  return False


def litter(stage: Stage) -> bool:
  """The wind blows litter over the road."""
  place = stage.rng.uniform(-9, 9, 2)
  if not stage.sees(place):
    return False
  stage.particles.litter(np.array([*place, 0.1]))
  return True


def break_down(stage: Stage) -> bool:
  """A vehicle stops with a smoking engine and stays; one at a time."""
  traffic, rng = stage.traffic, stage.rng
  if any(agent.hold_until > traffic.time + _BROKEN_S / 2 for agent in traffic.agents):
    return False
  for agent in stage.drivers(3.0):
    _brake(stage, agent, float(rng.uniform(2.5, 7)), hold=_BROKEN_S)
    agent.smoking_until = agent.braking_until + float(rng.uniform(1, 15))
    return True
  return False


def lose_load(stage: Stage) -> bool:
  """Something falls off a vehicle, breaks and stays on the road."""
  rng = stage.rng
  for agent in stage.drivers(2.0):
    stage.particles.burst(
      agent.tail(0.8), amount=int(rng.integers(4, 15)), speed=float(rng.uniform(0.8, 2.2))
    )
    if rng.random() < 0.5:
      stage.particles.smoke(agent.tail(0.3), amount=int(rng.integers(2, 6)), grey=160.0)
    return True
  return False


def stumble(stage: Stage) -> bool:
  """A pedestrian falls and gets up again."""
  for walker in stage.walkers():
    until = stage.traffic.time + float(stage.rng.uniform(1.2, 5))
    walker.dash = ((np.zeros(2), until),)
    walker.down_until = until - 0.4
    return True
  return False


HARMLESS = {
  f.__name__: f
  for f in (hard_stop, halt, swerve, sprint, jaywalk, run, meet, smoke, litter, break_down, lose_load,
            stumble)
}  # fmt: skip
