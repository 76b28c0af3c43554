"""--mode=compare: the methods of a table over several seeds, with intervals and differences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import functools
import io
import math
import os
import pathlib

import ml_collections
import numpy as np
import tqdm

from wsstad_jax.core import config as config_lib
from wsstad_jax.core import files
from wsstad_jax.core import processes
from wsstad_jax.core import provenance
from wsstad_jax.core import times
from wsstad_jax.core.errors import UserError
from wsstad_jax.metrics import intervals
from wsstad_jax.metrics import localization
from wsstad_jax.metrics import ranking
from wsstad_jax.metrics import summary
from wsstad_jax.reports import comparison
from wsstad_jax.reports import intervals_table
from wsstad_jax.reports import paper_tables
from wsstad_jax.runs.evaluate import evaluate
from wsstad_jax.runs.train import train

# Of a config: what preparation depends on.
_PREPARED_BY = ('data', 'detector', 'tubes', 'c3d', 'bags')
_RESULTS = ('metrics.json', 'videos.json')  # of a finished run


def compare(
    config: ml_collections.ConfigDict,
    workdir: str,
    *,
    prepare: Callable[[ml_collections.ConfigDict], str],
    apply_method: Callable[[ml_collections.ConfigDict, str], object],
) -> dict:
  """Runs or resumes every method with every seed, then writes table<number>.md, .csv, .json, .png.

  report.html shows all tables of the workdir. Each run has its own folder <method>-seed<seed>
  below the workdir, which the tables of one data set share. A run that is finished is not
  touched; the table is made of what the runs wrote.

  Args:
    config: of the table: data, sizes and `compare`.
    workdir: of the tables of this data set.
    prepare: prepares the data of a config as far as missing and returns the folder.
    apply_method: changes a config to a method.

  Returns:
    The content of the .json file.

  Raises:
    UserError: a method is not known, or a folder holds a run of another config.
  """
  settings = config.compare
  runs = {method: [] for method in settings.methods}
  configs = {
      (method, seed): _run_config(config, apply_method, method, seed)
      for seed in range(config.seed, config.seed + settings.num_seeds)
      for method in runs
  }  # all of them, so that a fault is told before the first run
  folders = [os.path.join(workdir, f'{method}-seed{seed}') for method, seed in configs]
  finished = run_all(list(configs.values()), folders, prepare, settings.num_processes)
  for (method, _), videos in zip(configs, finished, strict=True):  # which ends the processes
    runs[method].append(videos)
  results = summarize(
      runs, reference=settings.reference, num_draws=settings.num_draws,
      confidence=settings.confidence, seed=config.seed,
  )
  return write(config, workdir, results, runs)


def run_all(
    configs: Sequence[ml_collections.ConfigDict],
    folders: Sequence[str],
    prepare: Callable[[ml_collections.ConfigDict], str],
    num_processes: int,
) -> Iterator[list[dict]]:
  """Trains and evaluates, as far as that is not done; yields the videos.json of each in order.

  Several processes share the cores and a GPU, whose memory each then takes as it needs it. They are
  silent; what a run would say is in log.txt of its folder.
  """
  for config, folder in zip(configs, folders):
    config_lib.check_workdir(folder, config, mode='train')
  missing = [number for number, folder in enumerate(folders) if not _is_finished(folder)]
  prepared = {}  # by all that it depends on, as most methods share it
  jobs = []
  for number in missing:
    key = str([configs[number][name] for name in _PREPARED_BY])
    if key not in prepared:
      prepared[key] = prepare(configs[number])
    jobs.append((configs[number], folders[number], prepared[key]))
  parallel = num_processes > 1 and len(jobs) > 1
  if parallel:
    os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
  run = functools.partial(run_once, silent=parallel)
  with processes.process_map(min(num_processes, len(jobs)) if parallel else 1) as map_fn:
    done = map_fn(run, *zip(*jobs)) if jobs else iter(())
    bar = tqdm.tqdm(total=len(folders), desc='Comparing', unit='run', disable=not parallel)
    for number, folder in enumerate(folders):
      if number in missing:
        if not parallel:
          print(f'Run {number + 1} of {len(folders)}: {os.path.basename(folder)}', flush=True)
        next(done)
      bar.update()
      yield files.read_json(os.path.join(folder, _RESULTS[1]))
    bar.close()


def run_once(
    config: ml_collections.ConfigDict, workdir: str, prepared: str, *, silent: bool
) -> None:
  """Trains and evaluates; if `silent`, all that is said goes to log.txt of the workdir."""
  with config_lib.open_workdir(workdir, config, mode='train'), contextlib.ExitStack() as stack:
    table = io.StringIO()  # of one row
    if silent:
      table = stack.enter_context(open(os.path.join(workdir, 'log.txt'), 'a', encoding='utf-8'))
      stack.enter_context(contextlib.redirect_stderr(table))
    stack.enter_context(contextlib.redirect_stdout(table))
    train(config, workdir, prepared)
    evaluate(config, workdir, prepared)


def _is_finished(folder):
  return all(os.path.exists(os.path.join(folder, name)) for name in _RESULTS)


def _run_config(config, apply_method, method, seed):
  changed = ml_collections.ConfigDict(config.to_dict())  # shares nothing with those of others
  apply_method(changed, method)
  changed.seed = seed
  changed.evaluate.num_pictures = 0
  return config_lib.checked(changed)


def summarize(
    runs: Mapping[str, list[list[dict]]],
    *,
    reference: str,
    num_draws: int,
    confidence: float,
    seed: int,
) -> dict[str, dict[str, dict]]:
  """Returns for each method and figure: 'value', 'low', 'high', 'seeds' and 'difference'.

  All in percent. The intervals are over videos and seeds. `difference` is the method minus the
  reference on the same videos; the reference itself and tables without it have none.

  Raises:
    UserError: the runs are not of the same videos.
  """
  names = {tuple(video['video_id'] for video in videos) for row in runs.values() for videos in row}
  if len(names) > 1:
    raise UserError(
        'the runs were evaluated on different test videos; remove the folders of the older runs.'
    )
  figures = {method: [create_figures(videos) for videos in row] for method, row in runs.items()}
  labels = np.array([video['label'] for video in next(iter(runs.values()))[0]])
  difference_fn = functools.partial(
      intervals.paired_difference, num_videos=len(labels), strata=labels,
      num_draws=num_draws, confidence=confidence, seed=seed,
  )
  results = {}
  for method, row in figures.items():
    results[method] = {}
    for name in row[0]:
      ours = [run[name] for run in row]
      interval = difference_fn(ours, [lambda drawn: 0.0])  # so that it is over seeds too
      cell = {key: getattr(interval, key) for key in ('value', 'low', 'high')}
      cell['seeds'] = [float(figure(np.arange(len(labels)))) for figure in ours]
      if reference in figures and method != reference:
        theirs = [run[name] for run in figures[reference]]
        cell['difference'] = dataclasses.asdict(difference_fn(ours, theirs))
      results[method][name] = cell
  return results


def caution_of(runs: Mapping[str, list[list[dict]]]) -> str:
  """Returns a sentence if the runs were tested on few videos of a label, else ''."""
  return intervals_table.caution_of(video['label'] for video in next(iter(runs.values()))[0])


def write(config, workdir: str, results: dict, runs: Mapping[str, list]) -> dict:
  """Writes the table in all its forms, prints it and returns the content of the .json file."""
  number = config.compare.table
  paper = paper_tables.paper_figures(number, config.data.name)
  num_videos = len(next(iter(runs.values()))[0])
  note = (
      f'{num_videos} test videos of {config.data.name}, in %: means over '
      f'{config.compare.num_seeds} seeds with {config.compare.confidence:.0%} intervals over '
      'videos and seeds.'
  )
  caution = caution_of(runs)
  path = os.path.join(workdir, f'table{number}')
  reference = config.compare.reference
  page = comparison.format_markdown(
      results, paper, reference=reference, note=note, caution=caution
  )
  with files.atomic_path(f'{path}.md') as temporary:
    with open(temporary, 'w', encoding='utf-8') as file:
      file.write(page)
  comparison.write_csv(f'{path}.csv', results, paper)
  comparison.write_plot(f'{path}.png', results, paper)
  seeds = range(config.seed, config.seed + config.compare.num_seeds)
  content = {
      'note': note,
      'caution': caution,
      'reference': reference,
      'paper': paper,
      'methods': _without_nan(results),
      'order': {'methods': list(results), 'figures': list(next(iter(results.values())))},
      'reports': {
          method: {str(seed): f'{method}-seed{seed}/report.html' for seed in seeds}
          for method in results
      },
  }
  files.write_json(f'{path}.json', content)
  report = write_report(config, workdir)
  written = [report, *(f'{path}.{ending}' for ending in ('md', 'csv', 'png'))]
  print(f'\n{page}\nLook at:\n  ' + '\n  '.join(written))
  return files.read_json(f'{path}.json')


def write_report(config, workdir: str) -> str:
  """Writes report.html with all tables of the workdir; returns its path."""
  tables = {}
  for path in sorted(pathlib.Path(workdir).glob('table*.json')):
    table = files.read_json(path)
    order, cells = table['order'], table['methods']  # JSON has its keys sorted
    tables[path.stem] = table | {'methods': {
        method: {figure: cells[method][figure] for figure in order['figures']}
        for method in order['methods']
    }}
  report = os.path.join(workdir, 'report.html')
  comparison.write_page(
      report,
      tables,
      title=f'Methods on {config.data.name}',
      provenance=provenance.collect(mode='compare', seed=config.seed) | {
          'config': config_lib.flatten(config), 'times': times.read(workdir)
      },
  )
  return report


def create_figures(videos: Sequence[Mapping]) -> dict[str, intervals.StatisticFn]:
  """Returns the figures of Table 1, in percent, as functions of drawn videos (int [m]).

  Args:
    videos: of one run, as videos.json has them.
  """
  labels, scores, found = (
      np.array([video[key] for video in videos], float) for key in ('label', 'score', 's_loc')
  )
  ranked = ranking.create_ranking((labels == 1)[:, None], scores[:, None])

  def located(statistic, drawn):
    values = found[drawn[labels[drawn] == 1]]
    return 100 * statistic(values[~np.isnan(values)])

  figures = {'vauc': lambda drawn: 100 * ranked.roc_auc(drawn)}
  for threshold in summary.IOU_THRESHOLDS:
    share = functools.partial(localization.iou_at, threshold=threshold)
    figures[f'iou@{threshold}'] = functools.partial(located, share)
  return figures | {'miou': functools.partial(located, localization.mean_iou)}


def _without_nan(tree: object) -> object:
  """Returns the same with None for nan, which JSON does not have."""
  if isinstance(tree, dict):
    return {key: _without_nan(value) for key, value in tree.items()}
  if isinstance(tree, list):
    return [_without_nan(value) for value in tree]
  return None if isinstance(tree, float) and math.isnan(tree) else tree
