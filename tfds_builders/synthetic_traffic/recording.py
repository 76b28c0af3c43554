"""What a simulation leaves behind: poses of all actors in every frame, ready to be drawn."""

import dataclasses

import numpy as np

from tfds_builders.synthetic_traffic import actors

FRAMES_PER_SECOND = 15
STEP_S = 1.0 / FRAMES_PER_SECOND

# columns of poses
X, Y, Z, HEADING, ROLL, PITCH, VARIANT, BRAKING = range(8)


@dataclasses.dataclass(frozen=True)
class Puff:
  """One short-lived particle: smoke, dust, debris, litter.

  Attributes:
    position: float [3], metres.
    radius: metres.
    colour: RGB.
    opacity: 0 .. 1.
  """

  position: np.ndarray
  radius: float
  colour: tuple[float, float, float]
  opacity: float


@dataclasses.dataclass(frozen=True)
class Recording:
  """A finished simulation.

  Attributes:
    cast: the actors.
    poses: float32 [f, a, 8], columns as above; x is NaN where an actor is absent.
    puffs: for each frame its particles.
    signals: int8 [f], the phase that has green; -1 for none.
  """

  cast: tuple[actors.Actor, ...]
  poses: np.ndarray
  puffs: list[list[Puff]]
  signals: np.ndarray

  @property
  def num_frames(self) -> int:
    """Frames."""
    return len(self.poses)


def rotation(heading: float, roll: float, pitch: float) -> np.ndarray:
  """Returns [3, 3] from body to world: pitch about y, then roll about x, then heading about z."""
  ch, sh = np.cos(heading), np.sin(heading)
  turn = np.array([[ch, -sh, 0], [sh, ch, 0], [0, 0, 1]])
  if roll == 0 and pitch == 0:
    return turn
  cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
  lean = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
  tip = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
  return turn @ lean @ tip


def place(model: actors.Model, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns a model's corners [q, 4, 3] and normals [q, 3] in the world."""
  turn = rotation(pose[HEADING], pose[ROLL], pose[PITCH])
  return model.corners @ turn.T + pose[: Z + 1], model.normals @ turn.T
