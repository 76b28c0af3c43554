"""What befalls the traffic: look-alikes, near misses and accidents.

Every incident waits for its opportunity in ordinary traffic and then changes one driver's or
walker's mind. A near miss and an accident begin with the same opportunity and the same
mistake; they differ only in whether somebody notices in time.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from tfds_builders.synthetic_traffic.camera import Camera
from tfds_builders.synthetic_traffic.particles import Particles
from tfds_builders.synthetic_traffic.traffic import Agent, Traffic

REAR_END, CROSSING, WALKER, SIDESWIPE = 'rear_end', 'crossing', 'walker', 'sideswipe'
TWO_WHEELERS = ('motorcycle', 'bicycle')


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

  def drivers(self, slowest: float = 0.0, margin: float = 40) -> list[Agent]:
    """Returns drivers in view by `margin` pixels and faster than `slowest` m/s, shuffled."""
    found = [
      a for a in self.traffic.agents
      if a.drives and a.speed >= slowest and self.sees(a.body.position, margin)
    ]  # fmt: skip
    self.rng.shuffle(found)
    return found

  def walkers(self, margin: float = 20) -> list[Agent]:
    """Returns visible pedestrians on the pavement, shuffled."""
    found = [
      a for a in self.traffic.agents
      if a.walks and not a.dash and self.sees(a.body.position, margin)
      and not self.traffic.path(a).stop < a.along < self.traffic.path(a).clear
    ]  # fmt: skip
    self.rng.shuffle(found)
    return found


# mistakes, each with an outcome: collide or not; they return those concerned, or None


def rear_end(stage: Stage, collide: bool, fits: Callable) -> list[Agent] | None:
  """The leader brakes hard, or stands, and the follower looks elsewhere."""
  for leader in stage.drivers(0.0, margin=-40):
    follower = _follower(stage, leader, 30.0)
    if follower is None or follower.speed < 5.0 or not fits(follower, leader):
      continue
    stop = leader.speed**2 / 15
    ahead = np.array([math.cos(leader.body.heading), math.sin(leader.body.heading)])
    if not stage.sees(leader.body.position + stop * ahead, 55):
      continue
    if leader.speed > 1:
      _brake(stage, leader, 7.5, hold=float(stage.rng.uniform(3, 6)))
    _blind(follower, leader, late=not collide)
    if collide:
      follower.pace = float(stage.rng.uniform(0.0, 1.2))
    return [leader, follower]
  return None


def draw_in(stage: Stage, concerned: list[Agent]) -> bool:
  """Makes a follower of those concerned fail to notice in time; False if there is none."""
  for agent in list(concerned):
    follower = _follower(stage, agent, 20.0)
    if follower is None or follower in concerned or follower.speed < 4.5:
      continue
    for other in concerned:
      _blind(follower, other, late=False)
    follower.pace = float(stage.rng.uniform(0.5, 1.5))
    concerned.append(follower)
  return len(concerned) > 2


def crossing(stage: Stage, collide: bool, fits: Callable) -> list[Agent] | None:
  """A driver passes the give-way line or the red light into another's path."""
  traffic = stage.traffic
  for careless in stage.drivers(3.0, margin=-80):
    if not 0.5 < traffic.path(careless).stop - careless.along < 20:
      continue
    for other in stage.drivers(3.5, margin=-80):
      if other is careless or not fits(careless, other):
        continue
      meeting = _meeting(traffic, careless, other)
      if meeting is None:
        continue
      mine, theirs, place = meeting
      seconds = theirs / other.speed
      if not (0.8 < seconds < 2.8 and stage.sees(place, 55)):
        continue
      shift = 0.0 if collide else float(stage.rng.choice([-1, 1])) * 0.95
      seconds_mine = seconds + shift
      if seconds_mine < 0.7:
        continue
      pace = 2 * (mine - careless.speed * seconds_mine) / seconds_mine**2
      if not -2.0 < pace < 3.6 or careless.speed + pace * seconds_mine < 3.0:
        continue
      careless.careless, careless.admitted, careless.pace = True, True, pace
      careless.desired_speed = max(careless.desired_speed, 9.0)
      _blind(careless, other, late=False)
      if collide:
        _blind(other, careless, late=False)
        other.careless, other.admitted, other.pace = True, True, 0.0
      else:
        careless.pace = max(pace, 0.0)
        careless.blind_to.clear()
      return [careless, other]
  return None


