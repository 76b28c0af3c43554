"""Clips of generic motion with their labels: what the small C3D is pretrained on.

Every video is rendered, compressed, decoded again and cut into windows as the tubes of
the pipeline are; its file of clips stands for the finished video.
"""

from collections.abc import Callable
import functools
import os

import cv2
import numpy as np
import tqdm

from tfds_builders.generic_motion import playground
from tfds_builders.synthetic_traffic import recording as rec
from tfds_builders.synthetic_traffic.camera import HEIGHT, WIDTH
from tfds_builders.synthetic_traffic.drawing import draw_frames, silhouette
from tfds_builders.synthetic_traffic.sites import create_site
from wsstad_jax.core import boxes
from wsstad_jax.core import files
from wsstad_jax.core import processes
from wsstad_jax.video import clips
from wsstad_jax.video import decode

NUM_FRAMES = 240
CLIP_STEP = 8  # frames from the start of one clip to that of the next
WINDOWS_A_CLIP = 4
_FIRST_SITE = 9_000_000  # sites of traffic have smaller seeds
_SHOWN_SHARE = 0.6  # of a body's box that must be in the window
_LEAST_SIZE = 2.5  # pixels of the clip, longer side of a body that can be seen
_MOST_MOVING = 6
_MOVES = 0.3  # body lengths a second
_STANDS = 0.08
_EDGE_FRAMES = 3  # whose mean is the speed at the begin and the end of a clip
_BITS = 0.22  # metres, radius of the largest splinter and the smallest smoke
_PRESENCE = {
  'vehicle': ('car', 'van', 'lorry', 'bus'),
  'two_wheeler': ('motorcycle', 'bicycle'),
  'person': ('pedestrian',),
}
_OVER_CLIP = (
  'mean_speed',  # body lengths a second, of all that is seen
  'image_speed',  # sides of the window a second, of the fastest centre
  'slowed',  # body lengths a second, from the begin to the end
  'sped_up',
  'swung',  # radians, heading from the begin to the end
  'moving',  # bodies
  'since_contact',  # share of the clip after the first contact
)
_BINARY = (
  'touching', 'lying', 'came_to_rest', 'started', 'fell', 'smoke', 'debris', *_PRESENCE
)  # fmt: skip

LABEL_NAMES = (
  *playground.FACTORS, *_OVER_CLIP, 'came_to_rest', 'started', 'fell', 'smoke', 'debris',
  *_PRESENCE,
)  # fmt: skip
IS_BINARY = tuple(name in _BINARY for name in LABEL_NAMES)
_COLUMN = {name: column for column, name in enumerate(playground.FACTORS)}


def make_clips(
  folder: str,
  *,
  num_videos: int,
  size: int,
  seed: int = 0,
  num_processes: int = 2,
  progress: Callable = tqdm.tqdm,
) -> str:
  """Writes a file of clips for each video, as far as it is missing; returns the folder.

  A file `00012.npz` holds `clips` uint8 [n, 16, size, size], the brightness, and `labels`
  float32 [n, k]; `labels.json` beside them names the labels and tells which are binary.
  """
  folder = os.path.join(folder, f'seed{seed}-size{size}')
  files.write_json(
    os.path.join(folder, 'labels.json'),
    {'names': list(LABEL_NAMES), 'is_binary': list(IS_BINARY), 'num_videos': num_videos},
  )
  paths = [os.path.join(folder, f'{number:05}.npz') for number in range(num_videos)]
  missing = [number for number, path in enumerate(paths) if not os.path.exists(path)]
  work_fn = functools.partial(_make_video, folder, size, seed)
  with processes.process_map(num_processes) as map_fn:
    done = map_fn(work_fn, missing)
    bar = progress(done, desc='Generic motion', total=num_videos, unit='video',
                   initial=num_videos - len(missing))  # fmt: skip
    for _ in bar:
      pass
  return folder


def _make_video(folder: str, size: int, seed: int, number: int) -> None:
  rng = np.random.default_rng([seed, number, 7])
  site = create_site(_FIRST_SITE + 10_000 * seed + number)
  playing = playground.play(site, num_frames=NUM_FRAMES, rng=rng)
  video = os.path.join(folder, f'{number:05}.mp4')
  frames = draw_frames(site, playing.recording, seed=number)
  decode.write_video(
    video, frames, frames_per_second=rec.FRAMES_PER_SECOND, crf=site.look.crf
  )
  grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
          for frame in decode.iterate_frames(video))  # fmt: skip
  cut, labels = _cut_video(grey, site.camera, playing, size, rng)
  os.remove(video)
  with files.atomic_path(os.path.join(folder, f'{number:05}.npz')) as path:
    np.savez(path, clips=cut, labels=labels)


