"""What moves: kinds of road users, their sizes, masses and solid models."""

import dataclasses
import functools

import numpy as np

KINDS = ('car', 'van', 'lorry', 'bus', 'motorcycle', 'bicycle', 'pedestrian')
VEHICLES = ('car', 'van', 'lorry', 'bus', 'motorcycle', 'bicycle')

# length, width, height in metres; mass in kg
SIZES = {
  'car': (4.3, 1.8, 1.45, 1300.0),
  'van': (5.2, 2.0, 2.2, 2100.0),
  'lorry': (7.6, 2.4, 3.1, 7000.0),
  'bus': (9.5, 2.5, 3.0, 9000.0),
  'motorcycle': (2.1, 0.75, 1.2, 220.0),
  'bicycle': (1.8, 0.55, 1.1, 20.0),
  'pedestrian': (0.45, 0.55, 1.75, 75.0),
}
PAINTS = np.array(
  [
    (225, 225, 222), (190, 192, 195), (120, 122, 126), (48, 48, 52), (30, 34, 46),
    (150, 28, 26), (32, 62, 128), (36, 84, 62), (186, 160, 112), (196, 98, 34), (88, 40, 44),
  ],
  float,
)  # fmt: skip
CLOTHES = np.array(
  [(60, 64, 80), (150, 40, 44), (40, 70, 120), (200, 196, 188), (70, 90, 60), (34, 34, 36),
   (186, 140, 60), (120, 100, 130)],
  float,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Actor:
  """One road user's looks and body.

  Attributes:
    kind: one of KINDS.
    length: metres along the heading.
    width: metres across.
    height: metres, with rider.
    mass: kg, with rider.
    paint: RGB of body or clothes.
    accent: RGB of box, trousers or rider.
  """

  kind: str
  length: float
  width: float
  height: float
  mass: float
  paint: tuple[float, float, float]
  accent: tuple[float, float, float]

  @property
  def is_vehicle(self) -> bool:
    """Whether it drives (a pedestrian or a thrown rider does not)."""
    return self.kind != 'pedestrian'


def create_actor(rng: np.random.Generator, kind: str) -> Actor:
  """Returns an actor of a kind with random size and colours."""
  length, width, height, mass = SIZES[kind]
  scale = rng.uniform(0.93, 1.07)
  palette = CLOTHES if kind in ('pedestrian', 'bicycle') else PAINTS
  paint = palette[rng.integers(len(palette))] * rng.uniform(0.85, 1.1)
  accents = PAINTS if kind == 'lorry' else CLOTHES
  accent = accents[rng.integers(len(accents))] * rng.uniform(0.85, 1.1)
  return Actor(
    kind, length * scale, width * rng.uniform(0.96, 1.04), height * scale, mass,
    tuple(np.clip(paint, 0, 255)), tuple(np.clip(accent, 0, 255)),
  )


@dataclasses.dataclass(frozen=True)
class Model:
  """A solid made of flat quadrilaterals in body coordinates (x ahead, y left, z up).

  Attributes:
    corners: float [q, 4, 3], metres, counter-clockwise seen from outside.
    normals: float [q, 3].
    colours: float [q, 3], RGB.
    lamps: int8 [q], 0 plain, 1 head lamp, 2 brake lamp, 3 glass.
  """

  corners: np.ndarray
  normals: np.ndarray
  colours: np.ndarray
  lamps: np.ndarray


# corners of a box's faces: index bits x, y, z (0 low, 1 high)
_FACES = {
  'back': ((0, 1, 0), (0, 0, 0), (0, 0, 1), (0, 1, 1)),
  'front': ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)),
  'right': ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)),
  'left': ((1, 1, 0), (0, 1, 0), (0, 1, 1), (1, 1, 1)),
  'top': ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
  'bottom': ((0, 1, 0), (1, 1, 0), (1, 0, 0), (0, 0, 0)),
}
_GLASS = (38, 46, 56)
_TYRE = (22, 22, 24)
_SKIN = (196, 152, 124)


