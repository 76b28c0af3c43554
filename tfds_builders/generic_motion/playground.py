"""Road users that move at random: each factor of motion comes and goes on its own.

There is no traffic and no accident here, but cars that spin, brake, smoke, push or pass
each other in every combination, at sites of their own. Frames are recorded as those of
traffic are, together with the factors of motion of every body.
"""

import dataclasses

import numpy as np

from tfds_builders.synthetic_traffic import actors
from tfds_builders.synthetic_traffic import bodies
from tfds_builders.synthetic_traffic import recording as rec
from tfds_builders.synthetic_traffic.particles import Particles
from tfds_builders.synthetic_traffic.sites import Site

# per body and frame, in this order
FACTORS = (
  'speed',  # body lengths (at least 1.5 m) per second
  'turning',  # rad/s, of the course
  'spinning',  # rad/s, of the heading against the course
  'braking',  # m/s^2
  'accelerating',  # m/s^2
  'impulse',  # m/s, change of velocity within 0.2 s
  'touching',  # 0 or 1, contact with another body
  'smoke',  # 0 or 1
  'debris',  # 0 or 1
  'lying',  # 0 or 1
)
_KINDS = ('car', 'van', 'lorry', 'bus', 'motorcycle', 'bicycle', 'pedestrian')
_SHARES = (0.46, 0.08, 0.04, 0.02, 0.14, 0.08, 0.18)
_REACH_M = 14.0
_IMPULSE_FRAMES = 3


@dataclasses.dataclass(eq=False)
class _Driver:
  """What a body is up to; goals change at random times."""

  body: bodies.Body
  course: float  # radians, of the velocity
  speed: float = 0.0  # m/s
  speed_goal: float = 0.0
  push: float = 3.0  # m/s^2, towards the goal
  turn: float = 0.0  # rad/s
  spin: float = 0.0  # rad/s, beyond the turn
  chased: bodies.Body | None = None
  changes_at: float = 0.0  # s
  loose_until: float = -1.0
  smokes_until: float = -1.0
  sheds_until: float = -1.0
  lies_until: float = -1.0


@dataclasses.dataclass(frozen=True)
class Playing:
  """A finished recording and the factors of motion in it: float32 [f, a, len(FACTORS)]."""

  recording: rec.Recording
  factors: np.ndarray


def play(site: Site, *, num_frames: int, rng: np.random.Generator) -> Playing:
  """Returns `num_frames` of three to nine bodies that move at random in view of the site."""
  particles = Particles(rng)
  drivers = [_create_driver(site, rng) for _ in range(rng.integers(3, 10))]
  poses, puffs, velocities, contacts, rows = [], [], [], [], []
  for frame in range(-rec.FRAMES_PER_SECOND, num_frames):  # the first second settles
    time = frame * rec.STEP_S
    before = [(driver.speed, driver.course, driver.body.heading) for driver in drivers]
    for driver in drivers:
      _decide(driver, drivers, site, time, rng)
      _move(driver, time)
    touching = _touch(drivers, time, particles, rng)
    for driver in drivers:
      _emit(driver, time, particles, rng)
    particles.step()
    if frame < 0:
      continue
    poses.append([_pose(driver, time, number) for number, driver in enumerate(drivers)])
    puffs.append(particles.puffs())
    velocities.append([driver.body.velocity for driver in drivers])
    contacts.append(touching)
    rows.append([
      _factors(driver, old, driver.body in touching, time)
      for driver, old in zip(drivers, before)
    ])
  factors = np.array(rows, np.float32)
  velocities = np.array(velocities)
  change = np.linalg.norm(velocities[_IMPULSE_FRAMES:] - velocities[:-_IMPULSE_FRAMES], axis=-1)
  factors[_IMPULSE_FRAMES:, :, FACTORS.index('impulse')] = change
  cast = tuple(driver.body.actor for driver in drivers)
  signals = np.full(num_frames, -1, np.int8)
  return Playing(rec.Recording(cast, np.array(poses, np.float32), puffs, signals), factors)


def _create_driver(site: Site, rng: np.random.Generator) -> _Driver:
  kind = str(rng.choice(_KINDS, p=_SHARES))
  heading = rng.uniform(-np.pi, np.pi)
  body = bodies.Body(actors.create_actor(rng, kind), _place(site, rng), heading)
  return _Driver(body, heading)


def _place(site: Site, rng: np.random.Generator) -> np.ndarray:
  """Returns a point on the ground [2] in view."""
  for _ in range(100):
    place = rng.uniform(-_REACH_M, _REACH_M, 2)
    if site.camera.sees(place, 15):
      return place
  return np.zeros(2)


