"""The video files of synthetic traffic: which there are, and how each is written."""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import os

import numpy as np
import tqdm

from tfds_builders.synthetic_traffic import drawing
from tfds_builders.synthetic_traffic import recording
from tfds_builders.synthetic_traffic import simulation
from tfds_builders.synthetic_traffic import sites
from wsstad_jax.core import files
from wsstad_jax.core import processes
from wsstad_jax.core.records import Tube, TubeKind, VideoEntry
from wsstad_jax.video import decode

# Of each split: sites, and videos of each label. Sites of different splits and sizes are disjoint.
SIZES = {
  'demo': {'train': (12, 24), 'validation': (4, 8), 'test': (6, 12)},
  'full': {'train': (30, 80), 'validation': (10, 20), 'test': (80, 160)},
  'tiny': {'train': (2, 2), 'validation': (1, 1), 'test': (1, 1)},
}
_SPLITS = ('train', 'validation', 'test')
_SITES_A_SPLIT = 1000  # seeds set aside for each split
_CATEGORY_TRIES = 4


@dataclasses.dataclass(frozen=True)
class PlannedVideo:
  """A video before anything of it has been made.

  Attributes:
    video_id: also the name of its file.
    split: 'train', 'validation' or 'test'.
    category: 'normal' or the kind of accident wished for.
    site_seed: of the place, the camera and the weather.
    traffic_seed: of everything that happens.
  """

  video_id: str
  split: str
  category: str
  site_seed: int
  traffic_seed: int


def plan_videos(*, size: str, seed: int) -> list[PlannedVideo]:
  """Returns the videos of a size; every site has as many normal as anomalous ones, or one more."""
  plans = []
  first = (seed * len(SIZES) + list(SIZES).index(size)) * len(_SPLITS)
  for number, split in enumerate(_SPLITS, start=first):
    num_sites, num_videos = SIZES[size][split]
    for index in range(num_videos):
      site = index % num_sites
      # Sites meet every kind of accident in turn.
      accident = simulation.ACCIDENTS[(index // num_sites + site) % len(simulation.ACCIDENTS)]
      for label, category in enumerate((simulation.NORMAL, accident)):
        plans.append(
          PlannedVideo(
            video_id=f'{split}_{"anomalous" if label else "normal"}_{index:03}',
            split=split,
            category=category,
            site_seed=number * _SITES_A_SPLIT + site,
            traffic_seed=2 * index + label,
          )
        )
  return plans


def write_videos(
  plans: Sequence[PlannedVideo],
  folder: str,
  *,
  num_processes: int = 2,
  progress: Callable = tqdm.tqdm,
) -> list[VideoEntry]:
  """Renders the videos that are missing; returns all as entries of a data set.

  Files lie in `folder`/<split>/<normal|anomalous>. A JSON file beside each, written last,
  tells what happens in it; entries take the truth from it for the test split alone.
  """
  paths = [_path(folder, plan) for plan in plans]
  missing = [
    (plan, path) for plan, path in zip(plans, paths) if not os.path.exists(_facts_path(path))
  ]
  with processes.process_map(num_processes if len(missing) > 1 else 1) as map_fn:
    done = map_fn(_write_video, *zip(*missing)) if missing else []
    bar = functools.partial(progress, desc='Rendering videos', unit='video')
    for _ in bar(done, total=len(plans), initial=len(plans) - len(missing)):
      pass
  return [_entry(plan, path) for plan, path in zip(plans, paths)]


def _path(folder: str, plan: PlannedVideo) -> str:
  kind = 'normal' if plan.category == simulation.NORMAL else 'anomalous'
  return os.path.join(folder, plan.split, kind, f'{plan.video_id}.mp4')


def _facts_path(path: str) -> str:
  return os.path.splitext(path)[0] + '.json'


def _write_video(plan: PlannedVideo, path: str) -> None:
  site = sites.create_site(plan.site_seed)
  play, truth, category = _simulate(site, plan)
  os.makedirs(os.path.dirname(path), exist_ok=True)
  decode.write_video(
    path,
    drawing.draw_frames(site, play, seed=plan.traffic_seed),
    frames_per_second=recording.FRAMES_PER_SECOND,
    crf=site.look.crf,
  )
  happens = None
  if truth is not None:
    happens = {'start': truth.start, 'boxes_xyxy': np.round(truth.boxes_xyxy, 2).tolist()}
  files.write_json(_facts_path(path), {'category': category, 'accident': happens})


def _simulate(site: sites.Site, plan: PlannedVideo):
  """Returns recording, truth and category; another accident where the one wished for fails."""
  kinds = simulation.ACCIDENTS
  categories = [plan.category] * _CATEGORY_TRIES
  if plan.category != simulation.NORMAL:
    first = kinds.index(plan.category)
    categories = [kinds[(first + shift) % len(kinds)] for shift in range(_CATEGORY_TRIES)]
  for attempt, category in enumerate(categories):
    try:
      play, truth = simulation.simulate(
        site, category=category, seed=1_000_000 * attempt + plan.traffic_seed
      )
      return play, truth, category
    except RuntimeError:
      continue
  raise RuntimeError(f'nothing like {plan.category} can be made at site {plan.site_seed}')


def _entry(plan: PlannedVideo, path: str) -> VideoEntry:
  facts = files.read_json(_facts_path(path))
  accident, truth = facts['accident'], ()
  if accident and plan.split == 'test':
    boxes_xyxy = np.array(accident['boxes_xyxy'], np.float32)
    truth = (Tube(accident['start'], boxes_xyxy, TubeKind.TRUTH),)
  return VideoEntry(
    video_id=plan.video_id,
    path=path,
    split=plan.split,
    label=int(plan.category != simulation.NORMAL),
    category=facts['category'],
    truth=truth,
  )
