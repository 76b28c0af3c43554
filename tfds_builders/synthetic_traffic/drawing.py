"""Frames: actors, shadows, lamps, particles, weather and sensor over the still scene."""

from collections.abc import Iterator

import cv2
import numpy as np

from tfds_builders.synthetic_traffic import recording as rec
from tfds_builders.synthetic_traffic.actors import Actor, create_model
from tfds_builders.synthetic_traffic.camera import HEIGHT, WIDTH, Camera
from tfds_builders.synthetic_traffic.scenery import Scenery, create_scenery, fill, haze, shade
from tfds_builders.synthetic_traffic.sites import Look, Site

_BRAKE_LAMP = np.array((255.0, 40.0, 30.0))
_HEAD_LAMP = np.array((255.0, 250.0, 225.0))
_NOISE_FIELDS = 6


def silhouette(camera: Camera, actor: Actor, pose: np.ndarray) -> np.ndarray:
  """Returns the box (x_min, y_min, x_max, y_max) around an actor's solid, not clipped."""
  corners, _ = rec.place(create_model(actor, int(pose[rec.VARIANT])), pose)
  pixels, _ = camera.project(corners.reshape(-1, 3))
  return np.concatenate([pixels.min(0), pixels.max(0)])


def _draw_shadow(mask: np.ndarray, site: Site, actor: Actor, pose: np.ndarray) -> None:
  """Marks where an actor keeps the light off the ground."""
  tall = actor.height if abs(pose[rec.PITCH]) + abs(pose[rec.ROLL]) < 0.8 else 0.4
  half = np.array([actor.length, actor.width]) / 2
  corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * half
  base = corners @ rec.rotation(pose[rec.HEADING], 0, 0)[:2, :2].T + pose[:2]
  cast = site.look.sun[:2] / site.look.sun[2] * (tall + pose[rec.Z])
  lift = site.look.sun[:2] / site.look.sun[2] * pose[rec.Z]
  outline = np.concatenate([base - lift, base - cast])
  pixels, depths = site.camera.project(np.column_stack([outline, np.zeros(8)]))
  if depths.min() > 2:
    hull = cv2.convexHull(pixels.astype(np.float32))[:, 0]
    fill(mask, hull, 255)


def _draw_actor(image: np.ndarray, site: Site, actor: Actor, pose: np.ndarray) -> None:
  camera, look = site.camera, site.look
  model = create_model(actor, int(pose[rec.VARIANT]))
  corners, normals = rec.place(model, pose)
  facing = ((camera.position - corners[:, 0]) * normals).sum(1) > 0
  pixels, depths = camera.project(corners[facing])
  if depths.min() < 2:
    return
  lamps = model.lamps[facing]
  colours = haze(shade(model.colours[facing], normals[facing], look), depths[:, 0], look)
  if pose[rec.BRAKING] > 0.5:
    colours[lamps == 2] = _BRAKE_LAMP
  elif look.night:
    colours[lamps == 2] = _BRAKE_LAMP * 0.65
  if look.night:
    colours[lamps == 1] = _HEAD_LAMP
  points = np.clip(pixels * 16 - 8, -32000, 32000).astype(np.int32)
  for polygon, colour in zip(points, colours.tolist()):
    cv2.fillConvexPoly(image, polygon, colour, cv2.LINE_AA, 4)


def _draw_puff(image: np.ndarray, camera: Camera, puff: rec.Puff, look: Look) -> None:
  (u, v), depth = camera.project(puff.position)
  radius = puff.radius * camera.focal / max(depth, 2.0)
  x0, x1 = max(int(u - radius), 0), min(int(u + radius) + 2, WIDTH)
  y0, y1 = max(int(v - radius), 0), min(int(v + radius) + 2, HEIGHT)
  if depth < 2 or x0 >= x1 or y0 >= y1:
    return
  colour = np.asarray(puff.colour) * look.exposure
  if radius < 2.5:
    size = max(radius, 0.6)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size + (u, v)
    fill(image, corners, tuple(np.clip(colour, 0, 255)))
    return
  distance = np.hypot(*np.ogrid[y0 - v : y1 - v, x0 - u : x1 - u][::-1]) / radius
  cover = (puff.opacity * np.clip(1 - distance**2, 0, 1))[..., None]
  window = image[y0:y1, x0:x1]
  window[:] = window * (1 - cover) + colour * cover


