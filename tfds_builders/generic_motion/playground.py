"""Road users that move at random: each factor of motion comes and goes on its own.

There is no traffic and no accident here. Bodies cross the view along common directions or
their own, keep off each other or not, queue, brake, turn, drift, fall, smoke, shed, bump and
slide in every combination, at sites of their own. Frames are recorded as those of traffic
are, together with the factors of motion of every body.
"""

import dataclasses

import numpy as np

from tfds_builders.synthetic_traffic import actors
from tfds_builders.synthetic_traffic import bodies
from tfds_builders.synthetic_traffic import recording as rec
from tfds_builders.synthetic_traffic.particles import Particles
from tfds_builders.synthetic_traffic.sites import Site

# per body and frame, in this order; rates are means over _SMOOTH_FRAMES
FACTORS = (
  'speed',  # body lengths (at least 1.5 m) per second
  'turning',  # rad/s, of the course, but by knocks
  'spinning',  # rad/s, of the heading beyond that of the course
  'braking',  # m/s^2, but by knocks
  'accelerating',  # m/s^2, but by knocks
  'jolt',  # m/s, change of velocity within 0.2 s
  'impulse',  # m/s, change of velocity by knocks within 0.2 s
  'twist',  # rad/s, change of the rate of the heading within 0.2 s
  'nearness',  # 1 at contact with another body, 0 at NEAR_M
  'touching',  # 0 or 1, contact with another body
  'lying',  # 0 or 1
)
NEAR_M = 3.0
_KINDS = ('car', 'van', 'lorry', 'bus', 'motorcycle', 'bicycle', 'pedestrian')
_SHARES = (0.50, 0.08, 0.04, 0.02, 0.12, 0.07, 0.17)
_REACH_M = 14.0
_SMOOTH_FRAMES = 5
_KNOCK_FRAMES = 3
_LEAST_KNOCK = 0.3  # m/s
_RATE = rec.FRAMES_PER_SECOND


@dataclasses.dataclass(eq=False)
class _Driver:
  """What a body is up to; goals change at random times."""

  body: bodies.Body
  course: float  # radians, of the velocity
  cruise: float  # m/s
  careful: bool = True  # keeps off what is ahead
  speed: float = 0.0  # m/s
  speed_goal: float = 0.0
  push: float = 3.0  # m/s^2, towards the goal
  turns: list = dataclasses.field(default_factory=list)  # (rad/s, until s)
  spin: float = 0.0  # rad/s, beyond the turn
  chased: bodies.Body | None = None
  changes_at: float = 0.0  # s
  loose_until: float = -1.0
  smokes_until: float = -1.0
  sheds_until: float = -1.0
  lies_until: float = -1.0

  @property
  def walks(self) -> bool:
    """Whether it goes on foot."""
    return self.body.actor.kind == 'pedestrian'


@dataclasses.dataclass(frozen=True)
class Playing:
  """A finished recording and the factors of motion in it: float32 [f, a, len(FACTORS)]."""

  recording: rec.Recording
  factors: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Manners:
  """What bodies of one video have in common.

  Attributes:
    courses: radians, common directions of motion; empty for none.
    crowd: bodies in view.
    careful: share of bodies that keep off what is ahead.
    pace: m/s, of most vehicles.
    steam: point [3] on the ground that smokes at times, or None.
  """

  courses: np.ndarray
  crowd: int
  careful: float
  pace: float
  steam: np.ndarray | None


def play(site: Site, *, num_frames: int, rng: np.random.Generator) -> Playing:
  """Returns `num_frames` of bodies that come and go and move at random in view of the site."""
  particles = Particles(rng)
  manners = _create_manners(site, rng)
  cast, present = [], []
  puffs, rows = [], []
  for frame in range(-_RATE, num_frames):  # the first second settles
    time = frame * rec.STEP_S
    present = [driver for driver in present if site.camera.sees(driver.body.position, -40)]
    if len(present) < manners.crowd and (frame < 0 or rng.random() < 0.15):
      if (driver := _enter(site, manners, present, frame < 0, rng)) is not None:
        present.append(driver)
        cast.append(driver)
    for driver in present:
      _decide(driver, present, manners, time, particles, rng)
      _move(driver, present, time)
    knocks, near = _touch(present, time, particles, rng)
    _emit(present, manners, time, particles, rng)
    particles.step()
    if frame >= 0:
      puffs.append(particles.puffs())
      rows.append({
        driver: (_pose(driver, time, cast.index(driver)), driver.body.velocity.copy(),
                 knocks.get(driver, 0.0), near.get(driver, NEAR_M))
        for driver in present
      })  # fmt: skip
  return _playing(cast, rows, puffs)


