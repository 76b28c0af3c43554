"""From a site and a seed to a recording, with or without an accident in it.

An incident is first tried on a fork of the world: if it does not come out as wanted (a near
miss that touches, an accident that ends outside the image), the fork is dropped and the
traffic goes on until the next opportunity.
"""

import dataclasses

import numpy as np

from tfds_builders.synthetic_traffic import incidents
from tfds_builders.synthetic_traffic import recording as rec
from tfds_builders.synthetic_traffic.camera import HEIGHT, WIDTH
from tfds_builders.synthetic_traffic.drawing import silhouette
from tfds_builders.synthetic_traffic.particles import Particles
from tfds_builders.synthetic_traffic.recording import FRAMES_PER_SECOND, STEP_S, Recording
from tfds_builders.synthetic_traffic.sites import Site
from tfds_builders.synthetic_traffic.traffic import Demand, Traffic
from wsstad_jax.core.records import Tube, TubeKind

NORMAL = 'normal'
VEHICLES, PEDESTRIAN, MOTORCYCLE, PILE_UP = (
  'vehicle_vehicle', 'vehicle_pedestrian', 'motorcycle_car', 'pile_up',
)  # fmt: skip
ACCIDENTS = (VEHICLES, PEDESTRIAN, MOTORCYCLE, PILE_UP)

WARM_UP_FRAMES = 150
LEAD_FRAMES = 6  # 0.4 s before contact
SHORTEST, LONGEST = 33, 60  # frames of an accident
SMALLEST_SIDE = 50  # pixels
EARLIEST, LATEST = 0.15, 0.85  # shares of the video
INCIDENTS_PER_FRAME = 0.03
_WATCHED_FRAMES = 90  # a near miss that touches within these is undone
_PATIENCE_FRAMES = 1800


@dataclasses.dataclass
class World:
  """Traffic, particles and all that has been recorded of them."""

  traffic: Traffic
  particles: Particles
  rows: list[dict[int, tuple]]
  puffs: list[list[rec.Puff]]
  signals: list[int]

  def fork(self) -> 'World':
    """Returns a copy that can go another way."""
    return World(
      self.traffic.fork(), self.particles.fork(), list(self.rows), list(self.puffs),
      list(self.signals),
    )

  def step(self) -> None:
    """Moves on by one frame and records it."""
    known = len(self.traffic.contacts)
    self.traffic.step()
    for contact in self.traffic.contacts[known:]:
      if contact.closing > 1.0:
        place = np.array([*contact.place, 0.5])
        self.particles.burst(place, amount=int(4 + 1.5 * contact.closing), speed=2.0)
        self.particles.smoke(place, amount=int(contact.closing / 1.5), grey=150.0)
    for agent in self.traffic.agents:
      hard = agent.drives and agent.braking > 6 and self.traffic.time < agent.braking_until
      if self.traffic.time < agent.smoking_until or (hard and agent.number % 3 == 0):
        ahead = np.array([np.cos(agent.body.heading), np.sin(agent.body.heading), 0.0])
        tail = np.array([*agent.body.position, 0.35]) - 0.5 * agent.actor.length * ahead
        self.particles.smoke(tail, amount=1, grey=float(120 + 31 * (agent.number % 4)))
    self.particles.step()
    self.rows.append({agent.number: _pose(agent, self.traffic.time)
                      for agent in self.traffic.agents})  # fmt: skip
    self.puffs.append(self.particles.puffs())
    self.signals.append(self.traffic.green_phase)

  def recording(self, start: int, stop: int) -> Recording:
    """Returns the frames start .. stop - 1."""
    rows = self.rows[start:stop]
    poses = np.full((len(rows), len(self.traffic.cast), 8), np.nan, np.float32)
    for frame, row in enumerate(rows):
      for number, pose in row.items():
        poses[frame, number] = pose
    return Recording(
      tuple(self.traffic.cast), poses, self.puffs[start:stop],
      np.array(self.signals[start:stop], np.int8),
    )


def _pose(agent, time: float) -> tuple:
  body, variant = agent.body, 0
  if agent.actor.kind == 'pedestrian' and agent.walks and agent.speed > 0.2:
    variant = int(time * (3.0 + 2.2 * agent.speed) + agent.number) % 4
  elif agent.actor.kind in incidents.TWO_WHEELERS:
    variant = int(body.mounted)
  return (*body.position, body.height, body.heading, body.roll, body.pitch, variant,
          float(agent.slows))  # fmt: skip


