"""What does not move: ground, road markings, buildings, trees and poles, drawn once per video."""

import dataclasses

import cv2
import numpy as np

from tfds_builders.synthetic_traffic.camera import HEIGHT, WIDTH
from tfds_builders.synthetic_traffic.sites import Look, Site

GROUND_HALF_M = 90.0
PIXELS_PER_M = 9.0
_HIDDEN_SHARE = 0.02  # of the visible lanes, by one thing
_GROUND_COLOURS = {'grass': (92, 112, 62), 'stone': (142, 138, 130), 'sand': (168, 152, 118)}


@dataclasses.dataclass(frozen=True)
class Prop:
  """A standing thing that can hide actors behind it.

  Attributes:
    depth: metres from the camera.
    x, y: left upper corner of its patch in pixels.
    patch: uint8 [h, w, 3].
    mask: uint8 [h, w], 255 where it covers.
  """

  depth: float
  x: int
  y: int
  patch: np.ndarray
  mask: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scenery:
  """The empty scene.

  Attributes:
    lit: uint8 [h, w, 3] RGB.
    shaded: the same with the sun taken away, for cast shadows.
    props: what stands in the scene, farthest first.
  """

  lit: np.ndarray
  shaded: np.ndarray
  props: list[Prop]


def shade(colours: np.ndarray, normals: np.ndarray, look: Look) -> np.ndarray:
  """Returns colours [q, 3] of faces with normals [q, 3] in the site's light."""
  light = 0.62 + 0.42 * np.clip(normals @ look.sun, 0, 1) * (1 - look.shadow) / 0.4
  return colours * light[:, None] * np.asarray(look.exposure)


def haze(colours: np.ndarray, depths: np.ndarray, look: Look) -> np.ndarray:
  """Returns colours [q, 3] faded into the fog with depth [q] in metres."""
  kept = (1 - look.fog) ** (np.maximum(depths, 0) / 60)
  grey = np.array([196, 200, 205]) * np.asarray(look.exposure)
  return np.clip(colours * kept[:, None] + grey * (1 - kept[:, None]), 0, 255)


def fill(image: np.ndarray, pixels: np.ndarray, colour) -> None:
  """Fills a convex polygon [n, 2] with smooth edges."""
  points = np.clip(pixels * 16 - 8, -32000, 32000).astype(np.int32)
  cv2.fillConvexPoly(image, points, colour, cv2.LINE_AA, 4)