def _create_manners(site: Site, rng: np.random.Generator) -> _Manners:
  main = rng.uniform(-np.pi, np.pi)
  courses = main + np.array([0, np.pi, np.pi / 2, -np.pi / 2])[: rng.choice([0, 1, 2, 2, 4])]
  steam = np.array([*_place(site, rng), 0.3]) if rng.random() < 0.2 else None
  return _Manners(
    courses, int(rng.integers(4, 12)), float(rng.choice([0.9, 0.5, 0.15])),
    float(rng.uniform(5, 11)), steam,
  )


def _place(site: Site, rng: np.random.Generator) -> np.ndarray:
  """Returns a point on the ground [2] in view."""
  for _ in range(100):
    place = rng.uniform(-_REACH_M, _REACH_M, 2)
    if site.camera.sees(place, 15):
      return place
  return np.zeros(2)


def _enter(
  site: Site, manners: _Manners, present, within: bool, rng: np.random.Generator
) -> _Driver | None:
  """Returns a new body, in view or on its way into it, or None if its place is taken."""
  kind = str(rng.choice(_KINDS, p=_SHARES))
  course = rng.uniform(-np.pi, np.pi)
  if len(manners.courses) and rng.random() < 0.8:
    course = rng.choice(manners.courses) + rng.normal(0, 0.05)
  place = _place(site, rng)
  ahead = np.array([np.cos(course), np.sin(course)])
  if not within:
    for _ in range(60):
      if not site.camera.sees(place, -15):
        break
      place = place - ahead
  walks, pedals = kind == 'pedestrian', kind == 'bicycle'
  pace = rng.uniform(0.9, 1.9) if walks else rng.uniform(0.6, 1.3) * manners.pace
  pace = min(pace, 6.0) if pedals else pace
  body = bodies.Body(actors.create_actor(rng, kind), place, float(course))
  body.mounted = bool(rng.random() < 0.9)
  for other in present:
    apart = (body.actor.length + other.body.actor.length) / 2 + 0.5
    if np.hypot(*(other.body.position - place)) < apart:
      return None
  stands = within and rng.random() < 0.2
  speed = 0.0 if stands else pace
  careful = bool(rng.random() < manners.careful)
  body.velocity = speed * ahead
  return _Driver(body, float(course), pace, careful, speed, speed)


def _decide(
  driver: _Driver, present, manners: _Manners, time: float, particles: Particles,
  rng: np.random.Generator,
) -> None:
  """Draws new goals when the old ones have had their time."""
  body, walks = driver.body, driver.walks
  if time < driver.changes_at:
    return
  driver.changes_at = time + rng.exponential(1.3) + 0.4
  driver.push = float(rng.choice([1.5, 3.0, 6.0, 9.0]))
  driver.turns, driver.spin, driver.chased = [], 0.0, None
  driver.careful = bool(rng.random() < manners.careful)
  driver.speed_goal = driver.cruise * rng.uniform(0.8, 1.2)
  side = rng.choice([-1, 1])
  deed = rng.random()
  if deed < 0.14:  # a bend
    driver.turns = [(rng.normal(0, 1.2 if walks else 0.5), driver.changes_at)]
  elif deed < 0.22:  # a corner
    rate = rng.uniform(0.8, 1.8)
    driver.turns = [(side * rate, time + rng.uniform(0.7, 1.7) / rate)]
    driver.speed_goal = min(driver.speed_goal, rng.uniform(3, 8))
  elif deed < 0.29:  # a swerve
    rate, span = rng.uniform(0.6, 1.6), rng.uniform(0.25, 0.5)
    driver.turns = [(side * rate, time + span), (-side * rate, time + 2 * span)]
  elif deed < 0.42:  # a stop, soft or hard
    driver.speed_goal = 0.0
    driver.changes_at += rng.exponential(0.5)
  elif deed < 0.50:
    driver.speed_goal = rng.uniform(2, 4.5) if walks else rng.uniform(8, 14)
  elif deed < 0.57 and not walks:  # a drift
    driver.spin = rng.normal(0, 2.8)
    driver.speed_goal *= rng.uniform(0, 1)
  elif deed < 0.8 and not driver.careful and len(present) > 1:
    others = [other.body for other in present if other is not driver]
    gaps = [np.hypot(*(other.position - body.position)) for other in others]
    driver.chased = others[int(np.argmin(gaps))]
    driver.speed_goal = rng.uniform(1, 4) if walks else rng.uniform(3, 12)
  if rng.random() < 0.05:
    driver.smokes_until = time + rng.uniform(0.3, 3)
  if rng.random() < 0.015:
    driver.sheds_until = time + 0.2
  if rng.random() < 0.015:
    particles.litter(np.array([*body.position, 0.3]))
  tips = body.actor.kind in ('pedestrian', 'motorcycle', 'bicycle')
  if tips and rng.random() < 0.12:
    driver.lies_until = time + rng.uniform(0.8, 4)