def sideswipe(stage: Stage, collide: bool, fits: Callable) -> list[Agent] | None:
  """A driver drifts into the path of one who comes towards him or drives beside him."""
  traffic = stage.traffic
  for drifter in stage.drivers(4.5, margin=-60):
    ahead = np.array([np.cos(drifter.body.heading), np.sin(drifter.body.heading)])
    right = np.array([ahead[1], -ahead[0]])
    for other in stage.drivers(3.5, margin=-60):
      toward = other.body.position - drifter.body.position
      along, aside = toward @ ahead, toward @ right
      facing = np.cos(other.body.heading - drifter.body.heading)
      if other is drifter or abs(facing) < 0.9 or not 2.2 < abs(aside) < 4.5:
        continue
      closing = drifter.speed - facing * other.speed
      oncoming = facing < 0 and 8 < along < 2.4 * closing
      beside = facing > 0 and abs(along) < 3.5 and traffic.path(drifter).stop == np.inf
      if not (oncoming or beside) or not fits(drifter, other):
        continue
      place = drifter.body.position + ahead * drifter.speed * (1.1 if beside else along / closing)
      if not stage.sees(place, 50):
        continue
      clearance = (drifter.actor.width + other.actor.width) / 2
      goal = aside * 0.85 if collide else np.sign(aside) * max(abs(aside) - clearance - 0.45, 0.3)
      drifter.side_goal = drifter.side + float(goal)
      drifter.home_side = drifter.side_goal if collide else drifter.home_side
      _blind(drifter, other, late=False)
      if collide:
        _blind(other, drifter, late=False)
      drifter.pace = 0.3 if collide else None
      return [drifter, other]
  return None


def walker_steps_out(stage: Stage, collide: bool, fits: Callable) -> list[Agent] | None:
  """A pedestrian runs onto the road before a car."""
  traffic = stage.traffic
  for driver in stage.drivers(5.0, margin=-60):
    way = traffic.corridor(driver, side_goal=driver.side_goal)
    for walker in stage.walkers():
      away = np.linalg.norm(way - walker.body.position, axis=1)
      nearest = int(np.argmin(away))
      if not 7 <= nearest <= 20 or not 1.6 < away[nearest] < 7 or not fits(driver, walker):
        continue
      place = way[nearest]
      seconds = (nearest - driver.actor.length / 2) / driver.speed
      pace = (away[nearest] - 0.2) / seconds
      if not 1.3 < pace < 4.2 or not stage.sees(place, 40):
        continue
      step = (place - walker.body.position) / away[nearest]
      now = traffic.time
      if collide:
        # the body meets the front when the walker is within the car's width
        walker.dash = ((step * pace, now + seconds + 3.0),)
        _blind(driver, walker, late=False)
        driver.pace = 0.0
      else:
        reach = away[nearest] - driver.actor.width / 2 - float(stage.rng.uniform(0.55, 0.9))
        if reach < 0.4:
          continue
        out = reach / pace
        walker.dash = (
          (step * pace, now + out), (step * 0.0, now + out + 1.3),
          (step * -1.6, now + out + 1.3 + reach / 1.6),
        )  # fmt: skip
        _blind(driver, walker, late=True)
      return [driver, walker]
  return None


def _blind(agent: Agent, other: Agent, *, late: bool) -> None:
  agent.blind_to.add(other.number)
  agent.late = late
  agent.waiting = 0.0


def _brake(stage: Stage, agent: Agent, rate: float, hold: float) -> None:
  now = stage.traffic.time
  agent.braking, agent.braking_until = rate, now + agent.speed / rate + 0.1
  agent.hold_until = agent.braking_until + hold


def _follower(stage: Stage, leader: Agent, reach: float) -> Agent | None:
  """Returns the nearest driver behind in the same lane within `reach` metres."""
  heading = leader.body.heading
  cos, sin = math.cos(heading), math.sin(heading)
  best, found = reach, None
  for other in stage.traffic.agents:
    if other is leader or not other.drives:
      continue
    dx, dy = leader.body.position - other.body.position
    along, aside = dx * cos + dy * sin, abs(dx * sin - dy * cos)
    same_way = math.cos(other.body.heading - heading) > 0.8
    if same_way and 0 < along < best and aside < 0.9 + 0.06 * along:
      best, found = along, other
  return found


def _meeting(traffic: Traffic, a: Agent, b: Agent) -> tuple[float, float, np.ndarray] | None:
  """Returns how far both have to go to where their ways meet, and where; None if they do not."""
  if traffic.path(a).origin == traffic.path(b).origin:
    return None
  mine = traffic.corridor(a, side_goal=a.side_goal)
  theirs = traffic.corridor(b, side_goal=b.side_goal)
  away = np.linalg.norm(mine[:, None] - theirs[None], axis=-1)
  i, j = np.unravel_index(np.argmax(away < 1.2), away.shape)
  if away[i, j] >= 1.2 or i < 3 or j < 3:
    return None
  return float(i), float(j), mine[i]


# harmless incidents; they return whether they found an opportunity


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
    agent.smoking_until = stage.traffic.time + float(stage.rng.uniform(0.6, 2.5))
    return True
  return False


def litter(stage: Stage) -> bool:
  """The wind blows litter over the road."""
  place = stage.rng.uniform(-9, 9, 2)
  if not stage.sees(place):
    return False
  stage.particles.litter(np.array([*place, 0.1]))
  return True


HARMLESS = {
  f.__name__: f for f in (hard_stop, halt, swerve, sprint, jaywalk, run, meet, smoke, litter)
}