def _ground_texture(site: Site, rng: np.random.Generator) -> np.ndarray:
  """Returns the ground seen from above, float32 [n, n, 3]."""
  size = int(2 * GROUND_HALF_M * PIXELS_PER_M)

  def pixels(points):
    return np.round((np.asarray(points) + GROUND_HALF_M) * PIXELS_PER_M * 16).astype(np.int32)

  ground = np.empty((size, size, 3), np.float32)
  ground[:] = np.array(_GROUND_COLOURS[site.look.ground]) * rng.uniform(0.85, 1.1)
  coarse = cv2.resize(rng.normal(0, 1, (40, 40)).astype(np.float32), (size, size),
                      interpolation=cv2.INTER_CUBIC)  # fmt: skip
  middle = cv2.resize(rng.normal(0, 1, (360, 360)).astype(np.float32), (size, size))
  ground += (9 * coarse + 6 * middle)[..., None]
  pavement = np.array((158, 155, 150)) * rng.uniform(0.85, 1.1)
  asphalt = np.array((96, 97, 100)) * rng.uniform(0.75, 1.25)
  for margin, colour in ((5.6, pavement), (0.5, (178, 176, 170)), (0.0, asphalt)):
    for line, width in site.layout.roads:
      thick = max(1, int((width + margin) * PIXELS_PER_M))
      cv2.polylines(ground, [pixels(line)], False, tuple(map(float, colour)), thick, shift=4)
    if site.layout.name == 'roundabout':
      continue
  if site.layout.name == 'roundabout':
    centre = tuple(int(v) for v in pixels([0, 0]) // 16)
    cv2.circle(ground, centre, int(5.3 * PIXELS_PER_M), (178, 176, 170), -1)
    cv2.circle(ground, centre, int(4.9 * PIXELS_PER_M), (84, 112, 62), -1)
  elif site.layout.name in ('crossroads', 't-junction'):
    centre = tuple(int(v) for v in pixels([0, 0]) // 16)
    cv2.circle(ground, centre, int(5.4 * PIXELS_PER_M), tuple(map(float, asphalt)), -1)
  white = (218.0, 218.0, 212.0)
  for line, dashed, width in site.layout.lines:
    thick = max(1, int(round(width * PIXELS_PER_M)))
    if not dashed:
      cv2.polylines(ground, [pixels(line)], False, white, thick, cv2.LINE_AA, 4)
      continue
    dash = max(2, 3 if len(line) > 4 else 2)
    if len(line) == 2:
      line = line[0] + (line[1] - line[0]) * np.linspace(0, 1, 9)[:, None]
      dash = 1
    for start in range(0, len(line) - dash, 2 * dash):
      piece = line[start : start + dash + 1]
      cv2.polylines(ground, [pixels(piece)], False, white, thick, cv2.LINE_AA, 4)
  for start, end in site.layout.zebras:
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0]])
    for step in np.arange(0.5, np.linalg.norm(end - start) - 0.4, 1.0):
      low = start + step * along
      bar = [low - 1.3 * across, low + 1.3 * across, low + 0.5 * along + 1.3 * across,
             low + 0.5 * along - 1.3 * across]  # fmt: skip
      cv2.fillConvexPoly(ground, pixels(bar), white, cv2.LINE_AA, 4)
  # wear: oil along the lanes, patches, grain
  wear = np.zeros((size, size), np.float32)
  for lane in site.layout.lanes:
    cv2.polylines(wear, [pixels(lane.points)], False, 9.0, int(0.9 * PIXELS_PER_M), shift=4)
  wear = cv2.GaussianBlur(wear, (0, 0), 4)
  for _ in range(30):
    corner = rng.uniform(-25, 25, 2)
    box = corner + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * rng.uniform(0.4, 3.0, 2)
    cv2.fillConvexPoly(wear, pixels(box), float(rng.uniform(-8, 12)), cv2.LINE_AA, 4)
  return ground - wear[..., None] + rng.normal(0, 4, (size, size, 1)).astype(np.float32)