def _move(driver: _Driver, present, time: float) -> None:
  """Moves a body by one frame: on its own, or sliding after a knock."""
  body, step = driver.body, rec.STEP_S
  lies = time < driver.lies_until
  body.roll_goal = np.pi / 2 if lies and not driver.walks else 0.0
  body.pitch_goal = np.pi / 2 if lies and driver.walks else 0.0
  if time < driver.loose_until:
    body.slide(step)
    driver.speed = float(np.hypot(*body.velocity))
    if driver.speed > 0.5:
      driver.course = float(np.arctan2(*body.velocity[::-1]))
    return
  body.spin, body.height = 0.0, 0.0
  goal = 0.0 if lies else driver.speed_goal
  needed = _needed_braking(driver, present) if driver.careful else 0.0
  if needed > 1.5:
    driver.speed = max(driver.speed - min(needed, 9.0) * step, 0.0)
  else:
    driver.speed += float(np.clip(goal - driver.speed, -driver.push * step, driver.push * step))
  turn = next((rate for rate, until in driver.turns if time < until), 0.0)
  if driver.chased is not None:
    wanted = np.arctan2(*(driver.chased.position - body.position)[::-1])
    turn = float(np.clip(_wrap(wanted - driver.course) / step, -1.5, 1.5))
  moves = driver.speed > 0.3
  driver.course += turn * step if moves else 0.0
  slip = _wrap(body.heading - driver.course)
  if driver.spin and moves:
    slip += driver.spin * step
  elif moves:  # the wheels bring the heading back to the course
    slip -= float(np.clip(slip, -2.5 * step, 2.5 * step))
  body.heading = driver.course + slip
  body.velocity = driver.speed * np.array([np.cos(driver.course), np.sin(driver.course)])
  body.position = body.position + body.velocity * step
  body.lean(step)


def _needed_braking(driver: _Driver, present) -> float:
  """Returns the deceleration, m/s^2, that keeps a body off what is ahead of it."""
  body = driver.body
  ahead = np.array([np.cos(driver.course), np.sin(driver.course)])
  left = np.array([-ahead[1], ahead[0]])
  needed = 0.0
  for other in present:
    offset = other.body.position - body.position
    along, across = offset @ ahead, abs(offset @ left)
    if other is driver or not 0 < along < 25:
      continue
    lies_along = abs(np.cos(other.body.heading - driver.course))
    size = np.array([other.body.actor.length, other.body.actor.width]) / 2
    reach = size @ (lies_along, np.sqrt(1 - lies_along**2))
    width = size @ (np.sqrt(1 - lies_along**2), lies_along)
    if across > width + body.actor.width / 2 + 0.3:
      continue
    gap = along - reach - body.actor.length / 2 - 0.8
    closing = driver.speed - max(other.body.velocity @ ahead, 0.0)
    if gap < 0.2:
      needed = max(needed, 9.0 if driver.speed > 0.1 else 0.0, 2.0)
    elif closing > 0:
      needed = max(needed, closing**2 / (2 * gap) if closing**2 / (2 * gap) > 2.5 else 0.0)
  return needed