def themed_demand(demand: Demand, theme: str) -> Demand:
  """Returns the traffic of a video in which accidents of a category are likely.

  Normal videos have themes as well, in equal shares, so that the traffic tells nothing.
  """
  if theme == PEDESTRIAN:
    return dataclasses.replace(demand, walkers=demand.walkers + 3)
  if theme == MOTORCYCLE:
    mix = {kind: share * (3 if kind == 'motorcycle' else 1) for kind, share in demand.mix.items()}
    total = sum(mix.values())
    mix = {kind: share / total for kind, share in mix.items()}
    return dataclasses.replace(demand, mix=mix, headway_s=0.7 * demand.headway_s)
  return dataclasses.replace(demand, headway_s=0.6 * demand.headway_s)


def create_world(site: Site, demand: Demand, rng: np.random.Generator) -> World:
  """Returns the world of a site after its warm-up."""
  seeds = rng.integers(2**31, size=2)
  world = World(
    Traffic(site.layout, demand, np.random.default_rng(seeds[0])),
    Particles(np.random.default_rng(seeds[1])), [], [], [],
  )  # fmt: skip
  for _ in range(WARM_UP_FRAMES):
    world.step()
  return world


def simulate(site: Site, *, category: str, seed: int) -> tuple[Recording, Tube | None]:
  """Returns a recording and, for an accident category, its truth tube.

  Args:
    site: where.
    category: NORMAL or one of ACCIDENTS.
    seed: of the traffic.

  Raises:
    RuntimeError: no accident of the category came about in many attempts.
  """
  for attempt in range(5):
    found = _Play(site, category, np.random.default_rng([seed, attempt])).run()
    if found is not None:
      return found
  raise RuntimeError(f'no {category} came about at site {site.seed} with traffic seed {seed}')


class _Play:
  """One attempt at a video: traffic goes on, with incidents, until its accident has happened.

  The video is cut from the play so that the accident lies at its randomly chosen time.
  """

  def __init__(self, site: Site, category: str, rng: np.random.Generator):
    self._site, self._category, self._rng = site, category, rng
    self._num_frames = int(rng.integers(20 * FRAMES_PER_SECOND, 30 * FRAMES_PER_SECOND + 1))
    theme = str(rng.choice(ACCIDENTS)) if category == NORMAL else category
    self._world = create_world(site, themed_demand(site.demand, theme), rng)
    self._pending: list[tuple[int, str]] = []  # (frame of expiry, name) of incidents
    self._saved: tuple[int, World] | None = None  # before the last near miss
    self._truth: Tube | None = None

  def run(self) -> tuple[Recording, Tube | None] | None:
    """Returns recording and truth, or None if it came out badly."""
    if self._world.traffic.contacts:
      return None
    if self._category == NORMAL:
      start = WARM_UP_FRAMES + int(self._rng.integers(0, 400))
      found = self._go_on(until=start + self._num_frames)
    else:
      last = LATEST * self._num_frames - LONGEST
      offset = int(self._rng.uniform(EARLIEST * self._num_frames, last))
      if not self._go_on(until=WARM_UP_FRAMES + offset) or not self._seek_accident():
        return None
      start = self._truth.start - offset
      found = self._go_on(until=start + self._num_frames)
    if not found:
      return None
    truth = self._truth and dataclasses.replace(self._truth, start=self._truth.start - start)
    return self._world.recording(start, start + self._num_frames), truth

  def _seek_accident(self) -> bool:
    while len(self._world.rows) < _PATIENCE_FRAMES:
      trial = self._world.fork()
      self._truth = _attempt_accident(trial, self._site, self._category, self._rng)
      if self._truth is not None:
        self._world, self._saved = trial, None
        return True
      if not self._go_on(until=len(self._world.rows) + 2):
        return False
    return False

  def _go_on(self, *, until: int) -> bool:
    """Runs to a frame; False if somebody touched who should not have."""
    while len(self._world.rows) < until:
      self._play_incidents()
      known = len(self._world.traffic.contacts)
      self._world.step()
      if any(contact.closing > 0.2 for contact in self._world.traffic.contacts[known:]):
        if self._saved is None or len(self._world.rows) > self._saved[0] + _WATCHED_FRAMES:
          return False
        self._world, self._saved = self._saved[1], None  # the near miss was none: without it
    return True

  def _play_incidents(self) -> None:
    rng, frame = self._rng, len(self._world.rows)
    if rng.random() < INCIDENTS_PER_FRAME:
      self._pending.append((frame + 60, str(rng.choice(_INCIDENT_NAMES))))
    for entry in list(self._pending):
      expiry, name = entry
      if frame % 3 or frame > expiry:
        if frame > expiry:
          self._pending.remove(entry)
        continue
      stage = incidents.Stage(
        self._world.traffic, self._world.particles, self._site.camera, rng
      )
      before = self._world.fork() if name in _MISTAKES else None
      if name in _MISTAKES:
        started = _MISTAKES[name](stage, False, lambda a, b: True) is not None
      else:
        started = incidents.HARMLESS[name](stage)
      if started:
        self._pending.remove(entry)
        if before is not None:
          self._saved = frame, before