class _Builder:
  """Collects quadrilaterals in painter's order (inner before outer)."""

  def __init__(self):
    self.quads, self.colours, self.lamps = [], [], []

  def quad(self, corners, colour, lamp=0) -> None:
    self.quads.append(np.asarray(corners, float))
    self.colours.append(colour)
    self.lamps.append(lamp)

  def box(self, x, y, z, colour, taper=0.0, faces=_FACES) -> None:
    """Adds a box over (low, high) ranges; its top is `taper` metres shorter at both ends."""
    for name in faces:
      corners = np.array([(x[i], y[j], z[k]) for i, j, k in _FACES[name]])
      upper = np.array([k for _, _, k in _FACES[name]])
      ahead = np.array([i for i, _, _ in _FACES[name]])
      side = np.array([j for _, j, _ in _FACES[name]])
      corners[:, 0] += upper * np.where(ahead, -taper, taper)
      corners[:, 1] += upper * np.where(side, -taper, taper) * 0.35
      self.quad(corners, colour)

  def panel(self, face, inset, colour, lamp=0) -> None:
    """Adds a pane on a face ([4, 3]) with insets as shares (left, right, bottom, top)."""
    a, b, c, d = np.asarray(face, float)
    left, right, bottom, top = inset

    def at(u, v):
      return (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * d + u * c)

    corners = at(left, bottom), at(1 - right, bottom), at(1 - right, 1 - top), at(left, 1 - top)
    self.quad(corners, colour, lamp)

  def model(self) -> Model:
    corners = np.stack(self.quads)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Model(corners, normals, np.array(self.colours, float), np.array(self.lamps, np.int8))


def _wheels(builder: _Builder, length: float, width: float, radius: float) -> None:
  for x in (-0.31 * length, 0.31 * length):
    for y, sign in ((-width / 2 - 0.01, 1), (width / 2 + 0.01, -1)):
      low, high = x - sign * radius, x + sign * radius
      cut = 0.45 * radius * sign
      builder.quad(
        [(low + cut, y, 0), (high - cut, y, 0), (high, y, radius), (low, y, radius)], _TYRE
      )
      builder.quad(
        [(low, y, radius), (high, y, radius), (high - cut, y, 2 * radius),
         (low + cut, y, 2 * radius)],
        _TYRE,
      )  # fmt: skip


def _vehicle(actor: Actor) -> Model:
  length, width, height = actor.length, actor.width, actor.height
  half, side = length / 2, width / 2
  builder = _Builder()
  ground = 0.25
  if actor.kind == 'car':
    belt, cabin, taper = 0.58 * height, (-0.40 * length, 0.20 * length), 0.10 * length
  elif actor.kind == 'van':
    belt, cabin, taper = 0.5 * height, (-0.49 * length, 0.36 * length), 0.05 * length
  else:
    belt, cabin, taper = 0.35 * height, (-half, half), 0.02
  if actor.kind == 'lorry':
    builder.box((-half, half), (-side, side), (ground, 0.9), (58, 58, 60))
    builder.box((half - 1.9, half), (-side, side), (0.5, 0.8 * height), actor.paint)
    front = [(half, -side, 0.5), (half, side, 0.5), (half, side, 0.8 * height),
             (half, -side, 0.8 * height)]  # fmt: skip
    builder.panel(front, (0.08, 0.08, 0.5, 0.1), _GLASS, 3)
    builder.box((-half, half - 2.1), (-side, side), (0.85, height), actor.accent)
  else:
    builder.box((-half, half), (-side, side), (ground, belt), actor.paint)
  _wheels(builder, length, width, 0.48 if actor.kind in ('lorry', 'bus') else 0.33)
  if actor.kind != 'lorry':
    first = len(builder.quads)
    builder.box(cabin, (-side * 0.97, side * 0.97), (belt, height), actor.paint, taper)
    back, front, right, left = builder.quads[first : first + 4]
    builder.panel(back, (0.1, 0.1, 0.15, 0.15), _GLASS, 3)
    builder.panel(front, (0.07, 0.07, 0.08, 0.12), _GLASS, 3)
    panes = {'car': 2, 'van': 3, 'bus': 5}[actor.kind]
    seen = range(panes - 1, panes) if actor.kind == 'van' else range(panes)
    for pane in seen:
      low, high = (pane + 0.09) / panes, 1 - (pane + 0.93) / panes
      builder.panel(right, (low, high, 0.12, 0.16), _GLASS, 3)
      builder.panel(left, (high, low, 0.12, 0.16), _GLASS, 3)
  low, high = 0.45 * belt, 0.75 * belt
  if actor.kind in ('lorry', 'bus'):
    low, high = 0.55, 0.85
  for sign in (-1, 1):
    y = sorted((sign * side * 0.95, sign * side * 0.6))
    ahead, behind = half + 0.01, -half - 0.01
    builder.quad(
      [(ahead, y[0], low), (ahead, y[1], low), (ahead, y[1], high), (ahead, y[0], high)],
      (232, 230, 214), 1,
    )  # fmt: skip
    builder.quad(
      [(behind, y[1], low), (behind, y[0], low), (behind, y[0], high), (behind, y[1], high)],
      (120, 22, 20), 2,
    )  # fmt: skip
  return builder.model()


