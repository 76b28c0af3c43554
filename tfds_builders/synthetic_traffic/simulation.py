"""From a site and a seed to a recording, with or without an accident in it.

An accident is first tried on a fork of the world: if it does not come out as wanted (too
gentle, hidden, outside the image), the fork is dropped, the traffic goes on a little and another
is tried. A near miss that touches is undone.
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
ACCIDENTS = incidents.ACCIDENTS

WARM_UP_FRAMES = 150
LEAD_FRAMES = 6  # 0.4 s before contact
SHORTEST, LONGEST = 24, 60  # frames of an accident
SMALLEST_SIDE = 56  # pixels
LARGEST_HIDDEN = 0.2  # share of the truth boxes behind other road users
SLOWEST_CONTACT = 4.0  # m/s: less is hardly seen
EARLIEST, LATEST = 0.15, 0.85  # shares of the video
HARMLESS_PER_FRAME, NEAR_MISSES_PER_FRAME = 0.03, 0.01
_WATCHED_FRAMES = 400  # a near miss that touches within these is undone
_PATIENCE_FRAMES = 1500
_ON_THE_WAY_S = 7.5  # from the edge of the scene to the place of an accident, at most


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
        self.particles.burst(place, amount=int(3 + contact.closing), speed=2.0)
        self.particles.smoke(place, amount=int(contact.closing), grey=150.0, size=0.5)
    for agent in self.traffic.agents:
      hard = agent.drives and agent.braking > 6 and self.traffic.time < agent.braking_until
      if self.traffic.time < agent.smoking_until or (hard and agent.number % 3 == 0):
        grey = float(120 + 31 * (agent.number % 4))
        self.particles.smoke(agent.tail(0.35), amount=1, grey=grey)
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
  for attempt in range(8):
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
    self._world = create_world(site, rng)
    self._saved: tuple[int, World] | None = None  # before the last near miss
    self._plots = 0
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
      self._plots += 1
      self._truth = _attempt_accident(trial, self._site, self._category, self._plots, self._rng)
      if self._truth is not None:
        self._world, self._saved = trial, None
        return True
      if not self._go_on(until=len(self._world.rows) + 4):
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
    rng = self._rng
    if rng.random() < HARMLESS_PER_FRAME:
      name = str(rng.choice(list(incidents.HARMLESS)))
      incidents.HARMLESS[name](self._stage(self._world))
    if rng.random() < NEAR_MISSES_PER_FRAME and not self._world.traffic.arrivals:
      self._saved = len(self._world.rows), self._world.fork()
      self._plots += 1
      category = str(rng.choice(ACCIDENTS))
      _arrange(self._stage(self._world), category, self._plots, collide=False)

  def _stage(self, world: World) -> incidents.Stage:
    return incidents.Stage(world.traffic, world.particles, self._site.camera, self._rng)


def _arrange(stage: incidents.Stage, category: str, plot: int, *, collide: bool) -> bool:
  """Sends those who are to meet on their way; False if the place does not allow it."""
  arrivals = incidents.arrange(stage, category, collide=collide)
  for arrival in arrivals:
    stage.traffic.arrivals.append(
      dataclasses.replace(arrival, state=arrival.state | {'plot': plot})
    )
  return bool(arrivals)


def _attempt_accident(trial: World, site: Site, category: str, plot: int, rng) -> Tube | None:
  """Makes the accident happen in a forked world; None if it does not come out as wanted."""
  stage = incidents.Stage(trial.traffic, trial.particles, site.camera, rng)
  if not _arrange(stage, category, plot, collide=True):
    return None
  known = len(trial.traffic.contacts)
  last = max(arrival.time for arrival in trial.traffic.arrivals) + _ON_THE_WAY_S
  while len(trial.traffic.contacts) == known:
    if trial.traffic.time > last:
      return None
    trial.step()
  contact = trial.traffic.contacts[known]
  concerned = [trial.traffic.agent(n) for n in (contact.first, contact.second)]
  if contact.closing < SLOWEST_CONTACT or any(agent.plot != plot for agent in concerned):
    return None
  first = len(trial.rows) - 1
  for _ in range(LONGEST - LEAD_FRAMES - 1):
    trial.step()
    involved = _involved(trial, known)
    agents = [trial.traffic.agent(n) for n in involved]
    if all(agent is not None and agent.body.at_rest for agent in agents):
      break
  else:
    return None
  if _category(trial, set(involved)) != category:
    return None
  return _truth(trial, site, involved, first - LEAD_FRAMES, len(trial.rows))


def _involved(world: World, known: int) -> dict[int, int]:
  """Returns the frame of the first contact of each who touched after `known` contacts."""
  involved = {}
  for contact in world.traffic.contacts[known:]:
    frame = round(contact.time / STEP_S) - 1
    for number in (contact.first, contact.second):
      involved.setdefault(number, frame)
  return involved


def _category(world: World, involved: set[int]) -> str:
  cast = [world.traffic.cast[number] for number in involved]
  riders = sum(actor.kind in incidents.TWO_WHEELERS for actor in cast)
  people = sum(actor.kind == 'pedestrian' for actor in cast) - riders
  vehicles = sum(actor.is_vehicle for actor in cast)
  if people > 0:
    return incidents.PEDESTRIAN
  if vehicles > 2:
    return incidents.PILE_UP
  return incidents.MOTORCYCLE if riders else incidents.VEHICLES


def _truth(
  world: World, site: Site, involved: dict[int, int], start: int, stop: int
) -> Tube | None:
  """Returns the union boxes of those involved by then, or None if they are not well visible."""
  if not SHORTEST <= stop - start <= LONGEST:
    return None
  boxes, shares, hidden = [], [], []
  for frame in range(start, stop):
    row = world.rows[frame]
    outlines = {
      n: silhouette(site.camera, world.traffic.cast[n], np.array(pose)) for n, pose in row.items()
      if site.camera.sees(pose[:2], -150)
    }  # fmt: skip
    parts = np.array([
      outlines[n] for n, contact in involved.items()
      if n in outlines and frame >= contact - LEAD_FRAMES
    ])  # fmt: skip
    if not len(parts):
      return None
    whole = np.concatenate([parts[:, :2].min(0), parts[:, 2:].max(0)])
    seen = np.clip(whole, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes.append(seen)
    shares.append(np.prod(seen[2:] - seen[:2]) / np.prod(whole[2:] - whole[:2]))
    others = [box for n, box in outlines.items() if n not in involved and box[3] > parts[:, 3].max()]
    hidden.append(_hidden_share(parts, others))
  boxes = np.array(boxes, np.float32)
  sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
  if min(shares) < 0.6 or np.mean(shares) < 0.85 or np.median(sides) < SMALLEST_SIDE:
    return None
  return Tube(start, boxes, TubeKind.TRUTH) if np.mean(hidden) < LARGEST_HIDDEN else None


def _hidden_share(parts: np.ndarray, nearer: list[np.ndarray]) -> float:
  """Returns which share of boxes [n, 4] is covered by those of nearer bodies."""
  shown, cover = np.zeros((2, HEIGHT // 4, WIDTH // 4), bool)
  for mask, boxes in ((shown, parts), (cover, nearer)):
    for box in boxes:
      x0, y0, x1, y1 = np.clip(np.rint(box / 4), 0, None).astype(int)
      mask[y0 : y1 + 1, x0 : x1 + 1] = True
  return float((shown & cover).sum() / max(shown.sum(), 1))
