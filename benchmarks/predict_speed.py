"""How fast a video is searched, from the file to the overlay of its tubes, and where time goes.

python -m benchmarks.predict_speed [--config=configs.synthetic] [--video=FILE] [--nets=small,full]

Without a video, one of rendered traffic is made. Each stage is timed alone, then the whole path
as it is run, which starts C3D again, compiled before. The file is decoded twice on the way, for
detection and for crops. Where others use the machine too, the seconds that its cores worked for
us tell more than those that passed; on a GPU, which works beside them, those that passed are
shown. The full net is Tran's, with random weights.
"""

import argparse
import importlib
import json
import pathlib
import tempfile
import time

from wsstad_jax.core import compilation

compilation.keep_compiled()  # as main.py does, before JAX is imported

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import measure
from wsstad_jax.core import processes
from wsstad_jax.core import times
from wsstad_jax.detections import registry
from wsstad_jax.features import clip_plan
from wsstad_jax.features import extraction
from wsstad_jax.features import proposals
from wsstad_jax.features import weights
from wsstad_jax.models import c3d
from wsstad_jax.reports import overlay
from wsstad_jax.runs import prepare
from wsstad_jax.runs import scoring
from wsstad_jax.video import clips
from wsstad_jax.video import decode

_WHOLE, _OVERLAY = 'decode to bag', 'draw the overlay'
_NUM_DRAWN = 5  # tubes


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--config', default='configs.synthetic', help='module with get_config()')
  parser.add_argument('--video', help='video file; one is rendered if there is none')
  parser.add_argument('--nets', default='small', help='small: of the config; full: random weights')
  parser.add_argument('--batch_size', type=int, help='clips a call; 64 on a GPU')
  parser.add_argument('--threads', type=int, help='that cut clips, and as many that compute')
  parser.add_argument('--out', type=pathlib.Path, default=measure.RESULTS, help='of the JSON')
  arguments = parser.parse_args()
  config = importlib.import_module(arguments.config).get_config()
  if arguments.batch_size or measure.on_gpu():
    config.c3d.batch_size = arguments.batch_size or 64
  if arguments.threads:
    config.data.num_processes = arguments.threads
  with tempfile.TemporaryDirectory() as folder:
    video = arguments.video or render_video(folder)
    for net in arguments.nets.split(','):
      if net == 'full':
        config.c3d.update(width=1.0, size=112, weights=f'{folder}/full')
        write_random_weights(config.c3d)
      record = time_prediction(video, config, '_full' * (net == 'full'))
      measure.write(record, arguments.out)
      print(create_table(record), flush=True)


def render_video(folder: str) -> str:
  """Returns the file of a rendered video with an accident, 320 x 240 pixels."""
  from tfds_builders.synthetic_traffic import videos

  plans = videos.plan_videos(size='tiny', seed=0)
  plan = next(plan for plan in plans if plan.split == 'test' and plan.category != 'normal')
  return videos.write_videos([plan], folder, num_processes=1)[0].path


def write_random_weights(settings) -> None:
  """Writes random weights for the net of `config.c3d` where it looks for them."""
  clips_float = jnp.zeros((1, c3d.CLIP_LENGTH, settings.size, settings.size, 3))
  params = jax.jit(c3d.C3D(settings.width).init)(jax.random.key(0), clips_float)['params']
  weights.write_weights(settings.weights, params)