def _touch(present, time: float, particles: Particles, rng: np.random.Generator):
  """Lets bodies that overlap push each other.

  Returns:
    {driver: m/s by which contacts changed its velocity} and {driver: metres to the nearest
    other, 0 in contact}, for those concerned.
  """
  knocks, near = {}, {}
  for first, one in enumerate(present):
    for other in present[first + 1 :]:
      a, b = one.body, other.body
      reach = (np.hypot(a.actor.length, a.actor.width) + np.hypot(b.actor.length, b.actor.width)) / 2
      if np.hypot(*(a.position - b.position)) > reach + NEAR_M:
        continue
      met = bodies.overlap(a, b)
      gap = 0.0 if met is not None else _gap(a, b)
      for driver in (one, other):
        near[driver] = min(near.get(driver, NEAR_M), gap)
      if met is None:
        continue
      normal, depth, point = met
      before = a.velocity, b.velocity
      closing = bodies.strike(a, b, normal, depth, point)
      for driver, velocity in zip((one, other), before):
        change = float(np.hypot(*(driver.body.velocity - velocity)))
        knocks[driver] = knocks.get(driver, 0.0) + change
      if closing > 0.5:
        _knock((one, other), point, closing, time, particles, rng)
  return knocks, near


def _knock(pair, point, closing: float, time: float, particles: Particles, rng) -> None:
  """Takes two bodies from their drivers for a while, and may let them shed, smoke or fall."""
  for driver in pair:
    driver.loose_until = time + rng.uniform(0.3, 1.0) + closing * rng.uniform(0.0, 0.2)
    if rng.random() < 0.5:  # stands there afterwards
      driver.speed_goal, driver.turns, driver.spin, driver.chased = 0.0, [], 0.0, None
      driver.changes_at = driver.loose_until + rng.exponential(2.0)
    kind = driver.body.actor.kind
    tips = kind in ('pedestrian', 'motorcycle', 'bicycle')
    if closing > 2 and tips and rng.random() < 0.5:
      driver.lies_until = time + rng.uniform(0.8, 5)
      driver.body.climb = rng.uniform(0, 0.35) * min(closing, 9)
  if closing > 2 and rng.random() < 0.35:
    particles.burst(np.array([*point, 0.5]), amount=int(3 + closing), speed=2.0)
  if closing > 3 and rng.random() < 0.2:
    pair[0].smokes_until = time + rng.uniform(0.5, 3)


def _gap(a: bodies.Body, b: bodies.Body) -> float:
  """Returns the metres between two outlines that are apart, along their own axes."""
  first, second = a.corners(), b.corners()
  angles = np.array([a.heading, a.heading + np.pi / 2, b.heading, b.heading + np.pi / 2])
  axes = np.stack([np.cos(angles), np.sin(angles)])
  one, two = first @ axes, second @ axes
  return float((np.maximum(one.min(0), two.min(0)) - np.minimum(one.max(0), two.max(0))).max())


def _emit(present, manners: _Manners, time: float, particles: Particles, rng) -> None:
  for driver in present:
    place = np.array([*driver.body.position, 0.5])
    if time < driver.smokes_until:
      particles.smoke(place, amount=1, grey=float(rng.uniform(60, 210)))
    if time < driver.sheds_until and rng.random() < 0.5:
      particles.burst(place, amount=4, speed=2.0)
  if manners.steam is not None and np.sin(time * 1.3 + manners.steam[0]) > 0.5:
    particles.smoke(manners.steam, amount=1, grey=float(rng.uniform(120, 230)))


def _pose(driver: _Driver, time: float, number: int) -> tuple:
  body, variant = driver.body, 0
  if driver.walks:
    variant = int(time * (3.0 + 2.2 * driver.speed) + number) % 4 if driver.speed > 0.2 else 0
  elif body.actor.kind in ('motorcycle', 'bicycle'):
    variant = int(body.mounted)
  brakes = driver.speed > driver.speed_goal + 0.2
  return (
    *body.position, body.height, body.heading, body.roll, body.pitch, variant, float(brakes)
  )  # fmt: skip


