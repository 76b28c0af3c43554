"""How work and memory grow with the length of a video, the number of videos and tubes a bag.

python -m benchmarks.scaling [--source=VIDEO] [--parts=minutes,videos,tubes] [--plot=PNG]

Each point is a process of its own, whose peak of memory the system tells. Counted are the seconds
that cores worked for it, since on a machine that others use only those repeat. Minutes are of the
source, made small and shown again and again, up to the features of its tubes; videos and tubes are
made up, with 512 features. A second run goes on after the points of the first.
"""

import argparse
from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import tempfile
import time

from etils import epath
import jax
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
import numpy as np

from benchmarks import long_video
from benchmarks import measure
from benchmarks import train_step
from configs import base as base_config
from tfds_builders import base
from wsstad_jax.core.records import Tube, TubeKind, VideoEntry, VideoFacts, VideoTubes
from wsstad_jax.data import pipeline
from wsstad_jax.features import clip_plan
from wsstad_jax.features import store
from wsstad_jax.runs import prepare
from wsstad_jax.runs import scoring
from wsstad_jax.runs import train
from wsstad_jax.training import devices
from wsstad_jax.video import clips

_POINTS = {'minutes': (1, 5, 20, 60), 'videos': (10, 100, 1000), 'tubes': (20, 50, 100, 200)}
_FEATURE_DIM = 512
_NUM_FRAMES, _NUM_TUBES, _TUBE_FRAMES = 300, 10, 40  # of a video that is made up
_TITLES = {
    'minutes': 'minutes of a video', 'videos': 'videos of a data set', 'tubes': 'tubes a bag',
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--source', help='video for the minutes, which are left out without one')
  parser.add_argument('--parts', default=','.join(_POINTS), help='some of them')
  parser.add_argument('--width', type=int, default=160, help='of the video, pixels')
  parser.add_argument('--rate', type=int, default=5, help='frames a second of the video')
  parser.add_argument('--out', type=pathlib.Path, default=measure.RESULTS, help='of the JSON')
  parser.add_argument('--plot', type=pathlib.Path, help='PNG to be drawn of it')
  parser.add_argument('--point', help=argparse.SUPPRESS)  # what the processes are given
  arguments = parser.parse_args()
  if arguments.point:
    print(json.dumps(work_on(arguments)))
    return
  path = arguments.out / f'scaling_{jax.default_backend()}.json'
  points = json.loads(path.read_text(encoding='utf-8'))['points'] if path.exists() else {}
  for part in arguments.parts.split(','):
    for size in _POINTS[part] if part != 'minutes' or arguments.source else ():
      key = f'{part}={size}'
      if key not in points:
        points[key] = measure_point(key, arguments)
        print(key, json.dumps(points[key]), flush=True)
        measure.write(create_record(path.stem, points, arguments), arguments.out)
  if arguments.plot:
    draw(points, arguments.plot)
  print(create_table(create_record(path.stem, points, arguments)))


def create_record(name: str, points: dict[str, dict], arguments: argparse.Namespace) -> dict:
  """Returns the record of what `measure_point` found at each point."""
  return {
      'name': name,
      'title': f'Growth with minutes of a video ({arguments.width} pixels wide, {arguments.rate} '
               f'frames a second), with videos ({_NUM_TUBES} tubes each) and with tubes a bag',
      'points': points,
      **measure.describe_machine(),
  }


def measure_point(key: str, arguments: argparse.Namespace) -> dict:
  """Returns what `work_on` finds in a process of its own, and its peak of memory in MiB."""
  found, peak_mib = measure.run_alone(
      'benchmarks.scaling', f'--point={key}', f'--width={arguments.width}',
      f'--rate={arguments.rate}', f'--source={os.path.abspath(arguments.source or "")}',
  )
  return found | {'peak_mib': round(peak_mib)}


def work_on(arguments: argparse.Namespace) -> dict:
  """Returns what there was to do at a point, and the seconds that cores worked at each stage."""
  part, size = arguments.point.split('=')
  stages = {}
  with tempfile.TemporaryDirectory() as folder:
    if part == 'minutes':
      counts = search_video(int(size), pathlib.Path(folder), stages, arguments)
    elif part == 'videos':
      counts = learn_from_videos(int(size), folder, stages)
    else:
      counts = compute_bags(int(size), stages)
  return {**counts, 'worked_seconds': {name: round(each, 3) for name, each in stages.items()}}


def search_video(minutes: int, folder: pathlib.Path, stages: dict, arguments) -> dict:
  """Finds the tubes of a video of so many minutes and computes their features."""
  loop, video = folder / 'loop.mp4', folder / 'video.mp4'
  long_video.write_small(arguments.source, loop, width=arguments.width, rate=arguments.rate)
  long_video.write_repeated(loop, video, num_frames=60 * minutes * arguments.rate)
  with _counted(stages, 'from the file to features'):
    found = long_video.work_on(str(video))
  return {key: found[key] for key in ('frames', 'tubes', 'windows')}


def learn_from_videos(num: int, folder: str, stages: dict) -> dict:
  """Packs bags of so many videos, reads them all, learns from them and validates."""
  config = base_config.get_config()
  config.data.root = folder
  config.data.num_videos = num  # for `MadeUp` alone
  MadeUp.prepare_videos(config, None)
  with _counted(stages, 'pack'):
    bags_folder = base.prepare_bags(MadeUp, config, lambda videos, **_: videos)
  with _counted(stages, 'read'):
    for split in ('train', 'validation', 'test'):
      for _ in pipeline.iterate(pipeline.BagSource(bags_folder, split)):
        pass
  method = scoring.create_method(config)
  mesh = devices.create_mesh()
  state = devices.replicate(scoring.create_state(method, config, _FEATURE_DIM), mesh)
  with _counted(stages, 'start to train'):
    batches, place_fn = train.create_batches(config, bags_folder, mesh)
    batch = place_fn(next(batches))
  step = jax.jit(method.train_step, donate_argnames='state')
  state, _ = step(state=state, batch=batch)  # compiles
  with _counted(stages, 'a step of each branch'):
    for _ in range(2):
      state, _ = step(state=state, batch=place_fn(next(batches)))
    jax.block_until_ready(state)
  validation = list(pipeline.iterate(pipeline.BagSource(bags_folder, 'validation')))
  list(scoring.create_score_fn(method, state.params, config)(validation[:1]))  # compiles
  with _counted(stages, 'validate'):
    train.validate(method, state.params, validation, config)
  return {}


def compute_bags(tubes: int, stages: dict) -> dict:
  """Takes a step of each branch on bags of so many tubes, and scores the bags."""
  config = base_config.get_config()
  method = scoring.create_method(config)
  batch = train_step.create_batch(
      2 * config.train.bags_per_label, tubes, config.bags.num_videolets, _FEATURE_DIM
  )
  state = scoring.create_state(method, config, _FEATURE_DIM)
  step = jax.jit(method.train_step).lower(state=state, batch=batch).compile()
  bags = [
      {key: np.asarray(value[number]) for key, value in batch.items()}
      for number in range(2 * config.train.bags_per_label)
  ]
  score_fn = scoring.create_score_fn(method, state.params, config)
  list(score_fn(bags[:1]))  # compiles
  with _counted(stages, 'a step of each branch'):
    for _ in range(2):
      state, _ = step(state=state, batch=batch)
    jax.block_until_ready(state)
  with _counted(stages, 'score'):
    list(score_fn(bags))
  return {}


class MadeUp(base.BagBuilder):
  """Videos without files, whose tubes stay where they are."""

  pkg_dir_path = epath.Path(__file__).parent  # TFDS finds no package in a script

  @classmethod
  def list_videos(cls, config, progress):
    """Returns videos of both labels, in all splits."""
    splits = ('train', 'train', 'train', 'validation', 'test')
    return [
        VideoEntry(f'{number:05d}', __file__, splits[number // 2 % 5], label=number % 2)
        for number in range(config.data.num_videos)
    ]

  @classmethod
  def prepare_videos(cls, config, progress):
    """Writes tubes and features, if they are not there."""
    folder, rng = cls.folder(config), np.random.default_rng(0)
    entries = cls.list_videos(config, progress)
    videos = prepare.PreparedVideos(tuple(entries), f'{folder}/tubes', f'{folder}/features')
    starts = clips.clip_starts(_NUM_FRAMES)
    for entry in entries:
      if os.path.exists(videos.features_file(entry)):
        continue
      tubes = tuple(
          Tube(int(start), np.tile(np.float32([8, 8, 40, 40]), (_TUBE_FRAMES, 1)), TubeKind.UNARY)
          for start in rng.integers(0, _NUM_FRAMES - _TUBE_FRAMES, _NUM_TUBES)
      )
      facts = VideoFacts(entry.path, 320, 240, 15.0, _NUM_FRAMES)
      store.write_tubes(
          videos.tubes_file(entry), VideoTubes(facts, tubes, np.ones(_NUM_FRAMES, bool))
      )
      pairs = clip_plan.plan_clips(tubes, starts)
      region, image = (
          rng.random((num, _FEATURE_DIM), np.float32).astype(np.float16)
          for num in (len(pairs), len(starts))
      )
      store.write_features(
          videos.features_file(entry), store.VideoFeatures(pairs, region, image)
      )
    return videos


@contextlib.contextmanager
def _counted(stages: dict, name: str) -> Iterator[None]:
  """Notes the seconds that cores work in a `with` statement."""
  began = time.process_time()
  yield
  stages[name] = time.process_time() - began


def create_table(record: dict) -> str:
  """Returns the record as a table of Markdown."""
  lines = [
      f'{record["title"]}; {record["device"]}, load {record["load"]:.1f}', '',
      '| | seconds of a core | peak, MiB |', '|---|---|---:|',
  ]
  for key, point in record['points'].items():
    shown = ', '.join(f'{name} {each:.3g}' for name, each in point['worked_seconds'].items())
    lines.append(f'| {key.replace("=", " ")} | {shown} | {point["peak_mib"]} |')
  return '\n'.join(lines)


def draw(points: dict[str, dict], path: pathlib.Path) -> None:
  """Draws seconds above and memory below, a column for each part."""
  figure = Figure(figsize=(11, 6), layout='constrained')
  columns = figure.subplots(2, len(_POINTS), squeeze=False).T
  for part, (seconds, memory) in zip(_POINTS, columns):
    sizes = [size for size in _POINTS[part] if f'{part}={size}' in points]
    found = [points[f'{part}={size}'] for size in sizes]
    for name in found[0]['worked_seconds'] if found else ():
      seconds.plot(sizes, [each['worked_seconds'][name] for each in found], 'o-', label=name)
    if found:
      seconds.legend(loc='upper left', bbox_to_anchor=(0, -0.1), ncols=2, frameon=False, fontsize=8)
    memory.plot(sizes, [each['peak_mib'] for each in found], 'o-', color='dimgrey')
    seconds.set(title=_TITLES[part], xscale='log', yscale='log')
    memory.set(xscale='log', ylim=(0, 1.1 * max(each['peak_mib'] for each in points.values())))
    seconds.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    seconds.yaxis.set_major_formatter('{x:g}')
    for axes in (seconds, memory):
      axes.minorticks_off()
      axes.set_xticks(sizes, sizes)
      axes.grid(alpha=0.25)
      axes.spines[['top', 'right']].set_visible(False)
  columns[0][0].set_ylabel('seconds of a core')
  columns[0][1].set_ylabel('peak of memory, MiB')
  figure.savefig(path, dpi=80)


if __name__ == '__main__':
  main()
