"""A pinhole camera over a ground plane: metres in, pixels out.

World: x and y span the ground, z points up, one unit is one metre. Image: u to the right,
v down, origin at the upper left corner.
"""

import dataclasses

import numpy as np

WIDTH, HEIGHT = 320, 240
NEAREST_M = 1.0


@dataclasses.dataclass(frozen=True)
class Camera:
  """A fixed camera.

  Attributes:
    position: float [3], metres.
    rotation: float [3, 3], rows are the image's right, down and forward axes in the world.
    focal: focal length in pixels.
  """

  position: np.ndarray
  rotation: np.ndarray
  focal: float

  def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels [..., 2] and depths [...] in metres of world points [..., 3]."""
    seen = (points - self.position) @ self.rotation.T
    depth = np.maximum(seen[..., 2], NEAREST_M)
    pixels = seen[..., :2] * (self.focal / depth)[..., None]
    return pixels + (WIDTH / 2, HEIGHT / 2), seen[..., 2]

  def sees(self, ground: np.ndarray, margin: float) -> bool:
    """Tells whether a ground point [2] lies inside the image by `margin` pixels."""
    (u, v), depth = self.project(np.array([ground[0], ground[1], 0.5]))
    inside = margin < u < WIDTH - margin and margin < v < HEIGHT - margin
    return bool(inside and depth > NEAREST_M)

  def ground_homography(self, scale: float) -> np.ndarray:
    """Returns [3, 3] from ground metres (x, y, 1) to pixels of an image `scale` times larger."""
    intrinsics = np.array(
      [[self.focal, 0, WIDTH / 2], [0, self.focal, HEIGHT / 2], [0, 0, 1 / scale]]
    )
    intrinsics[:2] *= 1.0
    plane = np.stack(
      [self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ self.position], axis=1
    )
    return intrinsics @ plane


def create_camera(position: np.ndarray, target: np.ndarray, focal: float) -> Camera:
  """Returns the upright camera at `position` that looks at `target` (both float [3])."""
  forward = (target - position) / np.linalg.norm(target - position)
  right = np.cross(forward, [0.0, 0.0, 1.0])
  right /= np.linalg.norm(right)
  down = np.cross(forward, right)
  return Camera(np.asarray(position, float), np.stack([right, down, forward]), float(focal))