def _warp(site: Site, ground: np.ndarray) -> np.ndarray:
  """Returns the ground as the camera sees it, float32 [h, w, 3], antialiased."""
  scale = 2
  shift = np.array(
    [[1 / PIXELS_PER_M, 0, -GROUND_HALF_M], [0, 1 / PIXELS_PER_M, -GROUND_HALF_M], [0, 0, 1]]
  )
  zoom = np.diag([scale, scale, 1.0])
  homography = zoom @ site.camera.ground_homography(1.0) @ shift
  seen = cv2.warpPerspective(
    ground, homography, (WIDTH * scale, HEIGHT * scale), flags=cv2.INTER_LINEAR,
    borderMode=cv2.BORDER_REPLICATE,
  )
  return cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def _sky_and_depth(site: Site, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Paints the sky above the horizon and returns the ground's depth [h, w] in metres."""
  camera = site.camera
  v, u = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
  rays = np.stack([(u - WIDTH / 2) / camera.focal, (v - HEIGHT / 2) / camera.focal,
                   np.ones_like(u)], axis=-1) @ camera.rotation  # fmt: skip
  depth = np.where(rays[..., 2] < -1e-3, -camera.position[2] / np.minimum(rays[..., 2], -1e-3), 400)
  above = rays[..., 2] > -camera.position[2] / 260
  top = np.array((150, 175, 205)) * rng.uniform(0.8, 1.1)
  image[above] = top + np.clip(1 - rays[above][:, 2:] * 2.2, 0, 1) * (205 - top)
  return np.minimum(depth, 260)


def _stands(site: Site, rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
  """Chooses what stands where beside the roads: (kind, x y heading)."""
  roads = np.concatenate([path.points for path in site.layout.lanes])
  chosen = []
  camera = site.camera.position[:2]
  for line in site.layout.kerbs:
    side = 1 if line is not None else -1
    for index in range(2, len(line) - 1):
      step = line[index] - line[index - 1]
      step = step / np.linalg.norm(step)
      for normal in (np.array([step[1], -step[0]]), np.array([-step[1], step[0]])):
        kind = str(rng.choice(['building', 'tree', 'pole', 'bush'], p=[0.35, 0.3, 0.15, 0.2]))
        away = {'building': 7.5, 'tree': 2.2, 'pole': 0.3, 'bush': 1.8}[kind]
        place = line[index] + away * side * normal
        clear = {'building': 11.0, 'tree': 4.6, 'pole': 3.4, 'bush': 4.4}[kind]
        near = np.linalg.norm(roads - place, axis=1).min()
        spaced = all(
          np.hypot(*(place - other[:2])) > (9.5 if kind == 'building' or name == 'building' else 5)
          for name, other in chosen
        )
        toward_camera = np.hypot(*(place - camera))
        if near > clear and near < clear + 3 and spaced and toward_camera > 9:
          if kind == 'building' and (camera - place) @ (place * -1 + 1e-9) < 0:
            if np.hypot(*place) > 0 and (place @ camera) > 0:
              continue  # a house between camera and road would hide the scene
          if rng.random() < 0.3:
            chosen.append((kind, np.array([*place, np.arctan2(step[1], step[0])])))
  return chosen


def _draw_building(image, mask, site, place, rng) -> None:
  x, y, heading = place
  half = np.array([rng.uniform(3.2, 5), rng.uniform(3, 4.5)])
  tall = rng.uniform(4, 13)
  wall = np.array([(176, 160, 140), (150, 96, 78), (196, 192, 184), (134, 138, 146)][
    rng.integers(4)]) * rng.uniform(0.85, 1.1)  # fmt: skip
  turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
  corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * half @ turn.T + (x, y)
  walls = []
  for k in range(4):
    a, b = corners[k], corners[(k + 1) % 4]
    normal = np.array([(b - a)[1], -(b - a)[0], 0.0]) / np.linalg.norm(b - a)
    if normal[:2] @ (site.camera.position[:2] - (a + b) / 2) > 0:
      walls.append((a, b, normal))

  def face(points, colour, normal):
    pixels, depths = site.camera.project(np.asarray(points, float))
    if depths.min() < 2:
      return
    tone = haze(shade(np.array([colour]), np.array([normal]), site.look), depths[:1], site.look)
    fill(image, pixels, tuple(tone[0]))
    fill(mask, pixels, 255)

  for a, b, normal in walls:
    face([(*a, 0), (*b, 0), (*b, tall), (*a, tall)], wall, normal)
    columns, floors = max(2, int(np.linalg.norm(b - a) / 2)), max(1, int(tall / 2.8))
    for column in range(columns):
      for floor in range(floors):
        low, high = (column + 0.28) / columns, (column + 0.72) / columns
        p, q = a + low * (b - a), a + high * (b - a)
        bottom = (floor + 0.35) * tall / floors
        pane = [(*p, bottom), (*q, bottom), (*q, bottom + 1.3), (*p, bottom + 1.3)]
        lit = site.look.night and rng.random() < 0.3
        face(pane, (235, 205, 130) if lit else (62, 72, 84), normal)
  roof = [(*corner, tall) for corner in corners]
  face(roof, (118, 108, 104), (0, 0, 1))


def _draw_tree(image, mask, site, place, rng, bush: bool) -> None:
  x, y, _ = place
  tall = rng.uniform(0.7, 1.1) if bush else rng.uniform(3.5, 7)
  crown = rng.uniform(0.5, 0.9) if bush else rng.uniform(1.1, 2.0)
  green = np.array((62, 92, 46)) * rng.uniform(0.75, 1.25)
  pixels, depths = site.camera.project(np.array([[x, y, 0], [x, y, tall]]))
  scale = site.camera.focal / max(depths[0], 2)
  look = site.look
  if not bush:
    trunk = haze(shade(np.array([(84, 66, 50.0)]), np.array([[0, 0, 1.0]]), look), depths[:1], look)
    for canvas, colour in ((image, tuple(trunk[0])), (mask, 255)):
      cv2.line(canvas, *(tuple(int(v) for v in p) for p in pixels), colour,
               max(1, int(0.28 * scale)), cv2.LINE_AA)  # fmt: skip
  for k in range(26):
    spread = rng.normal(0, 0.42, 3) * crown
    lump, _ = site.camera.project(np.array([x, y, tall]) + spread)
    tone = green * (0.72 + 0.3 * (spread @ look.sun) / crown + 0.1 * k / 26)
    colour = haze(shade(tone[None], np.array([[0, 0, 1.0]]), look), depths[:1], look)[0]
    radius = max(1, int(rng.uniform(0.25, 0.5) * crown * scale))
    centre = tuple(int(v) for v in lump)
    cv2.circle(image, centre, radius, tuple(colour), -1, cv2.LINE_AA)
    cv2.circle(mask, centre, radius, 255, -1, cv2.LINE_AA)


def _draw_pole(image, mask, site, place, rng) -> None:
  x, y, heading = place
  tall = rng.uniform(4.5, 7)
  arm = np.array([np.cos(heading + np.pi / 2), np.sin(heading + np.pi / 2), 0]) * 1.4
  points = np.array([[x, y, 0], [x, y, tall], [x + arm[0], y + arm[1], tall + 0.1]])
  pixels, depths = site.camera.project(points)
  if depths.min() < 2:
    return
  wide = max(1, int(round(0.16 * site.camera.focal / depths[0])))
  tone = shade(np.array([(112, 114, 118.0)]), np.array([[0, 0, 1.0]]), site.look)
  tone = haze(tone, depths[:1], site.look)[0]
  line = [np.round(pixels * 16).astype(np.int32)]
  cv2.polylines(image, line, False, tuple(tone), wide, cv2.LINE_AA, 4)
  cv2.polylines(mask, line, False, 255, wide, cv2.LINE_AA, 4)


def _hides_road(site: Site, mask: np.ndarray, depth: float) -> bool:
  """Tells whether a thing at `depth`, drawn in `mask`, hides much of the lanes behind it."""
  lanes = np.concatenate([path.points for path in site.layout.lanes])
  pixels, depths = site.camera.project(np.column_stack([lanes, np.full(len(lanes), 0.8)]))
  columns, rows = pixels[:, 0].astype(int), pixels[:, 1].astype(int)
  seen = (0 <= columns) & (columns < WIDTH) & (0 <= rows) & (rows < HEIGHT) & (depths > 1)
  behind = seen & (depths > depth)
  hidden = np.count_nonzero(mask[rows[behind], columns[behind]])
  return bool(hidden > _HIDDEN_SHARE * np.count_nonzero(seen))


def create_scenery(site: Site) -> Scenery:
  """Returns the empty scene of a site."""
  rng = np.random.default_rng([site.look.seed, 2])
  look = site.look
  seen = _warp(site, _ground_texture(site, rng))
  depth = _sky_and_depth(site, seen, rng)
  sky = depth >= 259
  flat = seen.reshape(-1, 3)
  up = np.array([[0.0, 0.0, 1.0]])
  lit = np.where(sky.reshape(-1, 1), flat * look.exposure, shade(flat, up, look))
  images = [lit, np.where(sky.reshape(-1, 1), flat * look.exposure, lit * look.shadow)]
  images = [haze(image, depth.ravel(), look).reshape(seen.shape) for image in images]
  lit, shaded = (np.ascontiguousarray(image.astype(np.uint8)) for image in images)
  stands = sorted(
    _stands(site, rng), key=lambda s: -np.hypot(*(s[1][:2] - site.camera.position[:2]))
  )
  props = []
  for kind, place in stands:
    ground, depths = site.camera.project(np.array([*place[:2], 0.0]))
    if depths < 4:
      continue
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    image = lit.copy()
    if kind == 'building':
      _draw_building(image, mask, site, place, rng)
    elif kind == 'pole':
      _draw_pole(image, mask, site, place, rng)
    else:
      _draw_tree(image, mask, site, place, rng, kind == 'bush')
    if not mask.any():
      continue
    x, y, w, h = cv2.boundingRect(mask)
    if _hides_road(site, mask, float(depths)):
      continue  # nobody mounts a camera there
    window = np.s_[y : y + h, x : x + w]
    patch, mask = image[window].copy(), np.where(mask[window] > 127, 255, 0).astype(np.uint8)
    cv2.copyTo(patch, mask, lit[window])
    cv2.copyTo(patch, mask, shaded[window])
    props.append(Prop(float(depths), x, y, patch, mask))
  return Scenery(lit, shaded, props)