def _person(builder: _Builder, x: float, z: float, scale: float, actor, stride: float) -> None:
  """Adds a standing person whose legs are `stride` metres apart, feet at height z."""
  for side, step in ((-0.1, stride), (0.1, -stride)):
    foot, hip = x + step, x
    low, high = z, z + 0.82 * scale
    for a, b in ((-0.08, 0.08),):
      y0, y1 = side - 0.07, side + 0.07
      builder.quad([(foot + b, y0, low), (foot + b, y1, low), (hip + b, y1, high),
                    (hip + b, y0, high)], actor.accent)  # fmt: skip
      builder.quad([(foot + a, y1, low), (foot + a, y0, low), (hip + a, y0, high),
                    (hip + a, y1, high)], actor.accent)  # fmt: skip
      builder.quad([(foot + a, y0, low), (foot + b, y0, low), (hip + b, y0, high),
                    (hip + a, y0, high)], actor.accent)  # fmt: skip
      builder.quad([(foot + b, y1, low), (foot + a, y1, low), (hip + a, y1, high),
                    (hip + b, y1, high)], actor.accent)  # fmt: skip
  chest, neck = z + 0.8 * scale, z + 1.46 * scale
  builder.box((x - 0.14, x + 0.14), (-0.24, 0.24), (chest, neck), actor.paint)
  builder.box((x - 0.1, x + 0.1), (-0.1, 0.1), (neck, z + 1.75 * scale), _SKIN)


def _two_wheeler(actor: Actor, mounted: bool) -> Model:
  builder = _Builder()
  half = actor.length / 2
  thick = 0.12 if actor.kind == 'motorcycle' else 0.05
  radius = 0.32
  for x in (-half + radius, half - radius):
    builder.box((x - radius, x + radius), (-thick / 2, thick / 2), (0.0, 2 * radius), _TYRE)
  heavy = actor.kind == 'motorcycle'
  frame = actor.paint if heavy else (70, 72, 76)
  wide = 0.2 if heavy else 0.05
  builder.box((-0.5 * half, 0.55 * half), (-wide, wide), (0.4, 0.85 if heavy else 0.7), frame)
  builder.box((0.45 * half, 0.6 * half), (-0.33, 0.33), (0.9, 1.0), (44, 44, 46))
  if heavy:
    front, back = 0.72 * half, -0.72 * half
    builder.quad([(front, -0.12, 0.6), (front, 0.12, 0.6), (front, 0.12, 0.8),
                  (front, -0.12, 0.8)], (236, 232, 214), 1)  # fmt: skip
    builder.quad([(back, 0.1, 0.6), (back, -0.1, 0.6), (back, -0.1, 0.75),
                  (back, 0.1, 0.75)], (120, 22, 20), 2)  # fmt: skip
  if mounted:
    seat = 0.75 if heavy else 0.85
    for y in (-0.2, 0.2):
      builder.box((-0.1, 0.25), (y - 0.07, y + 0.07), (0.3, seat + 0.1), actor.accent)
    lean = (-0.22, 0.14)
    builder.box(lean, (-0.23, 0.23), (seat, seat + 0.62), actor.accent)
    builder.box((0.1, 0.5), (-0.3, 0.3), (seat + 0.25, seat + 0.4), actor.accent)
    head = (30, 30, 34) if heavy else _SKIN
    builder.box((-0.08, 0.16), (-0.12, 0.12), (seat + 0.62, seat + 0.92), head)
  return builder.model()


@functools.lru_cache(maxsize=512)
def create_model(actor: Actor, pose: int) -> Model:
  """Returns an actor's solid.

  Args:
    actor: whose.
    pose: for a pedestrian the step of the stride, 0 .. 3; for a two-wheeler 1 with
      its rider, 0 without; else 0.
  """
  if actor.kind == 'pedestrian':
    builder = _Builder()
    _person(builder, 0.0, 0.0, actor.height / 1.75, actor, (0.0, 0.22, 0.0, -0.22)[pose])
    return builder.model()
  if actor.kind in ('motorcycle', 'bicycle'):
    return _two_wheeler(actor, bool(pose))
  return _vehicle(actor)
