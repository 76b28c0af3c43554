"""Rigid bodies on the ground: who they are, where they touch, how they bounce and slide."""

import dataclasses

import numpy as np

from tfds_builders.synthetic_traffic import actors

GRAVITY = 9.8
BRAKED_SLIDE = 3.2  # m/s^2, along the heading of a vehicle after an impact
SIDE_SLIDE = 4.4  # m/s^2, across it
SPIN_SLIDE = 1.6  # rad/s^2
GROUND_DRAG = 3.8  # m/s^2, for bodies lying on the ground
RESTITUTION = 0.18


@dataclasses.dataclass(eq=False)
class Body:
  """One moving actor's mechanical state.

  Attributes:
    actor: looks and mass.
    position: float [2], metres.
    heading: radians.
    velocity: float [2], m/s; kept for driven bodies too, since impacts need it.
    spin: rad/s.
    height: metres above ground, and its rate.
    roll, pitch: radians, with the values they tend to.
    mounted: whether a two-wheeler carries its rider.
    loose: True once an impact has taken it from its driver: it slides to rest.
    at_rest: True for a loose body that has come to rest.
  """

  actor: actors.Actor
  position: np.ndarray
  heading: float
  velocity: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))
  spin: float = 0.0
  height: float = 0.0
  climb: float = 0.0
  roll: float = 0.0
  pitch: float = 0.0
  roll_goal: float = 0.0
  pitch_goal: float = 0.0
  mounted: bool = True
  loose: bool = False
  at_rest: bool = False

  @property
  def inertia(self) -> float:
    """kg m^2 about the vertical axis."""
    return self.actor.mass * (self.actor.length**2 + self.actor.width**2) / 12

  @property
  def lies(self) -> bool:
    """Whether it has fallen over."""
    return abs(self.roll_goal) > 1 or abs(self.pitch_goal) > 1

  def corners(self) -> np.ndarray:
    """Returns its outline on the ground [4, 2], counter-clockwise."""
    length, width = self.actor.length / 2, self.actor.width / 2
    if self.actor.kind == 'pedestrian' and self.lies:
      length = 0.8
    ahead = np.array([np.cos(self.heading), np.sin(self.heading)])
    left = np.array([-ahead[1], ahead[0]])
    middle = self.position
    return np.stack(
      [
        middle + length * ahead + width * left,
        middle - length * ahead + width * left,
        middle - length * ahead - width * left,
        middle + length * ahead - width * left,
      ]
    )

  def slide(self, step: float) -> None:
    """Moves a loose body on by `step` seconds with friction."""
    ahead = np.array([np.cos(self.heading), np.sin(self.heading)])
    speed = np.hypot(*self.velocity)
    if self.lies or not self.actor.is_vehicle:
      drag = GROUND_DRAG if self.height <= 0.05 else 0.3
      self.velocity = self.velocity * max(0.0, 1 - drag * step / max(speed, 1e-6))
    else:
      along = self.velocity @ ahead
      across = self.velocity - along * ahead
      sideways = np.hypot(*across)
      along = np.sign(along) * max(0.0, abs(along) - BRAKED_SLIDE * step)
      across *= max(0.0, 1 - SIDE_SLIDE * step / max(sideways, 1e-6))
      self.velocity = along * ahead + across
    self.spin = np.sign(self.spin) * max(0.0, abs(self.spin) - SPIN_SLIDE * step)
    self.position = self.position + self.velocity * step
    self.heading += self.spin * step
    self.height += self.climb * step
    self.climb -= GRAVITY * step
    if self.height <= 0:
      self.height, self.climb = 0.0, 0.0
    self.lean(step)
    upright = abs(self.roll - self.roll_goal) + abs(self.pitch - self.pitch_goal)
    self.at_rest = bool(
      np.hypot(*self.velocity) < 0.15 and abs(self.spin) < 0.06 and upright < 0.05
      and self.height == 0
    )  # fmt: skip

  def lean(self, step: float, rate: float = 4.5) -> None:
    """Turns roll and pitch towards their goals at up to `rate` rad/s."""
    self.roll += float(np.clip(self.roll_goal - self.roll, -rate * step, rate * step))
    self.pitch += float(np.clip(self.pitch_goal - self.pitch, -rate * step, rate * step))


def overlap(a: Body, b: Body) -> tuple[np.ndarray, float, np.ndarray] | None:
  """Returns how two outlines overlap, or None (separating axes).

  Returns:
    (normal [2] from a to b, depth in metres, middle [2] of the touching corners).
  """
  first, second = a.corners(), b.corners()
  edges = np.concatenate([first[[1, 2]] - first[[0, 1]], second[[1, 2]] - second[[0, 1]]])
  axes = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
  axes /= np.linalg.norm(axes, axis=1, keepdims=True)
  one, two = first @ axes.T, second @ axes.T
  depths = np.minimum(one.max(0), two.max(0)) - np.maximum(one.min(0), two.min(0))
  if depths.min() <= 0:
    return None
  axes = axes * np.where(axes @ (b.position - a.position) < 0, -1.0, 1.0)[:, None]
  closing = axes @ (a.velocity - b.velocity)
  # they entered along the axis on which they have overlapped for the shortest time
  since = depths / np.maximum(closing, 1e-3)
  best = int(np.argmin(since))
  normal = axes[best]
  # the touching corners: those of either outline that reach deepest into the other
  touching = np.concatenate(
    [
      first[first @ normal > (first @ normal).max() - depths[best] - 1e-6],
      second[second @ normal < (second @ normal).min() + depths[best] + 1e-6],
    ]
  )
  low = np.maximum(first.min(0), second.min(0))
  high = np.minimum(first.max(0), second.max(0))
  return normal, float(depths[best]), np.clip(touching.mean(0), low, high)


def strike(a: Body, b: Body, normal: np.ndarray, depth: float, point: np.ndarray) -> float:
  """Exchanges momentum between two touching bodies and parts them.

  Returns:
    The closing speed in m/s, <= 0 if they were already parting.
  """
  arm_a, arm_b = point - a.position, point - b.position

  def speed_at(body, arm):
    return body.velocity + body.spin * np.array([-arm[1], arm[0]])

  def cross(arm, direction):
    return arm[0] * direction[1] - arm[1] * direction[0]

  def respond(direction):
    return (
      1 / a.actor.mass + 1 / b.actor.mass
      + cross(arm_a, direction) ** 2 / a.inertia + cross(arm_b, direction) ** 2 / b.inertia
    )  # fmt: skip

  total = a.actor.mass + b.actor.mass
  a.position = a.position - normal * depth * b.actor.mass / total
  b.position = b.position + normal * depth * a.actor.mass / total
  relative = speed_at(a, arm_a) - speed_at(b, arm_b)
  closing = float(relative @ normal)
  if closing <= 0:
    return closing
  push = (1 + RESTITUTION) * closing / respond(normal)
  tangent = np.array([-normal[1], normal[0]])
  rub = float(np.clip(relative @ tangent / respond(tangent), -0.35 * push, 0.35 * push))
  impulse = push * normal + rub * tangent
  a.velocity = a.velocity - impulse / a.actor.mass
  b.velocity = b.velocity + impulse / b.actor.mass
  a.spin = float(np.clip(a.spin - cross(arm_a, impulse) / a.inertia, -4, 4))
  b.spin = float(np.clip(b.spin + cross(arm_b, impulse) / b.inertia, -4, 4))
  return closing