def _decide(driver: _Driver, drivers, site: Site, time: float, rng: np.random.Generator) -> None:
  """Draws new goals when the old ones have had their time; turns back what left the view."""
  body = driver.body
  if not site.camera.sees(body.position, -40):
    body.position = _place(site, rng)  # comes in anew; the clips of that frame are left out
    body.loose, driver.loose_until = False, -1.0
  if time < driver.changes_at:
    return
  driver.changes_at = time + rng.exponential(1.4) + 0.3
  walks = body.actor.kind == 'pedestrian'
  fastest = 4.0 if walks else 13.0
  driver.speed_goal = 0.0 if rng.random() < 0.25 else rng.uniform(0.1, 1.0) * fastest
  driver.push = rng.choice([1.0, 3.0, 6.0, 9.0])
  driver.turn = 0.0 if rng.random() < 0.45 else rng.normal(0, 1.5 if walks else 0.8)
  slips = not walks and rng.random() < 0.2
  driver.spin = rng.normal(0, 2.5) if slips else 0.0
  others = [other.body for other in drivers if other is not driver]
  driver.chased = others[rng.integers(len(others))] if rng.random() < 0.15 else None
  if rng.random() < 0.1:
    driver.smokes_until = time + rng.uniform(0.3, 3)
  if rng.random() < 0.04:
    driver.sheds_until = time + 0.2
  tips = body.actor.kind in ('pedestrian', 'motorcycle', 'bicycle')
  if tips and rng.random() < 0.12:
    driver.lies_until = time + rng.uniform(0.8, 4)


def _move(driver: _Driver, time: float) -> None:
  """Moves a body by one frame: on its own, or sliding after a knock."""
  body, step = driver.body, rec.STEP_S
  lies = time < driver.lies_until
  body.roll_goal = np.pi / 2 if lies and body.actor.kind != 'pedestrian' else 0.0
  body.pitch_goal = np.pi / 2 if lies and body.actor.kind == 'pedestrian' else 0.0
  if time < driver.loose_until:
    body.slide(step)
    driver.speed = float(np.hypot(*body.velocity))
    if driver.speed > 0.5:
      driver.course = float(np.arctan2(*body.velocity[::-1]))
    return
  goal = 0.0 if lies else driver.speed_goal
  driver.speed += float(np.clip(goal - driver.speed, -driver.push * step, driver.push * step))
  turn = driver.turn
  if driver.chased is not None:
    wanted = np.arctan2(*(driver.chased.position - body.position)[::-1])
    turn = float(np.clip(_wrap(wanted - driver.course) / step, -1.5, 1.5))
  moves = driver.speed > 0.3
  driver.course += turn * step if moves else 0.0
  slip = _wrap(body.heading - driver.course)
  if driver.spin:
    slip += driver.spin * step
  elif moves:  # the wheels bring the heading back to the course
    slip -= float(np.clip(slip, -2.5 * step, 2.5 * step))
  body.heading = driver.course + slip
  body.velocity = driver.speed * np.array([np.cos(driver.course), np.sin(driver.course)])
  body.position = body.position + body.velocity * step
  body.lean(step)


def _touch(drivers, time: float, particles: Particles, rng: np.random.Generator) -> set:
  """Lets bodies that overlap push each other; returns those that touch."""
  touching = set()
  for first, one in enumerate(drivers):
    for other in drivers[first + 1 :]:
      met = bodies.overlap(one.body, other.body)
      if met is None:
        continue
      touching |= {one.body, other.body}
      normal, depth, point = met
      closing = bodies.strike(one.body, other.body, normal, depth, point)
      if closing > 0.5:
        for driver in (one, other):
          driver.loose_until = time + rng.uniform(0.3, 2.0)
        if closing > 2 and rng.random() < 0.4:
          particles.burst(np.array([*point, 0.5]), amount=int(3 + closing), speed=2.0)
          one.sheds_until = other.sheds_until = time + 0.4
      for driver in (one, other):
        if rng.random() < 0.3 and closing > 2 and driver.body.actor.kind not in ('car', 'van'):
          driver.lies_until = time + rng.uniform(0.8, 4)
  return touching


def _emit(driver: _Driver, time: float, particles: Particles, rng: np.random.Generator) -> None:
  place = np.array([*driver.body.position, 0.5])
  if time < driver.smokes_until:
    particles.smoke(place, amount=1, grey=float(rng.uniform(100, 210)))
  if time < driver.sheds_until and rng.random() < 0.5:
    particles.burst(place, amount=4, speed=2.0)


def _pose(driver: _Driver, time: float, number: int) -> tuple:
  body, variant = driver.body, 0
  if body.actor.kind == 'pedestrian':
    variant = int(time * (3.0 + 2.2 * driver.speed) + number) % 4 if driver.speed > 0.2 else 0
  elif body.actor.kind in ('motorcycle', 'bicycle'):
    variant = int(body.mounted)
  brakes = driver.speed > driver.speed_goal + 0.2
  return (
    *body.position, body.height, body.heading, body.roll, body.pitch, variant, float(brakes)
  )  # fmt: skip


def _factors(driver: _Driver, before: tuple, touching: bool, time: float) -> tuple:
  body = driver.body
  speed, course, heading = before
  rate = 1 / rec.STEP_S
  own = time >= driver.loose_until  # after a knock, it is the impulse that tells
  gained = (driver.speed - speed) * rate * own
  turned = _wrap(driver.course - course) * rate if driver.speed > 0.5 else 0.0
  spun = _wrap(body.heading - heading) * rate - turned
  return (
    driver.speed / max(body.actor.length, 1.5), abs(turned), abs(spun), max(-gained, 0.0),
    max(gained, 0.0), 0.0, float(touching), float(time < driver.smokes_until + 0.5),
    float(time < driver.sheds_until + 0.5), float(abs(body.roll) + abs(body.pitch) > 0.8),
  )  # fmt: skip


def _wrap(angle: float) -> float:
  """Returns an angle in [-pi, pi)."""
  return float((angle + np.pi) % (2 * np.pi) - np.pi)