_MISTAKES = {
  'rear_end': incidents.rear_end,
  'crossing': incidents.crossing,
  'sideswipe': incidents.sideswipe,
  'walker_steps_out': incidents.walker_steps_out,
}
# near misses are the look-alikes that matter most
_INCIDENT_NAMES = (*incidents.HARMLESS, *_MISTAKES, *_MISTAKES)


def _attempt_accident(trial: World, site: Site, category: str, rng) -> Tube | None:
  """Makes the accident happen in a forked world; None if it does not come out as wanted."""
  stage = incidents.Stage(trial.traffic, trial.particles, site.camera, rng)
  concerned = None
  for mistake in _ways(category, rng):
    concerned = mistake(stage, True, _fits(category))
    if concerned:
      break
  if not concerned or (category == PILE_UP and not incidents.draw_in(stage, concerned)):
    return None
  known = len(trial.traffic.contacts)
  started = len(trial.rows)
  while len(trial.traffic.contacts) == known:
    if len(trial.rows) > started + 70:
      return None
    trial.step()
  first = len(trial.rows) - 1
  for _ in range(LONGEST - LEAD_FRAMES - 1):
    trial.step()
    involved = {n for c in trial.traffic.contacts[known:] for n in (c.first, c.second)}
    agents = [trial.traffic.agent(n) for n in involved]
    if all(agent is not None and agent.body.at_rest for agent in agents):
      break
  else:
    return None
  if _category(trial, involved) != category:
    return None
  return _truth(trial, site, involved, first - LEAD_FRAMES, len(trial.rows))


def _fits(category: str):
  """Returns which pairs of drivers an accident of a category begins with."""

  def fits(a, b):
    two = a.actor.kind in incidents.TWO_WHEELERS, b.actor.kind in incidents.TWO_WHEELERS
    if category == PEDESTRIAN:
      return not two[0]
    return any(two) and not all(two) if category == MOTORCYCLE else not any(two)

  return fits


def _ways(category: str, rng: np.random.Generator) -> list:
  """Returns the mistakes that can lead to a category, in random order."""
  if category == PEDESTRIAN:
    return [incidents.walker_steps_out]
  ways = [incidents.rear_end, incidents.crossing, incidents.sideswipe]
  rng.shuffle(ways)
  return ways


def _category(world: World, involved: set[int]) -> str:
  cast = [world.traffic.cast[number] for number in involved]
  riders = sum(actor.kind in incidents.TWO_WHEELERS for actor in cast)
  people = sum(actor.kind == 'pedestrian' for actor in cast) - riders
  vehicles = sum(actor.is_vehicle for actor in cast)
  if people > 0:
    return PEDESTRIAN
  if vehicles > 2:
    return PILE_UP
  return MOTORCYCLE if riders else VEHICLES


def _truth(world: World, site: Site, involved: set[int], start: int, stop: int) -> Tube | None:
  """Returns the union boxes of those involved, or None if they are not well visible."""
  if not SHORTEST <= stop - start <= LONGEST:
    return None
  boxes, shares = [], []
  for frame in range(start, stop):
    row = world.rows[frame]
    parts = np.array([
      silhouette(site.camera, world.traffic.cast[n], np.array(row[n]))
      for n in involved if n in row
    ])  # fmt: skip
    whole = np.concatenate([parts[:, :2].min(0), parts[:, 2:].max(0)])
    seen = np.clip(whole, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes.append(seen)
    shares.append(np.prod(seen[2:] - seen[:2]) / np.prod(whole[2:] - whole[:2]))
  boxes = np.array(boxes, np.float32)
  sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
  if min(shares) < 0.55 or np.mean(shares) < 0.8 or np.median(sides) < SMALLEST_SIDE:
    return None
  return Tube(start, boxes, TubeKind.TRUTH)