def _playing(cast, rows, puffs) -> Playing:
  """Returns the recording of all who were ever present, NaN where they are not."""
  poses = np.full((len(rows), len(cast), 8), np.nan, np.float32)
  velocities = np.zeros((len(rows), len(cast), 2))
  knocks, gaps = np.zeros((len(rows), len(cast))), np.full((len(rows), len(cast)), NEAR_M)
  numbers = {driver: number for number, driver in enumerate(cast)}
  for frame, row in enumerate(rows):
    for driver, (pose, velocity, knock, gap) in row.items():
      number = numbers[driver]
      poses[frame, number], velocities[frame, number] = pose, velocity
      knocks[frame, number], gaps[frame, number] = knock, gap
  lengths = np.array([max(driver.body.actor.length, 1.5) for driver in cast])
  factors = measure(poses, velocities, knocks, gaps, lengths)
  signals = np.full(len(rows), -1, np.int8)
  actors_ = tuple(driver.body.actor for driver in cast)
  return Playing(rec.Recording(actors_, poses, puffs, signals), factors)


def measure(poses, velocities, knocks, gaps, lengths) -> np.ndarray:
  """Returns the factors float32 [f, a, len(FACTORS)] of recorded motion.

  Args:
    poses: [f, a, 8], x NaN where absent.
    velocities: m/s [f, a, 2].
    knocks: m/s [f, a], changes of velocity by contact in this frame.
    gaps: metres [f, a] to the nearest other, 0 in contact.
    lengths: metres [a].
  """
  absent = np.isnan(poses[..., rec.X])
  came = absent | np.roll(absent, 1, axis=0)
  came[0] = True  # nothing is known of the frame before
  speeds = np.linalg.norm(velocities, axis=-1)
  old = np.roll(velocities, 1, axis=0)
  cross = old[..., 0] * velocities[..., 1] - old[..., 1] * velocities[..., 0]
  turned = np.arctan2(cross, (old * velocities).sum(-1))
  still = (speeds < 0.5) | (np.roll(speeds, 1, axis=0) < 0.5)
  knocked = knocks > _LEAST_KNOCK
  # a knock in one frame shows in the velocity of the next as well
  knocked |= np.roll(knocked, 1, axis=0)
  turned = np.where(came | still | knocked, 0, turned)
  headings = np.nan_to_num(poses[..., rec.HEADING])
  swung = np.where(came, 0, _wrap(headings - np.roll(headings, 1, axis=0)))
  gained = np.where(came | knocked, 0, speeds - np.roll(speeds, 1, axis=0))
  turning = np.abs(_mean(turned)) * _RATE
  spinning = np.maximum(np.abs(_mean(swung)) * _RATE - turning, 0)
  pushing = _mean(gained) * _RATE
  jolt = np.linalg.norm(_change(velocities, came), axis=-1)
  twist = np.abs(_change((swung * _RATE)[..., None], came))[..., 0]
  impulse = sum(np.where(came, 0, _earlier(knocks, k)) for k in range(_KNOCK_FRAMES))
  lying = np.abs(np.nan_to_num(poses[..., [rec.ROLL, rec.PITCH]])).sum(-1) > 0.8
  factors = np.stack(
    [
      speeds / lengths, turning, spinning, np.maximum(-pushing, 0), np.maximum(pushing, 0),
      jolt, impulse, twist, 1 - np.clip(gaps / NEAR_M, 0, 1), gaps <= 0, lying,
    ],
    axis=-1,
  )  # fmt: skip
  return np.where(absent[..., None], 0, factors).astype(np.float32)


def _earlier(values: np.ndarray, frames: int) -> np.ndarray:
  """Returns what was `frames` before, 0 before the first frame."""
  return np.concatenate([np.zeros_like(values[:frames]), values[: len(values) - frames]])


def _change(values: np.ndarray, came: np.ndarray) -> np.ndarray:
  """Returns the change [f, a, ...] over _KNOCK_FRAMES, 0 where a body came within them."""
  new = came.copy()
  for frames in range(1, _KNOCK_FRAMES):
    new |= np.concatenate([np.ones_like(came[:frames]), came[: len(came) - frames]])
  return np.where(new[..., None], 0, values - np.roll(values, _KNOCK_FRAMES, axis=0))


def _mean(values: np.ndarray) -> np.ndarray:
  """Returns the mean over the _SMOOTH_FRAMES around each frame [f, a]."""
  half = _SMOOTH_FRAMES // 2
  padded = np.pad(values, ((half, half), (0, 0)))
  return sum(padded[k : k + len(values)] for k in range(_SMOOTH_FRAMES)) / _SMOOTH_FRAMES


def _wrap(angle):
  """Returns an angle, or an array of them, in [-pi, pi)."""
  return (angle + np.pi) % (2 * np.pi) - np.pi
