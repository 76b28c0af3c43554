"""Clips of generic motion with their labels: what the small C3D is pretrained on.

Every video is rendered, compressed, decoded again and cut into windows as the tubes of
the pipeline are; its file of clips stands for the finished video.
"""

from collections.abc import Callable
import functools
import os

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
WINDOWS_A_CLIP = 7  # and the whole scene once
_FIRST_SITE = 9_000_000  # sites of traffic have smaller seeds
_VIDEOS_A_SITE = 2
_MEANS = ('speed',)  # their mean is a label too
_BINARY = ('touching', 'smoke', 'debris', 'lying')
_PRESENCE = {
  'vehicle': ('car', 'van', 'lorry', 'bus'),
  'two_wheeler': ('motorcycle', 'bicycle'),
  'person': ('pedestrian',),
}
_MOST_MOVING = 6

LABEL_NAMES = (
  *playground.FACTORS, *(f'mean_{name}' for name in _MEANS), 'moving', *_PRESENCE
)  # fmt: skip
IS_BINARY = tuple(name in (*_BINARY, *_PRESENCE) for name in LABEL_NAMES)


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

  A file `00012.npz` holds `clips` uint8 [n, 16, size, size, 3] and `labels` float32 [n, k];
  `labels.json` beside them names the labels and tells which are binary.
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
  site = create_site(_FIRST_SITE + 10_000 * seed + number // _VIDEOS_A_SITE)
  playing = playground.play(site, num_frames=NUM_FRAMES, rng=rng)
  video = os.path.join(folder, f'{number:05}.mp4')
  frames = draw_frames(site, playing.recording, seed=number)
  decode.write_video(
    video, frames, frames_per_second=rec.FRAMES_PER_SECOND, crf=site.look.crf
  )
  cut, labels = _cut_video(video, playing, _silhouettes(site, playing.recording), size, rng)
  os.remove(video)
  with files.atomic_path(os.path.join(folder, f'{number:05}.npz')) as path:
    np.savez(path, clips=cut, labels=labels)


def _silhouettes(site, recording: rec.Recording) -> np.ndarray:
  """Returns the box of each actor in each frame, not clipped: float32 [f, a, 4]."""
  return np.array(
    [
      [silhouette(site.camera, actor, pose) for actor, pose in zip(recording.cast, poses)]
      for poses in recording.poses
    ],
    np.float32,
  )


def _cut_video(video: str, playing: playground.Playing, outlines, size: int, rng):
  """Returns clips uint8 [n, 16, size, size, 3] and labels float32 [n, k] of a video file."""
  cut, labels = [], []
  centres = (outlines[..., :2] + outlines[..., 2:]) / 2  # [f, a, 2]
  starts = clips.clip_starts(NUM_FRAMES)
  for index, frames in clips.iterate_clips(decode.iterate_frames(video), starts):
    span = slice(starts[index], starts[index] + clips.CLIP_LENGTH)
    jumps = np.linalg.norm(np.diff(playing.recording.poses[span, :, :2], axis=0), axis=-1)
    if (jumps > 3).any():  # a body came in anew
      continue
    windows = _windows(outlines[span], rng)
    for window_xyxy in [*windows, np.float32([0, 0, WIDTH, HEIGHT])]:
      inside = (centres[span] >= window_xyxy[:2]) & (centres[span] < window_xyxy[2:])
      inside &= (centres[span] >= 0) & (centres[span] < (WIDTH, HEIGHT))
      seen = inside.all(axis=-1).any(axis=0)
      cut.append(clips.cut_clip(frames, window_xyxy, size))
      labels.append(_labels(playing.recording.cast, playing.factors[span], seen))
  return np.stack(cut), np.array(labels, np.float32)


def _windows(outlines: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
  """Returns windows as tubes have them: around one body, two, a part of one, not quite centred.

  Args:
    outlines: float32 [16, a, 4].
    rng: of choice and jitter.
  """
  low, high = outlines[..., :2], outlines[..., 2:]
  shown = ((high > 0) & (low < (WIDTH, HEIGHT))).all(axis=(0, 2))
  candidates = np.flatnonzero(shown)
  windows = []
  for _ in range(min(WINDOWS_A_CLIP, 2 * len(candidates))):
    body = rng.choice(candidates)
    around = outlines[:, body]
    kind = rng.random()
    others = candidates[candidates != body]
    if kind < 0.45 and len(others):  # with the nearest other, as blobs and groups are
      centres = boxes.enclosing(outlines[:, others])
      gaps = np.abs(centres - boxes.enclosing(around)).sum(axis=-1)
      partner = others[np.argmin(gaps)]
      around = boxes.enclosing(np.stack([around, outlines[:, partner]]))
    elif kind < 0.6:  # a part, as broken blobs are
      around = boxes.dilate(around, rng.uniform(0.5, 0.9))
    if rng.random() < 0.3:  # a tube that shows only some frames of the clip
      first = rng.integers(0, 8)
      around = around[first : first + 9]
    around = boxes.clip(around, WIDTH, HEIGHT)
    window_xyxy = clips.clip_window(
      around, context=rng.uniform(1.05, 1.6), width=WIDTH, height=HEIGHT
    )
    side = max(float(window_xyxy[2] - window_xyxy[0]), 12.0)
    shift = np.tile(rng.normal(0, 0.06, 2) * side, 2)
    windows.append((window_xyxy + shift).astype(np.float32))
  return windows


def _labels(cast, factors: np.ndarray, seen: np.ndarray) -> np.ndarray:
  """Returns the labels [k] of a window in which the actors `seen` [a] are.

  Args:
    cast: the actors.
    factors: float32 [16, a, len(FACTORS)].
    seen: bool [a].
  """
  inside = factors[:, seen]
  if not seen.any():
    return np.zeros(len(LABEL_NAMES), np.float32)
  strongest = inside.max(axis=(0, 1))
  means = [inside[..., playground.FACTORS.index(name)].mean() for name in _MEANS]
  speeds = inside[..., playground.FACTORS.index('speed')].max(axis=0)
  moving = min(int((speeds > 0.2).sum()), _MOST_MOVING)
  kinds = {actor.kind for actor, shown in zip(cast, seen) if shown}
  presence = [float(bool(kinds & set(group))) for group in _PRESENCE.values()]
  return np.array([*strongest, *means, moving, *presence], np.float32)
