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
from tfds_builders.synthetic_traffic.traffic import Traffic
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
_WATCHED_FRAMES = 75


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

  def recording(self) -> Recording:
    """Returns everything since the warm-up."""
    rows = self.rows[WARM_UP_FRAMES:]
    poses = np.full((len(rows), len(self.traffic.cast), 8), np.nan, np.float32)
    for frame, row in enumerate(rows):
      for number, pose in row.items():
        poses[frame, number] = pose
    return Recording(
      tuple(self.traffic.cast), poses, self.puffs[WARM_UP_FRAMES:],
      np.array(self.signals[WARM_UP_FRAMES:], np.int8),
    )


def _pose(agent, time: float) -> tuple:
  body, variant = agent.body, 0
  if agent.actor.kind == 'pedestrian' and agent.walks and agent.speed > 0.2:
    variant = int(time * (3.0 + 2.2 * agent.speed) + agent.number) % 4
  elif agent.actor.kind in incidents.TWO_WHEELERS:
    variant = int(body.mounted)
  return (*body.position, body.height, body.heading, body.roll, body.pitch, variant,
          float(agent.slows))  # fmt: skip


def create_world(site: Site, rng: np.random.Generator) -> World:
  """Returns the world of a site after its warm-up."""
  seeds = rng.integers(2**31, size=2)
  world = World(
    Traffic(site.layout, site.demand, np.random.default_rng(seeds[0])),
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
  for attempt in range(40):
    rng = np.random.default_rng([seed, attempt])
    found = _simulate_once(site, category, rng)
    if found is not None:
      return found
  raise RuntimeError(f'no {category} came about at site {site.seed} with traffic seed {seed}')


def _simulate_once(site: Site, category: str, rng: np.random.Generator):
  num_frames = int(rng.integers(24 * FRAMES_PER_SECOND, 36 * FRAMES_PER_SECOND + 1))
  world = create_world(site, rng)
  if world.traffic.contacts:
    return None
  times = np.sort(rng.uniform(0.03, 0.93, int(rng.integers(8, 13)))) * num_frames
  names = [*incidents.HARMLESS, *_MISTAKES, *_MISTAKES]
  pending = [(int(t), str(rng.choice(names))) for t in times]
  accident_frame = int(rng.uniform(EARLIEST, LATEST - 0.12) * num_frames)
  truth = None
  while len(world.rows) < WARM_UP_FRAMES + num_frames:
    frame = len(world.rows) - WARM_UP_FRAMES
    if category != NORMAL and truth is None and frame >= accident_frame and frame % 3 == 0:
      if frame > (LATEST - 0.06) * num_frames:
        return None
      trial = world.fork()
      truth = _attempt_accident(trial, site, category, rng, num_frames)
      if truth is not None:
        world = trial
        continue
    due = [entry for entry in pending if entry[0] <= frame and frame % 4 == 0]
    if due and not _attempt_harmless(world, site, due[0][1], rng):
      world.step()
      if frame - due[0][0] > 60:
        pending.remove(due[0])
      continue
    if due:
      pending.remove(due[0])
    num_contacts = len(world.traffic.contacts)
    world.step()
    if _fresh_contacts(world, num_contacts, truth is not None):
      return None
  world.rows, world.puffs = world.rows[: WARM_UP_FRAMES + num_frames], world.puffs
  return world.recording(), truth


def _fresh_contacts(world: World, known: int, after_accident: bool) -> bool:
  return any(contact.closing > 0.2 for contact in world.traffic.contacts[known:])


_MISTAKES = {
  'rear_end': incidents.rear_end,
  'crossing': incidents.crossing,
  'sideswipe': incidents.sideswipe,
  'walker_steps_out': incidents.walker_steps_out,
}


def _stage(world: World, site: Site, rng: np.random.Generator) -> incidents.Stage:
  return incidents.Stage(world.traffic, world.particles, site.camera, rng)


def _attempt_harmless(world: World, site: Site, name: str, rng: np.random.Generator) -> bool:
  """Starts a harmless incident if there is an opportunity and it stays harmless."""
  trial = world.fork()
  stage = _stage(trial, site, rng)
  state = rng.bit_generator.state
  if name in _MISTAKES:
    started = _MISTAKES[name](stage, False, lambda a, b: True) is not None
  else:
    started = incidents.HARMLESS[name](stage)
  if not started:
    return False
  known = len(trial.traffic.contacts)
  for _ in range(45):
    trial.step()
    if len(trial.traffic.contacts) > known:
      return False
  rng.bit_generator.state = state
  stage = _stage(world, site, rng)
  if name in _MISTAKES:
    _MISTAKES[name](stage, False, lambda a, b: True)
  else:
    incidents.HARMLESS[name](stage)
  return True


def _attempt_accident(trial: World, site: Site, category: str, rng, num_frames) -> Tube | None:
  """Makes the accident happen in a forked world; None if it does not come out as wanted."""
  stage = _stage(trial, site, rng)
  concerned = None
  for mistake, options in _ways(category, rng):
    concerned = mistake(stage, True, **options)
    if concerned:
      break
  if not concerned:
    return None
  known = len(trial.traffic.contacts)
  started = len(trial.rows)
  while len(trial.traffic.contacts) == known:
    if len(trial.rows) > started + 50:
      return None
    trial.step()
  first = len(trial.rows) - 1
  for _ in range(LONGEST):
    trial.step()
    involved = {n for c in trial.traffic.contacts[known:] for n in (c.first, c.second)}
    agents = [trial.traffic.agent(n) for n in involved]
    if all(agent is not None and agent.body.at_rest for agent in agents):
      break
  else:
    return None
  if len(trial.rows) > WARM_UP_FRAMES + LATEST * num_frames + LONGEST:
    return None
  if _category(trial, involved) != category:
    return None
  return _truth(trial, site, involved, first - LEAD_FRAMES, len(trial.rows))


def _ways(category: str, rng: np.random.Generator):
  """Returns the mistakes that can lead to a category, in random order, with their options."""

  def fits(a, b):
    two = a.actor.kind in incidents.TWO_WHEELERS, b.actor.kind in incidents.TWO_WHEELERS
    return any(two) and not all(two) if category == MOTORCYCLE else not any(two)

  if category == PEDESTRIAN:
    return [(incidents.walker_steps_out, {'fits': lambda a, b: True})]
  if category == PILE_UP:
    return [(incidents.rear_end, {'fits': fits, 'victims': 2})]
  ways = [incidents.rear_end, incidents.crossing, incidents.sideswipe]
  rng.shuffle(ways)
  return [(way, {'fits': fits}) for way in ways]


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
  if min(shares) < 0.8 or np.median(sides) < SMALLEST_SIDE:
    return None
  return Tube(start - WARM_UP_FRAMES, boxes, TubeKind.TRUTH)