def _draw_glow(image: np.ndarray, site: Site, actor: Actor, pose: np.ndarray) -> None:
  """Adds the light that head lamps throw on the road."""
  turn = rec.rotation(pose[rec.HEADING], 0, 0)[:2, :2]
  spots = np.array([[2.0, 0.5], [2.0, -0.5], [6.5, -1.6], [6.5, 1.6]]) + (actor.length / 2 - 2, 0)
  ground = np.column_stack([spots @ turn.T + pose[:2], np.zeros(4)])
  pixels, depths = site.camera.project(ground)
  if depths.min() < 2:
    return
  x, y, w, h = cv2.boundingRect(pixels.astype(np.int32))
  x0, y0, x1, y1 = max(x - 2, 0), max(y - 2, 0), min(x + w + 3, WIDTH), min(y + h + 3, HEIGHT)
  if x0 >= x1 or y0 >= y1:
    return
  beam = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
  fill(beam, pixels - (x0, y0), (46, 44, 34))
  window = image[y0:y1, x0:x1]
  window[:] = cv2.add(window, cv2.blur(beam, (5, 5)))


class _Sensor:
  """Exposure changes, rain, blur and noise of the camera."""

  def __init__(self, look: Look, num_frames: int, rng: np.random.Generator):
    self._look, self._rng = look, rng
    noise = rng.normal(0, look.noise, (_NOISE_FIELDS, HEIGHT + 64, WIDTH + 64, 3))
    noise = 0.6 * noise + 0.6 * noise.mean(-1, keepdims=True)
    self._plus = np.clip(np.round(noise), 0, 60).astype(np.uint8)
    self._minus = np.clip(np.round(-noise), 0, 60).astype(np.uint8)
    hum = np.sin(np.arange(num_frames) * rng.uniform(0.4, 2.8)) + rng.normal(0, 0.5, num_frames)
    steps = np.zeros(num_frames)
    for _ in range(rng.poisson(0.8)):  # a cloud, or automatic gain
      start, gain = rng.integers(num_frames), rng.normal(0, 0.05)
      steps += gain / (1 + np.exp(-(np.arange(num_frames) - start) / rng.uniform(2, 9)))
    self._gains = 1 + look.flicker * hum + steps

  def expose(self, image: np.ndarray, frame: int) -> np.ndarray:
    """Returns what the camera delivers of a clean image."""
    rng, look = self._rng, self._look
    for _ in range(look.rain):
      x, y = rng.integers(0, WIDTH), rng.integers(-10, HEIGHT)
      cv2.line(image, (x, y), (x - 2, y + int(rng.integers(6, 14))), (168, 172, 178), 1)
    if look.blur > 0.25:
      image = cv2.GaussianBlur(image, (3, 3), look.blur)
    gain = self._gains[frame]
    if abs(gain - 1) > 0.002:
      image = cv2.convertScaleAbs(image, alpha=gain)
    field = rng.integers(_NOISE_FIELDS)
    y, x = rng.integers(0, 64, 2)
    window = np.s_[y : y + HEIGHT, x : x + WIDTH]
    image = cv2.add(image, self._plus[field][window])
    return cv2.subtract(image, self._minus[field][window])


def draw_frames(
  site: Site, recording: rec.Recording, seed: int, scenery: Scenery | None = None
) -> Iterator[np.ndarray]:
  """Yields the RGB frames uint8 [240, 320, 3] of a recording, one by one."""
  rng = np.random.default_rng([seed, 3])
  scenery = scenery or create_scenery(site)
  sensor = _Sensor(site.look, recording.num_frames, rng)
  mask = np.empty((HEIGHT, WIDTH), np.uint8)
  for frame in range(recording.num_frames):
    image = scenery.lit.copy()
    poses = recording.poses[frame]
    present = np.flatnonzero(~np.isnan(poses[:, rec.X]))
    spots = np.column_stack([poses[present, :2], np.full(len(present), 0.5)])
    pixels, depths = site.camera.project(spots)
    seen = (depths > 3) & (np.abs(pixels - (WIDTH / 2, HEIGHT / 2)) < (330, 280)).all(1)
    order = [(depth, 0, int(a)) for depth, a in zip(depths[seen], present[seen])]
    order += [(prop.depth, 1, k) for k, prop in enumerate(scenery.props)]
    puffs = recording.puffs[frame]
    for k, puff in enumerate(puffs):
      order.append((float(site.camera.project(puff.position)[1]) - 0.8, 2, k))
    order.sort(key=lambda entry: -entry[0])
    mask[:] = 0
    for a in present[seen]:
      _draw_shadow(mask, site, recording.cast[a], poses[a])
    cv2.copyTo(scenery.shaded, mask, image)
    if site.look.night:
      for a in present[seen]:
        actor = recording.cast[a]
        if actor.is_vehicle and actor.kind != 'bicycle' and abs(poses[a, rec.ROLL]) < 1:
          _draw_glow(image, site, actor, poses[a])
    for _, sort, k in order:
      if sort == 0:
        _draw_actor(image, site, recording.cast[k], poses[k])
      elif sort == 1:
        prop = scenery.props[k]
        height, width = prop.mask.shape
        window = image[prop.y : prop.y + height, prop.x : prop.x + width]
        cv2.copyTo(prop.patch, prop.mask, window)
      else:
        _draw_puff(image, site.camera, puffs[k], site.look)
    yield sensor.expose(image, frame)
