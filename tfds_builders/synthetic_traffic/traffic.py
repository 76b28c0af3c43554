"""Traffic that keeps its distance: drivers follow lanes and one another, walkers cross in gaps.

Drivers look along their own corridor (32 m of lane at their own width) for anything in it and
keep off it by the intelligent driver model (Treiber 2000). Junctions are taken in turn: a
stop line is passed only with green light and no conflicting path in use.
"""

import copy
import dataclasses
import math

import numpy as np

from tfds_builders.synthetic_traffic import bodies
from tfds_builders.synthetic_traffic.actors import Actor, create_actor
from tfds_builders.synthetic_traffic.layouts import Layout, Path
from tfds_builders.synthetic_traffic.recording import STEP_S

LOOK_AHEAD_M = 32
SIDE_MARGIN_M = 0.35
ACCELERATION, COMFORT_BRAKING, HARDEST_BRAKING = 1.9, 2.6, 8.5  # m/s^2
STANDING_GAP_M, TIME_GAP_S = 1.9, 0.9
GREEN_S, ALL_RED_S = 7.0, 2.0
_BRAKING_SCALE = 2 * math.sqrt(ACCELERATION * COMFORT_BRAKING)
_AHEAD = np.arange(LOOK_AHEAD_M, dtype=float)


@dataclasses.dataclass(eq=False)
class Agent:
  """A road user and what its mind is set on.

  Attributes:
    number: its row among the poses.
    body: its mechanics.
    lane: number of its path in `layout.lanes` (drivers) or `layout.walks` (walkers).
    along: metres of path covered by its centre.
    side: metres right of the path, and the value it steers to.
    speed: m/s along the path.
    desired_speed: m/s when nothing is in the way.
    home_side: where it rides normally.
    admitted: whether it has passed, or may pass, the stop line.
    parked: True for vehicles that never move.
    plot: number of the incident it is part of, or 0; it does not see the others in it.
    late: whether it sees them at the last moment after all.
    careless: whether it ignores the stop line.
    script: (seconds, {attribute: value}) of what it is going to do, in order of time.
    errand: of a walker: (seconds, place [2], duration) of a run across the road, or None.
    swerves_until: it keeps to `side_goal` until then, whatever is beside it.
    braking: forced deceleration in m/s^2 until `braking_until` (seconds).
    hold_until: it stands until then once forced to a stop.
    dash: legs of a walker who has left his path: (velocity [2], until seconds).
    smoking_until: it gives off smoke until then.
    down_until: of a walker: it lies on the ground until then.
    waiting: seconds stood behind something.
    slows: whether it is seen to brake.
  """

  number: int
  body: bodies.Body
  lane: int
  along: float
  speed: float
  desired_speed: float
  side: float = 0.0
  side_goal: float = 0.0
  home_side: float = 0.0
  admitted: bool = False
  parked: bool = False
  plot: int = 0
  late: bool = False
  careless: bool = False
  script: tuple = ()
  errand: tuple | None = None
  swerves_until: float = -1.0
  braking: float = 0.0
  braking_until: float = -1.0
  hold_until: float = -1.0
  dash: tuple = ()
  smoking_until: float = -1.0
  down_until: float = -1.0
  waiting: float = 0.0
  slows: bool = False

  @property
  def actor(self) -> Actor:
    """Looks and mass."""
    return self.body.actor

  @property
  def drives(self) -> bool:
    """Whether a driver is in control."""
    return self.actor.is_vehicle and not self.body.loose and not self.parked

  @property
  def walks(self) -> bool:
    """Whether it is a pedestrian on his feet."""
    return not self.actor.is_vehicle and not self.body.loose

  def tail(self, height: float) -> np.ndarray:
    """Returns the point [3] at its rear end, metres, `height` above the ground."""
    ahead = np.array([np.cos(self.body.heading), np.sin(self.body.heading), 0.0])
    return np.array([*self.body.position, height]) - 0.5 * self.actor.length * ahead