def _silhouettes(camera, recording: rec.Recording) -> np.ndarray:
  """Returns the box of each actor in each frame, not clipped, NaN if absent: float32 [f, a, 4]."""
  outlines = np.full((*recording.poses.shape[:2], 4), np.nan, np.float32)
  for frame, number in np.argwhere(~np.isnan(recording.poses[..., rec.X])):
    pose = recording.poses[frame, number]
    outlines[frame, number] = silhouette(camera, recording.cast[number], pose)
  return outlines


def _cut_video(frames, camera, playing: playground.Playing, size: int, rng):
  """Returns clips uint8 [n, 16, size, size] and labels float32 [n, k] of grey frames [h, w, 1]."""
  cut, labels = [], []
  outlines = _silhouettes(camera, playing.recording)
  starts = np.arange(0, NUM_FRAMES - clips.CLIP_LENGTH + 1, CLIP_STEP)
  for index, shown in clips.iterate_clips(frames, starts):
    span = slice(starts[index], starts[index] + clips.CLIP_LENGTH)
    windows = _windows(outlines[span], playing.factors[span], rng)
    windows.append(np.float32([0, 0, WIDTH, HEIGHT]))  # image-level clips show the whole scene
    puffs = [_puffs(camera, puffs) for puffs in playing.recording.puffs[span]]
    for window_xyxy in windows:
      cut.append(clips.cut_clip(shown, window_xyxy, size))
      seen = _seen(outlines[span], window_xyxy, size)
      labels.append(np.concatenate([
        _labels(playing.recording, span, playing.factors[span], outlines[span], seen, window_xyxy),
        _clouds(puffs, window_xyxy),
        _presence(playing.recording.cast, seen),
      ]))  # fmt: skip
  return np.stack(cut), np.array(labels, np.float32)


def _windows(outlines: np.ndarray, factors: np.ndarray, rng) -> list[np.ndarray]:
  """Returns windows as tubes have them, not quite centred: around one body, two, a part of one.

  A few are larger, or lie anywhere. Bodies close to others come more often.

  Args:
    outlines: float32 [16, a, 4].
    factors: float32 [16, a, len(FACTORS)].
    rng: of choice and jitter.
  """
  low, high = outlines[..., :2], outlines[..., 2:]
  in_view = ((high > 0) & (low < (WIDTH, HEIGHT))).all(axis=-1)  # NaN is not
  candidates = np.flatnonzero(in_view.sum(axis=0) >= 6)
  weights = 1 + factors[..., _COLUMN['nearness']].max(axis=0)
  weights += factors[..., _COLUMN['touching']].max(axis=0)
  weights = weights[candidates] / weights[candidates].sum()
  windows = []
  for _ in range(WINDOWS_A_CLIP):
    kind = rng.random()
    if kind < 0.06 or not len(candidates):
      side, centre = rng.uniform(20, 160), rng.uniform(0, (WIDTH, HEIGHT))
      around = np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)[None]
    else:
      around = _around(outlines, in_view, candidates, int(rng.choice(candidates, p=weights)),
                       kind, rng)  # fmt: skip
    around = boxes.clip(around, WIDTH, HEIGHT)
    window_xyxy = clips.clip_window(
      around, context=rng.uniform(1.05, 1.6), width=WIDTH, height=HEIGHT
    )
    side = max(float(window_xyxy[2] - window_xyxy[0]), 12.0)
    shift = np.tile(rng.normal(0, 0.06, 2) * side, 2)
    windows.append((window_xyxy + shift).astype(np.float32))
  return windows


def _around(outlines, in_view, candidates, body: int, kind: float, rng) -> np.ndarray:
  """Returns boxes [n, 4] around a body as it moves, by `kind` in 0.06 .. 1."""
  around = outlines[in_view[:, body], body]
  others = candidates[candidates != body]
  if kind < 0.45 and len(others):  # with the nearest other, as blobs and groups are
    centres = (outlines[:, others, :2] + outlines[:, others, 2:]) / 2
    own = (outlines[:, [body], :2] + outlines[:, [body], 2:]) / 2
    gaps = np.where(in_view[:, others], np.abs(centres - own).sum(axis=-1), np.inf)
    partner = others[np.argmin(gaps.min(axis=0))]
    around = np.concatenate([around, outlines[in_view[:, partner], partner]])
  elif kind < 0.53:  # a part, as broken blobs are
    around = boxes.dilate(around, rng.uniform(0.5, 0.9))
  elif kind < 0.68:  # with what is around it
    around = boxes.dilate(boxes.enclosing(around)[None], rng.uniform(1.3, 3.5))
  if rng.random() < 0.25 and len(around) > 9:  # a tube that shows only some frames of the clip
    first = rng.integers(0, len(around) - 8)
    around = around[first : first + 9]
  return around


