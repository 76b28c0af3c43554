"""Sites: one fixed camera at one place under one light and weather."""

import dataclasses

import numpy as np

from tfds_builders.synthetic_traffic.camera import Camera, create_camera
from tfds_builders.synthetic_traffic.layouts import Layout, create_layout
from tfds_builders.synthetic_traffic.traffic import Demand


@dataclasses.dataclass(frozen=True)
class Look:
  """Light, weather and sensor of a site.

  Attributes:
    seed: of textures and scenery.
    exposure: factor on all colours, RGB.
    sun: float [3], direction to the light.
    shadow: share of light that shadows keep, 0 .. 1.
    ground: 'grass', 'stone' or 'sand'.
    fog: share of contrast lost per 100 m.
    rain: streaks per frame.
    night: whether lamps are on.
    noise: standard deviation of the sensor noise, grey levels.
    flicker: relative amplitude of exposure changes.
    blur: radius of the lens blur in pixels.
    crf: constant rate factor of H.264.
  """

  seed: int
  exposure: tuple[float, float, float]
  sun: np.ndarray
  shadow: float
  ground: str
  fog: float
  rain: int
  night: bool
  noise: float
  flicker: float
  blur: float
  crf: int


@dataclasses.dataclass(frozen=True)
class Site:
  """One place with its camera.

  Attributes:
    seed: what it was drawn from.
    layout: roads and paths.
    camera: the fixed camera.
    look: light, weather and sensor.
    demand: usual traffic.
  """

  seed: int
  layout: Layout
  camera: Camera
  look: Look
  demand: Demand


def _create_look(rng: np.random.Generator) -> Look:
  weather = rng.choice(['clear', 'cloudy', 'rain', 'fog', 'dusk'], p=[0.38, 0.27, 0.13, 0.08, 0.14])
  tint = rng.normal(0, 0.03, 3) + rng.uniform(0.88, 1.08)
  if weather == 'dusk':
    tint = tint * (0.62, 0.64, 0.72)
  if weather in ('rain', 'fog'):
    tint = tint * 0.9
  bearing, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.6)
  return Look(
    seed=int(rng.integers(2**31)),
    exposure=tuple(tint),
    sun=np.array([np.cos(bearing), np.sin(bearing), height]) / np.hypot(1, height),
    shadow={'clear': float(rng.uniform(0.5, 0.65)), 'dusk': 0.88}.get(weather, 0.8),
    ground=str(rng.choice(['grass', 'stone', 'sand'], p=[0.5, 0.35, 0.15])),
    fog=float(rng.uniform(0.5, 0.9)) if weather == 'fog' else float(rng.uniform(0, 0.2)),
    rain=int(rng.integers(25, 70)) if weather == 'rain' else 0,
    night=bool(weather == 'dusk'),
    noise=float(rng.uniform(1.0, 5.0)) + 2.0 * (weather == 'dusk'),
    flicker=float(rng.choice([0.0, 0.006, 0.02], p=[0.4, 0.4, 0.2])),
    blur=float(rng.uniform(0, 0.8)),
    crf=int(rng.integers(20, 31)),
  )


def create_site(seed: int) -> Site:
  """Returns the site of a seed."""
  rng = np.random.default_rng([seed, 1])
  layout = create_layout(rng)
  large = layout.name in ('crossroads', 't-junction', 'roundabout')
  bearing = rng.uniform(0, 2 * np.pi)
  if not large:
    # along the road as well as across it, but not exactly from above its end
    bearing = rng.choice([-1, 1]) * (np.pi / 2 + rng.uniform(-1.15, 1.15))
  distance = rng.uniform(18, 30)
  height = rng.uniform(9, 16)  # as on a gantry or a roof: cars hide one another little
  scale = rng.uniform(11.5, 14.5) if large else rng.uniform(13.0, 17.0)  # pixels per metre
  target = np.array([rng.uniform(-3, 3), rng.uniform(-2, 2), 0.0])
  position = target + (distance * np.cos(bearing), distance * np.sin(bearing), height)
  target = target + (0, 0, rng.uniform(0.0, 1.5))
  camera = create_camera(position, target, scale * np.hypot(distance, height))
  shares = rng.dirichlet([14, 2.5, 1.5, 0.8, 4.0, 2.2]) * 0.85 + (0.05, 0, 0, 0, 0.08, 0.02)
  mix = dict(zip(('car', 'van', 'lorry', 'bus', 'motorcycle', 'bicycle'), shares))
  demand = Demand(
    headway_s=float(rng.uniform(8.0, 14.0)) * (2.2 if large else 1.0),
    mix=mix, walkers=int(rng.integers(2, 5)),
    speed=float(rng.uniform(7.0, 10.0)),
  )
  return Site(seed, layout, camera, _create_look(rng), demand)