@dataclasses.dataclass(frozen=True)
class Demand:
  """How much traffic there is.

  Attributes:
    headway_s: mean seconds between vehicles of one entry lane.
    mix: share of each kind of vehicle.
    walkers: pedestrians kept under way.
    speed: mean desired speed of drivers in m/s.
  """

  headway_s: float
  mix: dict[str, float]
  walkers: int
  speed: float


@dataclasses.dataclass(frozen=True)
class Arrival:
  """A road user who is going to enter as part of an incident.

  Attributes:
    time: seconds.
    kind: of the actor.
    lane: number of its path.
    along: metres of path at which it enters, out of view.
    speed: m/s.
    state: further attributes of the agent.
  """

  time: float
  kind: str
  lane: int
  along: float
  speed: float
  state: dict


@dataclasses.dataclass(frozen=True)
class Contact:
  """Two bodies that touched.

  Attributes:
    time: seconds.
    first, second: their numbers.
    closing: m/s at which they met.
    place: float [2], metres.
  """

  time: float
  first: int
  second: int
  closing: float
  place: np.ndarray


class Traffic:
  """All road users of one place, moved on step by step."""

  def __init__(self, layout: Layout, demand: Demand, rng: np.random.Generator):
    self.layout, self.demand, self.rng = layout, demand, rng
    self.time = 0.0
    self.agents: list[Agent] = []
    self.cast: list[Actor] = []
    self.contacts: list[Contact] = []
    self.arrivals: list[Arrival] = []
    self._lane_points = self._pad([path.points for path in layout.lanes])
    self._lane_normals = self._pad([_normals(path) for path in layout.lanes], extend=False)
    self._limits = np.stack(
      [np.resize(np.append(p.speed_limits, np.full(400, 30.0)), 400) for p in layout.lanes]
    )
    self._conflicts = _conflicts(layout.lanes)
    self._origins = sorted({path.origin for path in layout.lanes})
    self._next_arrival = {
      origin: float(rng.exponential(demand.headway_s * 0.5)) for origin in self._origins
    }
    self._phases = max((path.phase for path in layout.lanes), default=-1) + 1
    for x, y, heading in layout.parking:
      if rng.random() < 0.6:
        flip = np.pi * (rng.random() < 0.5)
        body = bodies.Body(
          create_actor(rng, rng.choice(['car', 'van'], p=[0.85, 0.15])),
          np.array([x, y]) + rng.normal(0, 0.15, 2), heading + flip + rng.normal(0, 0.03),
        )
        self.enter(body, 0, 0.0, 0.0, 0.0, parked=True)

  def fork(self) -> 'Traffic':
    """Returns a copy that can go another way."""
    other = copy.copy(self)
    other.rng = copy.deepcopy(self.rng)
    other.agents = []
    for agent in self.agents:
      twin = copy.copy(agent)
      twin.body = copy.copy(agent.body)
      other.agents.append(twin)
    other.cast, other.contacts = list(self.cast), list(self.contacts)
    other._next_arrival, other.arrivals = dict(self._next_arrival), list(self.arrivals)
    return other

  def enter(self, body: bodies.Body, lane: int, along: float, speed: float, desired: float,
            **state) -> Agent:
    """Puts a new agent on the stage."""
    agent = Agent(len(self.cast), body, lane, along, speed, desired, **state)
    self.cast.append(body.actor)
    self.agents.append(agent)
    return agent

  def agent(self, number: int) -> Agent | None:
    """Returns the agent of a number, or None if it has left."""
    return next((agent for agent in self.agents if agent.number == number), None)

  @staticmethod
  def _pad(polylines, extend=True) -> np.ndarray:
    """Stacks polylines into [p, 400, 2], carried straight on beyond their ends."""
    padded = np.zeros((len(polylines), 400, 2))
    for row, line in zip(padded, polylines):
      row[: len(line)] = line
      step = (line[-1] - line[-2]) if extend else 0.0
      row[len(line) :] = line[-1] + np.arange(1, 401 - len(line))[:, None] * step
    return padded

  @property
  def green_phase(self) -> int:
    """The signal phase that may go; -1 while all wait or without signals."""
    if not self._phases:
      return -1
    cycle = GREEN_S + ALL_RED_S
    position = self.time % (cycle * self._phases)
    return int(position // cycle) if position % cycle < GREEN_S else -1

  def path(self, agent: Agent) -> Path:
    """Returns the path an agent follows."""
    return (self.layout.lanes if agent.actor.is_vehicle else self.layout.walks)[agent.lane]

  def travel_times(self, lane: int, desired: float) -> np.ndarray:
    """Returns the seconds [n] in which a free driver reaches each metre of a lane."""
    speed = desired
    along, seconds = [0.0], [0.0]
    while along[-1] < self.layout.lanes[lane].length:
      speed += self._free_rate(lane, along[-1], speed, desired) * STEP_S
      along.append(along[-1] + speed * STEP_S)
      seconds.append(seconds[-1] + STEP_S)
    return np.interp(np.arange(len(self.layout.lanes[lane].points)), along, seconds)

  def _free_rate(self, lane: int, along: float, speed: float, desired: float) -> float:
    """Returns the acceleration on an empty road: towards the desired speed, slower in bends."""
    limits = self._limits[lane, int(along) : int(along) + 16]
    allowed = np.sqrt(limits**2 + 2 * 2.2 * _AHEAD[: len(limits)]).min()
    wanted = min(desired, allowed)
    return max(ACCELERATION * (1 - (speed / max(wanted, 0.1)) ** 4), -HARDEST_BRAKING)

  # arrivals

  def populate(self) -> None:
    """Lets new vehicles and walkers arrive."""
    for arrival in [arrival for arrival in self.arrivals if arrival.time <= self.time]:
      self.arrivals.remove(arrival)
      self._send_expected(arrival)
    expected = {
      self.layout.lanes[arrival.lane].origin
      for arrival in self.arrivals if arrival.kind != 'pedestrian'
    }  # fmt: skip
    for origin in self._origins:
      if self.time >= self._next_arrival[origin] and origin not in expected:
        # traffic comes in platoons
        close = self.rng.random() < 0.25
        wait = self.rng.uniform(1.2, 1.9) if close else self.rng.exponential(self.demand.headway_s)
        self._next_arrival[origin] = self.time + 0.6 + float(wait)
        self._send_vehicle(origin)
    walkers = sum(agent.walks for agent in self.agents)
    if walkers < self.demand.walkers and self.rng.random() < 0.3:
      self._send_walker(anywhere=self.time < 1.0)

  def _send_vehicle(self, origin: int) -> None:
    choices = [k for k, path in enumerate(self.layout.lanes) if path.origin == origin]
    if not self._has_room(self.layout.lanes[choices[0]].points[0]):
      return
    kind = str(self.rng.choice(list(self.demand.mix), p=list(self.demand.mix.values())))
    lane = int(self.rng.choice(choices))
    path = self.layout.lanes[lane]
    desired = max(4.5, self.rng.normal(self.demand.speed, 1.0))
    home = float(self.rng.normal(0, 0.12))
    if kind == 'bicycle':
      desired, home = self.rng.uniform(3.5, 5.0), 1.0
    body = bodies.Body(create_actor(self.rng, kind), path.points[0].copy(), path.headings[0])
    agent = self.enter(
      body, lane, 0.0, 0.8 * desired, desired, side=home, side_goal=home, home_side=home
    )
    self._settle(agent, 0.0)

  def _has_room(self, entry: np.ndarray) -> bool:
    """Tells whether no vehicle is near a point [2] where one is to enter."""
    for agent in self.agents:
      room = 10.0 + agent.actor.length / 2 + (5.0 if agent.actor.length > 6 else 0.0)
      if agent.actor.is_vehicle and np.hypot(*(agent.body.position - entry)) < room:
        return False
    return True

  def _send_expected(self, arrival: Arrival) -> None:
    """Lets somebody enter as arranged; nobody if the way is blocked."""
    walks = arrival.kind == 'pedestrian'
    path = (self.layout.walks if walks else self.layout.lanes)[arrival.lane]
    place = path.points[int(arrival.along)].copy()
    if not walks and not self._has_room(place):
      return
    actor = create_actor(self.rng, arrival.kind)
    body = bodies.Body(actor, place, path.headings[int(arrival.along)])
    agent = self.enter(
      body, arrival.lane, arrival.along, arrival.speed, arrival.speed, **arrival.state
    )
    self._settle(agent, 0.0)

  def _send_walker(self, anywhere: bool) -> None:
    lane = int(self.rng.integers(len(self.layout.walks)))
    path = self.layout.walks[lane]
    along = float(self.rng.uniform(0.1, 0.8)) * path.length if anywhere else 18.0
    if path.stop - 3 < along < path.clear + 1:
      along = path.stop - 3
    pace = float(self.rng.uniform(1.1, 1.7)) * (2.1 if self.rng.random() < 0.12 else 1.0)
    side = float(self.rng.uniform(-0.8, 0.8))
    body = bodies.Body(create_actor(self.rng, 'pedestrian'), path.points[int(along)].copy(), 0.0)
    agent = self.enter(body, lane, along, pace, pace, side=side, admitted=along > path.stop)
    self._settle(agent, 0.0)

  # one step

  def step(self) -> None:
    """Moves everything on by one frame."""
    self.time += STEP_S
    self.populate()
    for agent in self.agents:
      while agent.script and self.time >= agent.script[0][0]:
        for name, value in agent.script[0][1].items():
          setattr(agent, name, value)
        agent.script = agent.script[1:]
    drivers = [agent for agent in self.agents if agent.drives]
    owners, discs = self._discs()
    gaps = self._gaps(drivers, discs)
    rates = [self._drive(agent, row, owners, discs) for agent, row in zip(drivers, gaps)]
    for agent, rate in zip(drivers, rates):
      agent.slows = rate < -1.0 or (agent.speed < 0.3 and rate <= 0.2)
      agent.speed = max(0.0, agent.speed + rate * STEP_S)
      self._advance(agent)
    for agent in self.agents:
      if agent.walks:
        self._walk(agent, drivers)
      elif agent.body.loose and not agent.body.at_rest:
        agent.body.slide(STEP_S)
    self._touch()
    self._retire()

  def _discs(self) -> tuple[np.ndarray, np.ndarray]:
    """Returns what may be in the way: owners [m] and x, y, radius, vx, vy [m, 5]."""
    owners, rows = [], []
    for number, agent in enumerate(self.agents):
      body = agent.body
      (x, y), (vx, vy) = body.position, body.velocity
      if agent.actor.is_vehicle:
        half = agent.actor.width / 2
        count = max(1, math.ceil(agent.actor.length / 1.8))
        reach = max(agent.actor.length / 2 - half, 0.0) if count > 1 else 0.0
        cos, sin = reach * math.cos(body.heading), reach * math.sin(body.heading)
        for k in range(count):
          share = 2 * k / (count - 1) - 1 if count > 1 else 0.0
          rows.append((x + share * cos, y + share * sin, half, vx, vy))
        owners += [number] * count
        continue
      on_road = bool(agent.dash) or (agent.admitted and self._crossing(agent))
      # a walker about to be in the way counts where he will be
      for seconds in (0.0, 0.7, 1.4) if on_road else (0.0,):
        rows.append((x + seconds * vx, y + seconds * vy, 0.35, 0.0, 0.0))
        owners.append(number)
    return np.array(owners), np.array(rows).reshape(-1, 5)

  def _crossing(self, agent: Agent) -> bool:
    path = self.path(agent)
    return path.stop - 1.0 < agent.along < path.clear

  def corridor(self, agent: Agent, *, side_goal: float, behind: float = 0.0) -> np.ndarray:
    """Returns the points [LOOK_AHEAD_M, 2] that an agent is going to cover."""
    start = int(agent.along - behind)
    index = np.clip(start + np.arange(LOOK_AHEAD_M), 0, 399)
    blend = np.minimum(_AHEAD / 9.0, 1.0)[:, None]
    side = agent.side + (side_goal - agent.side) * blend
    normals = self._lane_normals[agent.lane, index]
    fraction = agent.along - behind - start
    ahead = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
    return self._lane_points[agent.lane, index] + side * normals + fraction * ahead

  def _gaps(self, drivers: list[Agent], discs: np.ndarray) -> np.ndarray:
    """Returns [n, m] the free metres before each driver would reach each disc."""
    if not drivers or not len(discs):
      return np.full((len(drivers), len(discs)), np.inf)
    state = np.array([(a.lane, a.along, a.side, a.side_goal, a.actor.width, a.actor.length)
                      for a in drivers])  # fmt: skip
    lanes, along, side, goal = state[:, 0].astype(int), state[:, 1], state[:, 2], state[:, 3]
    start = along.astype(int)
    index = np.minimum(start[:, None] + np.arange(LOOK_AHEAD_M), 399)
    aside = side[:, None] + (goal - side)[:, None] * np.minimum(_AHEAD / 9.0, 1.0)
    normals = self._lane_normals[lanes[:, None], index]
    points = self._lane_points[lanes[:, None], index] + aside[..., None] * normals  # n k 2
    points[..., 0] -= (along - start)[:, None] * normals[..., 1]
    points[..., 1] += (along - start)[:, None] * normals[..., 0]
    wide, long = state[:, 4:5] / 2 + SIDE_MARGIN_M, state[:, 5:6] / 2
    away = (points[:, :, None, 0] - discs[:, 0]) ** 2 + (points[:, :, None, 1] - discs[:, 1]) ** 2
    hit = away < ((wide + discs[:, 2]) ** 2)[:, None, :]
    first = np.where(hit.any(1), hit.argmax(1), np.inf)
    return first + wide - long

  def _drive(self, agent: Agent, gaps, owners, discs) -> float:
    """Returns the acceleration a driver chooses."""
    body, path = agent.body, self.path(agent)
    ahead = np.array([math.cos(body.heading), math.sin(body.heading)])
    for m in np.flatnonzero(np.isfinite(gaps)):
      other = self.agents[owners[m]]
      if other is agent:
        gaps[m] = np.inf
      elif agent.plot and other.plot == agent.plot:
        if agent.late:
          self._wake(agent, other, gaps[m], float(discs[m, 3:] @ ahead))
        gaps[m] = np.inf
    rate = self._free_rate(agent.lane, agent.along, agent.speed, agent.desired_speed)
    nearest = int(np.argmin(gaps)) if len(gaps) else -1
    blocked = nearest >= 0 and np.isfinite(gaps[nearest])
    if blocked:
      near = np.flatnonzero(gaps < gaps[nearest] + 8)
      rate = min(
        rate, *(self._follow(agent.speed, gaps[m], float(discs[m, 3:] @ ahead)) for m in near)
      )
    self._pass(agent, self.agents[owners[nearest]] if blocked else None, owners, discs)
    if not agent.admitted and not agent.careless:
      room = path.stop - agent.along - agent.actor.length / 2
      if room < agent.speed**2 / 4.5 + 5:
        agent.admitted = self._may_enter(agent, path)
      if not agent.admitted and room < 30:
        rate = min(rate, self._follow(agent.speed, room + 1.4, 0.0))
    if self.time < agent.braking_until:
      rate = min(rate, -agent.braking)
    elif self.time < agent.hold_until:
      rate = -3.0
    return min(max(float(rate), -max(HARDEST_BRAKING, agent.braking)), 4.0)

  @staticmethod
  def _follow(speed: float, gap: float, leader_speed: float) -> float:
    """The braking term of the intelligent driver model, as an acceleration limit."""
    closing = speed * (speed - leader_speed) / _BRAKING_SCALE
    wanted = STANDING_GAP_M + max(0.0, speed * TIME_GAP_S + closing)
    return ACCELERATION * (1 - (wanted / max(gap, 0.15)) ** 2)

  def _wake(self, agent: Agent, other: Agent, gap: float, leader_speed: float) -> None:
    """Makes a late driver notice when only hard braking still helps."""
    closing = agent.speed - leader_speed
    if closing > 0 and closing**2 / (2 * max(gap - 0.9, 0.1)) > 5.0:
      agent.plot, agent.script = 0, ()
      agent.braking, agent.braking_until = 9.0, self.time + 1.2

  def _pass(self, agent: Agent, leader: Agent | None, owners, discs) -> None:
    """Steers around what stands or crawls ahead when the way beside it is free."""
    home = agent.home_side
    if self.time < agent.swerves_until:
      return
    if agent.side_goal != home:
      back = self._free(agent, home, owners, discs, behind=agent.actor.length + 2, reach=18)
      if back:
        agent.side_goal = home
      return
    if leader is None or self.path(agent).stop - 20 < agent.along < self.path(agent).clear:
      agent.waiting = 0.0
      return
    stands = leader.speed < 0.3 or leader.body.loose
    crawls = leader.actor.kind == 'bicycle'
    agent.waiting += STEP_S * (stands or crawls)
    stuck = leader.body.loose or leader.parked or leader.hold_until > self.time
    if agent.waiting > (1.5 if stuck or crawls else 1e9):
      aside = home - (2.4 if crawls else 3.0)
      if self._free(agent, aside, owners, discs, behind=3.0, reach=LOOK_AHEAD_M):
        agent.side_goal, agent.waiting = aside, 0.0

  def _free(self, agent, side, owners, discs, *, behind, reach) -> bool:
    """Tells whether a parallel strip is free of others."""
    path = self.path(agent)
    start = int(max(agent.along - behind, 0))
    index = np.clip(start + np.arange(int(behind + reach)), 0, 399)
    points = self._lane_points[agent.lane, index] + side * self._lane_normals[agent.lane, index]
    if agent.along + reach > path.length + 8:
      return False
    mine = np.array([self.agents[o] is agent for o in owners])
    others = discs[~mine]
    away = np.linalg.norm(points[:, None] - others[None, :, :2], axis=-1)
    return not (away < agent.actor.width / 2 + 0.25 + others[:, 2]).any()

  def _may_enter(self, agent: Agent, path: Path) -> bool:
    if path.phase >= 0 and path.phase != self.green_phase:
      return False
    for other in self.agents:
      if other is agent or not other.drives:
        continue
      if self.path(other).origin == path.origin and not other.admitted:
        if other.along > agent.along:
          return False  # who waits behind another must not keep the junction from others
      if not self._conflicts[agent.lane, other.lane]:
        continue
      theirs = self.layout.lanes[other.lane]
      waits = other.careless and other.speed < 1 and other.along < theirs.stop
      inside = other.admitted and not waits
      if inside and other.along - other.actor.length / 2 < theirs.clear:
        return False
      room = theirs.stop - other.along
      first = path.minor and not theirs.minor and path.phase < 0
      if first and 0 < room < 3.0 * other.speed + 2 and other.speed > 1:
        return False
    return True

  def _advance(self, agent: Agent) -> None:
    """Puts a driver's body where his path, offset and speed have taken it."""
    drift = agent.side_goal - agent.side
    limit = min(0.28 * agent.speed, 2.2) * STEP_S
    shift = min(max(drift * 0.16, -limit), limit)
    agent.along += agent.speed * STEP_S
    agent.side += shift
    slant = math.atan2(-shift / STEP_S, max(agent.speed, 0.5)) if agent.speed > 0.3 else None
    self._settle(agent, slant)

  def _settle(self, agent: Agent, slant: float | None) -> None:
    path, body = self.path(agent), agent.body
    low = min(max(int(agent.along), 0), len(path.points) - 2)
    part = agent.along - low
    (x, y), (next_x, next_y) = path.points[low], path.points[low + 1]
    heading = path.headings[low] + min(part, 1) * (path.headings[low + 1] - path.headings[low])
    cos, sin = math.cos(heading), math.sin(heading)
    body.position = np.array(
      [x + part * (next_x - x) + agent.side * sin, y + part * (next_y - y) - agent.side * cos]
    )
    if slant is not None:
      goal = heading + slant
      turn = (goal - body.heading + math.pi) % (2 * math.pi) - math.pi
      body.spin = turn / STEP_S if self.time > 0 else 0.0
      body.heading = goal
    if agent.actor.kind in ('motorcycle', 'bicycle'):
      body.roll = min(max(-0.05 * agent.speed * body.spin, -0.45), 0.45)
    body.velocity = agent.speed * np.array([math.cos(body.heading), math.sin(body.heading)])

  # walkers

  def _walk(self, agent: Agent, drivers: list[Agent]) -> None:
    body = agent.body
    body.pitch_goal = math.pi / 2 if self.time < agent.down_until else 0.0
    body.lean(STEP_S)
    while agent.dash and self.time >= agent.dash[0][1]:
      agent.dash = agent.dash[1:]
      if not agent.dash:
        self._join_pavement(agent)
    if agent.errand and self.time >= agent.errand[0]:
      _, place, seconds = agent.errand
      agent.dash = (((place - body.position) / seconds, self.time + seconds),)
      agent.errand = None
    if agent.dash:
      body.velocity = np.asarray(agent.dash[0][0], float)
      body.position = body.position + body.velocity * STEP_S
      agent.speed = float(np.hypot(*body.velocity))
      if agent.speed > 0.1:
        body.heading = float(np.arctan2(body.velocity[1], body.velocity[0]))
      return
    path = self.path(agent)
    speed = agent.desired_speed
    if not agent.admitted and agent.along + 0.6 > path.stop:
      agent.admitted = self._may_cross(path, drivers)
      if not agent.admitted:
        speed = 0.0
    if speed and self._faces_vehicle(agent):
      speed = 0.0
    agent.speed = speed
    agent.along += speed * STEP_S
    low = min(max(int(agent.along), 0), len(path.points) - 2)
    part = agent.along - low
    (x, y), (next_x, next_y) = path.points[low], path.points[low + 1]
    heading = path.headings[low]
    dx = x + part * (next_x - x) + agent.side * math.sin(heading) - body.position[0]
    dy = y + part * (next_y - y) - agent.side * math.cos(heading) - body.position[1]
    distance = math.hypot(dx, dy)
    share = min(1.0, 1.3 * speed * STEP_S / max(distance, 1e-6))
    step = np.array([dx * share, dy * share])
    body.velocity = step / STEP_S
    body.position = body.position + step
    if distance * share > 0.02:
      body.heading = math.atan2(dy, dx)

  def _faces_vehicle(self, agent: Agent) -> bool:
    """Tells whether a walker had better not take the next step."""
    cos, sin = math.cos(agent.body.heading), math.sin(agent.body.heading)
    x, y = agent.body.position
    for other in self.agents:
      if not other.actor.is_vehicle:
        continue
      dx, dy = other.body.position[0] - x, other.body.position[1] - y
      half = other.actor.length / 2
      if dx * dx + dy * dy < (1.0 + half) ** 2 and dx * cos + dy * sin > 0:
        if other.speed > 0.5 or abs(dx * sin - dy * cos) < half:
          return True
    return False

  def _join_pavement(self, agent: Agent) -> None:
    """Lets a walker go on along the nearest pavement."""
    distances = [
      np.linalg.norm(path.points - agent.body.position, axis=1) for path in self.layout.walks
    ]
    agent.lane = int(np.argmin([distance.min() for distance in distances]))
    agent.along = float(np.argmin(distances[agent.lane]))
    agent.admitted = agent.along > self.path(agent).stop

  def _may_cross(self, path: Path, drivers: list[Agent]) -> bool:
    way = path.points[int(path.stop) : int(path.clear) + 1]
    for driver in drivers:
      need = driver.speed**2 / 4.0 + 2.5 * driver.speed * 0.5 + driver.actor.length / 2 + 3.5
      points = self.corridor(driver, side_goal=driver.side_goal)[: int(need) + 1]
      if np.hypot(*(driver.body.position - way[len(way) // 2])) > need + 8:
        continue
      if (np.linalg.norm(points[:, None] - way[None], axis=-1) < 1.6).any():
        return False
    return True

  # touching

  def _touch(self) -> None:
    """Finds bodies that touch, lets them exchange momentum, and notes it."""
    positions = np.array([agent.body.position for agent in self.agents]).reshape(-1, 2)
    reach = np.array(
      [np.hypot(agent.actor.length, agent.actor.width) / 2 for agent in self.agents]
    )
    gaps = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    close = np.argwhere(np.triu(gaps < reach[:, None] + reach[None] , 1))
    for first, second in close:
      a, b = self.agents[first], self.agents[second]
      if not (a.actor.is_vehicle or b.actor.is_vehicle) or (a.parked and b.parked):
        continue
      if a.body.at_rest and b.body.at_rest:
        continue
      found = bodies.overlap(a.body, b.body)
      if found is None:
        continue
      closing = bodies.strike(a.body, b.body, *found)
      self.contacts.append(Contact(self.time, a.number, b.number, closing, found[2]))
      self._loosen(a)
      self._loosen(b)

  def _loosen(self, agent: Agent) -> None:
    """Takes a struck body from its driver; people and two-wheelers fall."""
    body = agent.body
    body.at_rest = False
    agent.parked = False
    if body.loose:
      return
    body.loose = True
    if agent.walks or not agent.actor.is_vehicle:
      body.pitch_goal = float(self.rng.choice([-1, 1])) * np.pi / 2
      body.climb = min(0.28 * float(np.hypot(*body.velocity)), 3.0)
    elif agent.actor.kind in ('motorcycle', 'bicycle'):
      body.roll_goal = float(self.rng.choice([-1, 1])) * 1.45
      body.mounted = False
      self._throw_rider(agent)

  def _throw_rider(self, agent: Agent) -> None:
    body = agent.body
    rider = create_actor(self.rng, 'pedestrian')
    rider = dataclasses.replace(rider, paint=agent.actor.accent, accent=agent.actor.accent)
    away = body.velocity + self.rng.normal(0, 1.2, 2)
    thrown = bodies.Body(
      rider, body.position.copy(), float(np.arctan2(away[1], away[0])), away,
      spin=float(self.rng.normal(0, 1.5)), height=0.4, climb=float(self.rng.uniform(1.0, 2.4)),
      pitch_goal=np.pi / 2, loose=True,
    )  # fmt: skip
    fallen = self.enter(thrown, 0, 0.0, 0.0, 0.0)
    self.contacts.append(Contact(self.time, agent.number, fallen.number, 0.0, body.position))

  def _retire(self) -> None:
    """Lets those leave who have reached the end of their path."""
    self.agents = [
      agent for agent in self.agents
      if not (agent.drives or agent.walks) or agent.along <= self.path(agent).length - 1.5
    ]


def _normals(path: Path) -> np.ndarray:
  """Returns the unit vectors [n, 2] to the right of a path."""
  return np.stack([np.sin(path.headings), -np.cos(path.headings)], axis=1)


def _conflicts(lanes: list[Path]) -> np.ndarray:
  """Returns bool [p, p]: whether two paths of different origins cross inside the junction."""
  found = np.zeros((len(lanes), len(lanes)), bool)
  for i, a in enumerate(lanes):
    for j, b in enumerate(lanes):
      if a.origin == b.origin or not np.isfinite(a.stop + b.stop):
        continue
      one = a.points[int(a.stop) : int(a.clear)]
      two = b.points[int(b.stop) : int(b.clear)]
      found[i, j] = np.linalg.norm(one[:, None] - two[None], axis=-1).min() < 2.7
  return found
