"""Smoke, dust, debris and litter: small things that move on their own."""

import copy

import numpy as np

from tfds_builders.synthetic_traffic.recording import STEP_S, Puff

# columns of the state: position 3, velocity 3, radius, growth, opacity, fading, grey, weight
_POSITION, _VELOCITY = slice(0, 3), slice(3, 6)
_RADIUS, _GROWTH, _OPACITY, _FADING, _GREY, _WEIGHT = range(6, 12)
SMOKE, DEBRIS, LITTER = 0.0, 1.0, 0.15  # weight: share of gravity felt


class Particles:
  """All particles of a scene."""

  def __init__(self, rng: np.random.Generator):
    self._rng = rng
    self._state = np.zeros((0, 12))
    self._wind = rng.normal(0, 0.8, 2)

  def fork(self) -> 'Particles':
    """Returns a copy that can go another way."""
    other = copy.copy(self)
    other._rng = copy.deepcopy(self._rng)
    return other

  def smoke(self, place: np.ndarray, *, amount: int, grey: float, size: float = 0.35) -> None:
    """Lets `amount` puffs rise from a point [3]."""
    rng = self._rng
    for _ in range(amount):
      drift = np.array([*rng.normal(0, 0.35, 2), rng.uniform(0.2, 0.8)])
      start = place + rng.normal(0, 0.15, 3) * (1, 1, 0.3)
      self._add(start, drift, size * rng.uniform(0.7, 1.3), rng.uniform(0.35, 0.8),
                rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.6), grey, SMOKE)  # fmt: skip

  def burst(self, place: np.ndarray, *, amount: int, speed: float) -> None:
    """Throws `amount` splinters from a point [3]."""
    rng = self._rng
    for _ in range(amount):
      way = np.array([*rng.normal(0, speed, 2), rng.uniform(0.5, 3.0)])
      self._add(place, way, rng.uniform(0.05, 0.15), 0.0, 1.0, 0.02,
                rng.choice([40.0, 90.0, 190.0]), DEBRIS)  # fmt: skip

  def litter(self, place: np.ndarray) -> None:
    """Lets the wind take a few scraps of paper from a point [3]."""
    rng = self._rng
    way = self._wind / max(np.hypot(*self._wind), 0.1) * rng.uniform(1.5, 4.0)
    for _ in range(int(rng.integers(2, 7))):
      drift = np.array([*(way + rng.normal(0, 0.4, 2)), rng.uniform(0.3, 1.2)])
      self._add(place + rng.normal(0, 0.5, 3) * (1, 1, 0), drift, rng.uniform(0.08, 0.18), 0.0,
                1.0, 0.12, rng.choice([90.0, 200.0, 225.0]), LITTER)  # fmt: skip

  def _add(self, place, velocity, *rest) -> None:
    row = np.array([*place, *velocity, *rest])
    self._state = np.concatenate([self._state, row[None]])

  def step(self) -> None:
    """Moves all particles on by one frame."""
    if not len(self._state):
      return
    state = self._state.copy()
    weight = state[:, _WEIGHT]
    state[:, _POSITION] += state[:, _VELOCITY] * STEP_S
    state[:, 5] -= 9.8 * weight * STEP_S
    state[:, 3:5] += (self._wind - state[:, 3:5]) * (weight == SMOKE)[:, None] * 0.5 * STEP_S
    landed = (state[:, 2] < 0.03) & (weight > 0)
    state[landed, 2] = 0.03
    state[landed & (weight == DEBRIS), 3:6] *= 0.75
    state[landed, 5] = np.abs(state[landed, 5]) * 0.4
    state[:, _RADIUS] += state[:, _GROWTH] * STEP_S
    state[:, _OPACITY] -= state[:, _FADING] * STEP_S
    self._state = state[state[:, _OPACITY] > 0.03]

  def puffs(self) -> list[Puff]:
    """Returns the particles as they are to be drawn."""
    return [
      Puff(row[_POSITION], float(row[_RADIUS]), (row[_GREY],) * 3, float(row[_OPACITY]))
      for row in self._state
    ]
