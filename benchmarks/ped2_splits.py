"""Real video with kinds of proposals and methods: UCSD Ped2, every clip tested once.

python -m benchmarks.ped2_splits --data=PED2 --onnx=YOLOX.onnx --out=OUT [--methods=mgpr_plus,mgpr]

PED2 holds normal/, anomalous/ and boxes.csv. Its clips are divided into as many parts as there are
splits, in order of their names, so that neighbours in time, which show the same people, are mostly
in one part; each split tests one part and learns from the others. For every split and kind of proposals
main.py compares the methods as it would for anybody; flags of main.py may follow. Tubes and features of
a clip do not depend on the split and are computed once. What is finished is not repeated; other flags
need another --out.
"""

import argparse
from collections.abc import Sequence
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

import ml_collections
import numpy as np

from configs import video_folder
from tfds_builders.video_folder import video_folder_builder
from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.reports import comparison
from wsstad_jax.runs import compare

_REFERENCE = 'mgpr'
KINDS = ('motion', 'onnx', 'motion+onnx')
_REPOSITORY = pathlib.Path(__file__).parents[1]
_LABELS = ('normal', 'anomalous')
# Of metrics.json, in percent.
_FIGURES = {
    'frame_auc': 'frame AUC', 'frame_auc_within': 'frame AUC within', 'vauc': 'VAUC', 'miou': 'MIoU',
    'upper_bound.miou': 'MIoU, upper bound', 'random.miou': 'MIoU, random',
    'proposals.event_boxes_detected': 'event boxes detected',
    'proposals.event_boxes_in_best_tube': 'in the best tube',
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--data', required=True, help='Folder with normal/, anomalous/, boxes.csv.')
  parser.add_argument('--out', required=True, help='Folder for splits, runs and results.')
  parser.add_argument('--onnx', default='', help='Detector for the kinds with onnx.')
  parser.add_argument('--kinds', default=','.join(KINDS), help='Proposals, joined by commas.')
  parser.add_argument('--methods', default='mgpr_plus,mgpr', help='Of main.py, by commas.')
  parser.add_argument('--splits', type=int, default=3)
  parser.add_argument('--only', type=int, help='One split alone, from 0.')
  parser.add_argument('--seeds', type=int, default=1, help='How many, from 0.')
  arguments, flags = parser.parse_known_args()
  try:
    run(arguments, flags)
  except UserError as error:
    parser.error(str(error))


def run(arguments: argparse.Namespace, flags: Sequence[str]) -> None:
  """Runs what is missing, then writes ped2.json and ped2.md.

  Raises:
    UserError: the data or the detector is missing, or a run has failed.
  """
  kinds, methods = arguments.kinds.split(','), arguments.methods.split(',')
  if not set(kinds) <= set(KINDS):
    raise UserError(f'--kinds={arguments.kinds} must name some of {", ".join(KINDS)}.')
  if not arguments.onnx and set(kinds) != {'motion'}:
    raise UserError('--onnx=FILE is missing; without a network there is --kinds=motion.')
  out = pathlib.Path(arguments.out).absolute()
  roots = make_splits(pathlib.Path(arguments.data).absolute(), out, arguments.splits)
  runs = {}
  compared = [f'--config.compare.methods={tuple(methods)}',
              f'--config.compare.num_seeds={arguments.seeds}']
  for kind, number in itertools.product(kinds, range(len(roots))):
    if arguments.only not in (None, number):
      continue
    folder = out / 'runs' / f'split{number}-{kind}'
    workdirs = {
        (method, seed): folder / f'{method}-seed{seed}'
        for method in methods for seed in range(arguments.seeds)
    }
    if not all((workdir / 'metrics.json').exists() for workdir in workdirs.values()):
      chosen = [*detector_flags(kind, arguments.onnx), *flags]
      prepare(roots, number, out, kind, chosen)
      call(roots[number], out, *chosen, '--mode=compare', *compared, f'--workdir={folder}')
    for (method, seed), workdir in workdirs.items():
      runs.setdefault(kind, {}).setdefault(method, {}).setdefault(seed, []).append(workdir)
  seconds = read_seconds(out)
  results = {
      f'{kind} {method}': collect(sum(of_seeds.values(), []), seconds.get(kind))
      for kind, of_methods in runs.items() for method, of_seeds in of_methods.items()
  }
  files.write_json(str(out / 'ped2.json'), results)
  table = format_table(results) + ''.join(
      f'\n{compare_methods(of_methods, kind)}' for kind, of_methods in runs.items()
  )
  (out / 'ped2.md').write_text(table, 'utf-8')
  print(table)


def make_splits(data: pathlib.Path, out: pathlib.Path, count: int) -> list[pathlib.Path]:
  """Makes folders of links to the clips, as main.py takes them; returns the folders.

  Raises:
    UserError: the data is not there, or has fewer clips of a label than splits.
  """
  clips = {label: sorted((data / label).glob('*.mp4')) for label in _LABELS}
  boxes = data / 'boxes.csv'
  if not boxes.exists() or min(map(len, clips.values())) < count or count < 2:
    raise UserError(
        f'{data} cannot be divided into {count} splits; expected are boxes.csv and at least as '
        'many .mp4 files in normal/ and in anomalous/, and two splits or more.'
    )
  roots = [out / 'splits' / f'{count}-{number}' for number in range(count)]
  for number, root in enumerate(roots):
    for label, paths in clips.items():
      for part, chosen in enumerate(np.array_split(paths, count)):
        for path in chosen:
          _link(path, root / ('test' if part == number else '') / label / path.name)
    _link(boxes, root / boxes.name)
  return roots


def prepare(
    roots: Sequence[pathlib.Path], number: int, out: pathlib.Path, kind: str, flags: Sequence[str]
) -> None:
  """Prepares the bags of a split, with what other splits have computed of its clips.

  The first time notes how long a video takes, from file to features.

  Raises:
    UserError: it fails.
  """
  for other in roots:
    if other != roots[number]:
      link_prepared(create_config(other, out), create_config(roots[number], out))
  path, before = out / 'seconds.json', count_features(out)
  start = time.monotonic()
  call(roots[number], out, *flags, '--mode=prepare')
  videos, known = count_features(out) - before, read_seconds(out)
  if videos and kind not in known:
    known[kind] = {'videos': videos, 'seconds': time.monotonic() - start}
    files.write_json(str(path), known)


def link_prepared(source: ml_collections.ConfigDict, target: ml_collections.ConfigDict) -> None:
  """Links tubes and features of one split under the names that another has for its clips."""
  ids = {os.path.realpath(video.path): video.video_id for video in _list(source)}
  folders = [
      pathlib.Path(video_folder_builder.VideoFolder.folder(config)) for config in (source, target)
  ]
  for video in _list(target):
    old = ids[os.path.realpath(video.path)]
    for path in folders[0].glob(f'*-*/{old}-*.npz'):
      _link(path, folders[1] / path.parent.name / path.name.replace(old, video.video_id, 1))


def create_config(root: pathlib.Path, out: pathlib.Path) -> ml_collections.ConfigDict:
  """Returns the config of a split, as far as it says where things are."""
  config = video_folder.get_config()
  config.data.root, config.data.prepared = str(root), str(out / 'prepared')
  return config


def call(root: pathlib.Path, out: pathlib.Path, *flags: str) -> None:
  """Runs main.py on a split; UserError if it fails."""
  command = [
      sys.executable, 'main.py', '--config=configs/tables/table1.py:video_folder',
      f'--config.data.root={root}',
      f'--config.data.prepared={out / "prepared"}', *flags,
  ]
  print(' '.join(command), flush=True)
  if subprocess.run(command, cwd=_REPOSITORY, check=False).returncode:
    raise UserError('the command above failed; its own message says why. Run this one again then.')


def detector_flags(kind: str, onnx: str) -> list[str]:
  """Returns the flags of main.py for a kind of proposals."""
  model = [f'--config.detector.onnx.model={os.path.abspath(onnx)}'] if kind != 'motion' else []
  return [f'--config.detector.kind={kind}', *model]


def count_features(out: pathlib.Path) -> int:
  """Returns how many files of features have been computed, not linked."""
  return sum(not path.is_symlink() for path in out.glob('prepared/*/features-*/*.npz'))


def read_seconds(out: pathlib.Path) -> dict[str, dict]:
  """Returns how many videos of each kind were prepared in how many seconds."""
  path = out / 'seconds.json'
  return files.read_json(str(path)) if path.exists() else {}


def collect(workdirs: Sequence[pathlib.Path], seconds: dict | None) -> dict:
  """Returns what the runs of one kind of proposals have found.

  Figures have the values of all splits, their mean and range; `s_loc` the same of all anomalous
  test videos. A figure that a split does not have is left out of the mean.
  """
  metrics = [json.loads((workdir / 'metrics.json').read_text('utf-8')) for workdir in workdirs]
  videos = [read_videos(workdir) for workdir in workdirs]
  found = {}
  for name in _FIGURES:
    *group, key = name.split('.')
    values = [run[group[0]][key] if group else run[key] for run in metrics]
    found[name] = _spread(values)
  located = [
      (video['video_id'], video['s_loc']) for run in videos for video in run if video['label'] == 1
  ]
  found['s_loc'] = _spread([None if s_loc is None else 100 * s_loc for _, s_loc in located])
  found['s_loc']['videos'] = [name for name, _ in located]
  found['seconds_per_video'] = seconds and seconds['seconds'] / seconds['videos']
  return found


def compare_methods(runs: dict[str, dict[int, list[pathlib.Path]]], kind: str) -> str:
  """Returns the page of a comparison, by --mode=compare, of methods {name: {seed: workdirs}}.

  The test videos of all splits are taken for one set, though each split has its own model: VAUC is
  lower then than within a split where the scores of the models have different levels.
  """
  videos = {
      method: [sum(map(read_videos, workdirs), []) for workdirs in of_seeds.values()]
      for method, of_seeds in runs.items()
  }
  results = compare.summarize(videos, reference=_REFERENCE, num_draws=2000, confidence=0.95, seed=0)
  note = f'All splits as one set, {kind}; 95 % intervals over videos and seeds.'
  return comparison.format_markdown(
      results, {}, reference=_REFERENCE, note=note, caution=compare.caution_of(videos)
  )


def read_videos(workdir: pathlib.Path) -> list[dict]:
  """Returns what a run says of its test videos."""
  return json.loads((workdir / 'videos.json').read_text('utf-8'))


def format_table(results: dict[str, dict]) -> str:
  """Returns a table in Markdown with a line for each kind of proposals and method."""
  columns = _FIGURES | {'s_loc': 'S_loc of a video'}
  heading = ['proposals', *columns.values(), 's/video']
  rows = [heading, ['---', *['---:'] * (len(heading) - 1)]]
  for kind, found in results.items():
    seconds = found['seconds_per_video']
    rows.append([
        kind, *(_cell(found[name]) for name in columns), '-' if seconds is None else f'{seconds:.1f}'
    ])
  return '\n'.join(f'| {" | ".join(row)} |' for row in rows) + '\n'


def _spread(values: Sequence[float | None]) -> dict[str, object]:
  known = [value for value in values if value is not None]
  statistics = {'mean': np.mean, 'low': np.min, 'high': np.max}
  return {'values': list(values)} | {
      name: float(fn(known)) if known else None for name, fn in statistics.items()
  }


def _cell(spread: dict) -> str:
  if spread['mean'] is None:
    return '-'
  return f'{spread["mean"]:.1f} ({spread["low"]:.1f}–{spread["high"]:.1f})'


def _list(config: ml_collections.ConfigDict) -> list:
  return video_folder_builder.list_folder(
      config.data.root, validation_share=config.data.validation_share, test_share=0
  )


def _link(path: pathlib.Path, target: pathlib.Path) -> None:
  target.parent.mkdir(parents=True, exist_ok=True)
  if not os.path.lexists(target):
    target.symlink_to(os.path.realpath(path))


if __name__ == '__main__':
  main()