def _seen(outlines: np.ndarray, window_xyxy: np.ndarray, size: int) -> np.ndarray:
  """Returns which bodies can be seen in which frames of a window: bool [16, a].

  Most of a body must be in the window and in the image, and not too small.
  """
  low = np.maximum(window_xyxy[:2], 0)
  high = np.minimum(window_xyxy[2:], (WIDTH, HEIGHT))
  sides = outlines[..., 2:] - outlines[..., :2]
  inside = np.minimum(outlines[..., 2:], high) - np.maximum(outlines[..., :2], low)
  area = np.prod(np.maximum(inside, 0), axis=-1)
  scale = size / np.maximum(window_xyxy[2:] - window_xyxy[:2], 1)
  large = (sides * scale).max(axis=-1) >= _LEAST_SIZE
  return large & (area >= _SHOWN_SHARE * np.prod(sides, axis=-1))  # NaN is not


def _labels(recording, span, factors, outlines, seen, window_xyxy) -> np.ndarray:
  """Returns the labels of LABEL_NAMES up to 'fell', of what is seen in a window.

  Args:
    recording: with the poses.
    span: frames of the clip.
    factors: float32 [16, a, len(FACTORS)].
    outlines: float32 [16, a, 4].
    seen: bool [16, a].
    window_xyxy: [4].
  """
  strongest = np.where(seen[..., None], factors, 0).max(axis=(0, 1), initial=0)
  speeds = np.where(seen, factors[..., _COLUMN['speed']], np.nan)
  centres = (outlines[..., :2] + outlines[..., 2:]) / 2
  steps = np.linalg.norm(centres[4:] - centres[:-4], axis=-1) / 4  # of 4 frames, for less jitter
  steps = np.where(seen[4:] & seen[:-4], steps, 0).max(initial=0)
  image_speed = steps * rec.FRAMES_PER_SECOND / (window_xyxy[2] - window_xyxy[0])
  slowed = sped_up = swung = rested = started = fell = moving = 0.0
  poses = recording.poses[span]
  for body in np.flatnonzero(seen.sum(axis=0) > 2 * _EDGE_FRAMES):
    frames = np.flatnonzero(seen[:, body])
    first, last = frames[:_EDGE_FRAMES], frames[-_EDGE_FRAMES:]
    begin, end = speeds[first, body].mean(), speeds[last, body].mean()
    slowed, sped_up = max(slowed, begin - end), max(sped_up, end - begin)
    heading = poses[[frames[0], frames[-1]], body, rec.HEADING]
    swung = max(swung, abs(float(np.diff(heading)[0])))
    top = speeds[frames, body].max()
    moving += top > _MOVES
    rested = max(rested, float(top > 2 * _MOVES and end < _STANDS))
    started = max(started, float(top > 2 * _MOVES and begin < _STANDS))
    tipped = np.abs(poses[frames][:, body, [rec.ROLL, rec.PITCH]]).sum(axis=-1)
    fell = max(fell, float(tipped[0] < 0.4 and tipped.max() > 0.8))
  contact = (seen & (factors[..., _COLUMN['touching']] > 0)).any(axis=1)
  since = 1 - np.argmax(contact) / clips.CLIP_LENGTH if contact.any() else 0.0
  mean_speed = np.nanmean(speeds) if seen.any() else 0.0
  return np.array([
    *strongest, mean_speed, image_speed, slowed, sped_up, swung, min(moving, _MOST_MOVING), since,
    rested, started, fell,
  ])  # fmt: skip


def _puffs(camera, puffs: list[rec.Puff]) -> tuple[np.ndarray, np.ndarray]:
  """Returns pixels [n, 2] of the smoke and of the bits in the air of one frame."""
  smoke = [puff.position for puff in puffs if puff.radius > _BITS and puff.opacity > 0.1]
  bits = [puff.position for puff in puffs if puff.radius <= _BITS and puff.position[2] > 0.05]
  return tuple(camera.project(np.reshape(points, (-1, 3)))[0] for points in (smoke, bits))


def _clouds(puffs, window_xyxy: np.ndarray) -> np.ndarray:
  """Returns whether a window shows smoke, and bits in the air, in any frame: [2]."""
  most = [
    max(int(((spots > window_xyxy[:2]) & (spots < window_xyxy[2:])).all(-1).sum())
        for spots in sort)
    for sort in zip(*puffs)
  ]  # fmt: skip
  return np.array([most[0] >= 3, most[1] >= 3], float)


def _presence(cast, seen: np.ndarray) -> np.ndarray:
  """Returns whether each group of kinds is seen."""
  kinds = {actor.kind for actor, shown in zip(cast, seen.sum(axis=0) >= 4) if shown}
  return np.array([bool(kinds & set(group)) for group in _PRESENCE.values()], float)