def time_prediction(path: str, config, suffix: str = '') -> dict:
  """Returns the seconds of each stage and of the whole, and what there was to do."""
  method = scoring.create_method(config)
  feature_dim = c3d.C3D(config.c3d.width).feature_dim
  params = scoring.create_state(method, config, feature_dim).params  # untrained is no faster
  score_fn = scoring.create_score_fn(method, params, config)
  seconds, worked = {}, {}  # by stage

  def timed(stage, fn, *arguments):
    began, began_work = time.perf_counter(), time.process_time()
    result = fn(*arguments)
    seconds[stage] = time.perf_counter() - began
    worked[stage] = time.process_time() - began_work
    return result

  facts = decode.read_facts(path)
  frames = timed('decode', lambda: list(decode.iterate_frames(path)))
  detections = timed('detect', registry.create_detector(config.detector, path).detect, frames)
  video = timed('link', proposals.tubes_of_detections, facts, detections, config)
  pairs = clip_plan.plan_clips(video.tubes, clips.clip_starts(facts.num_frames))

  def cut():
    with processes.thread_map(config.data.num_processes) as map_fn:
      return list(clip_plan.iterate_windows(
          video, pairs, size=config.c3d.size, window_context=config.c3d.window_context,
          map_fn=map_fn,
      ))

  windows = timed('decode again and crop', cut)
  keyed = [(None, window) for window in windows]
  began = time.perf_counter()
  compute_fn = extraction.create_compute_fn(config.c3d)
  extract = lambda: list(extraction.extract(
      keyed, compute_fn, batch_size=config.c3d.batch_size, num_threads=config.data.num_processes
  ))
  extract()  # compiles
  seconds_to_start = time.perf_counter() - began
  timed('C3D', extract)
  seconds_to_start -= seconds['C3D']
  bag = timed(_WHOLE, lambda: prepare.prepare_one(path, config, times.silent))
  list(score_fn([bag]))  # compiles
  timed('score', lambda: list(score_fn([bag])))
  with tempfile.TemporaryDirectory() as folder:
    frame_scores = np.linspace(0, 1, facts.num_frames)
    timed(_OVERLAY, lambda: overlay.write_overlay(
        f'{folder}/overlay.mp4', facts, video.tubes[:_NUM_DRAWN], frame_scores=frame_scores
    ))
  return {
      'name': f'predict_speed{suffix}_{jax.default_backend()}',
      'video': f'{facts.width} x {facts.height} pixels, {facts.num_frames} frames, '
               f'{facts.frames_per_second:.3g} a second',
      'tubes': len(video.tubes), 'clips': len(windows), 'num_frames': facts.num_frames,
      'frames_per_second': facts.frames_per_second,
      'c3d': f'{config.c3d.width:g} of the width, {config.c3d.size} pixels, '
             f'{config.c3d.batch_size} clips a call',
      'seconds_to_start': seconds_to_start, 'seconds': seconds, 'worked_seconds': worked,
      **measure.describe_machine(),
  }


def create_table(record: dict) -> str:
  """Returns the record as a table of Markdown."""
  num, on_gpu = record['num_frames'], record['driver'] is not None
  rates = [num / (spent[_WHOLE] + spent['score'])
           for spent in (record['seconds'], record['worked_seconds'])]
  drawn = ''
  if _OVERLAY in record['seconds']:
    both = num / (num / rates[0] + record['seconds'][_OVERLAY])
    drawn = f'; with the overlay drawn {both:.3g} frames/s'
  shown = record['seconds' if on_gpu else 'worked_seconds']
  shown = {stage: time for stage, time in shown.items() if stage != _WHOLE}
  return '\n'.join([
      f'Prediction of a video of {record["video"]}: {record["tubes"]} tubes, {record["clips"]} '
      f'clips; C3D of {record.get("c3d", "the config")}; {record["device"]}, '
      f'load {record["load"]:.1f}: {rates[0]:.3g} frames/s, '
      f'{rates[0] / record["frames_per_second"]:.3g} times real time, and {rates[1]:.3g} frames '
      f'for each second that a core works{drawn}',
      '',
      f'| stage, alone | frames for a second{"" if on_gpu else " of a core"} | share |',
      '|---|---:|---:|',
      *[
          f'| {stage} | {num / seconds:.4g} | {seconds / sum(shown.values()):.0%} |'
          for stage, seconds in shown.items()
      ],
  ])


if __name__ == '__main__':
  main()
