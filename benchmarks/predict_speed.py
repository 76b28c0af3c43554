"""How fast a video is searched, from the file to the scores of its tubes, and where time goes.

python -m benchmarks.predict_speed [--config=configs.synthetic] [--video=FILE]

Without a video, one of rendered traffic is made. Each stage is timed alone, then the whole path
as it is run, which compiles C3D again. The file is decoded twice on the way, for detection and for
crops. Where others use the machine too, the seconds that its cores worked for us tell more than
those that passed.
"""

import argparse
import importlib
import json
import pathlib
import tempfile
import time

import jax

from benchmarks import measure
from wsstad_jax.detections import registry
from wsstad_jax.features import clip_plan
from wsstad_jax.features import extraction
from wsstad_jax.features import proposals
from wsstad_jax.models import c3d
from wsstad_jax.runs import prepare
from wsstad_jax.runs import scoring
from wsstad_jax.video import clips
from wsstad_jax.video import decode

_WHOLE = 'decode to bag'


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--config', default='configs.synthetic', help='module with get_config()')
  parser.add_argument('--video', help='video file; one is rendered if there is none')
  parser.add_argument('--out', type=pathlib.Path, default=measure.RESULTS, help='of the JSON')
  arguments = parser.parse_args()
  config = importlib.import_module(arguments.config).get_config()
  with tempfile.TemporaryDirectory() as folder:
    record = time_prediction(arguments.video or render_video(folder), config)
  measure.write(record, arguments.out)
  print(create_table(record))


def render_video(folder: str) -> str:
  """Returns the file of a rendered video with an accident, 320 x 240 pixels."""
  from tfds_builders.synthetic_traffic import videos

  plans = videos.plan_videos(size='tiny', seed=0)
  plan = next(plan for plan in plans if plan.split == 'test' and plan.category != 'normal')
  return videos.write_videos([plan], folder, num_processes=1)[0].path


def time_prediction(path: str, config) -> dict:
  """Returns the seconds of each stage and of the whole, and what there was to do."""
  method = scoring.create_method(config)
  feature_dim = c3d.C3D(config.c3d.width).feature_dim
  params = scoring.create_state(method, config, feature_dim).params  # untrained is no faster
  score_fn = scoring.create_score_fn(method, params, config)
  compute_fn = extraction.create_compute_fn(config.c3d)
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
  windows = timed('decode again and crop', lambda: list(clip_plan.iterate_windows(
      video, pairs, size=config.c3d.size, window_context=config.c3d.window_context
  )))
  keyed = [(None, window) for window in windows]
  extract = lambda: list(extraction.extract(keyed, compute_fn, batch_size=config.c3d.batch_size))
  extract()  # compiles
  timed('C3D', extract)
  bag = timed(_WHOLE, lambda: prepare.prepare_one(path, config))
  list(score_fn([bag]))  # compiles
  timed('score', lambda: list(score_fn([bag])))
  return {
      'name': f'predict_speed_{jax.default_backend()}',
      'video': f'{facts.width} x {facts.height} pixels, {facts.num_frames} frames, '
               f'{facts.frames_per_second:.3g} a second',
      'tubes': len(video.tubes), 'clips': len(windows), 'num_frames': facts.num_frames,
      'frames_per_second': facts.frames_per_second,
      'seconds': seconds, 'worked_seconds': worked,
      **measure.describe_machine(),
  }


def create_table(record: dict) -> str:
  """Returns the record as a table of Markdown."""
  num = record['num_frames']
  rates = [num / (times[_WHOLE] + times['score'])
           for times in (record['seconds'], record['worked_seconds'])]
  worked = {stage: time for stage, time in record['worked_seconds'].items() if stage != _WHOLE}
  return '\n'.join([
      f'Prediction of a video of {record["video"]}: {record["tubes"]} tubes, {record["clips"]} '
      f'clips; {record["device"]}, load {record["load"]:.1f}: {rates[0]:.3g} frames/s, '
      f'{rates[0] / record["frames_per_second"]:.3g} times real time, and {rates[1]:.3g} frames '
      'for each second that a core works',
      '',
      '| stage, alone | frames for a second of a core | share |',
      '|---|---:|---:|',
      *[
          f'| {stage} | {num / seconds:.4g} | {seconds / sum(worked.values()):.0%} |'
          for stage, seconds in worked.items()
      ],
  ])


if __name__ == '__main__':
  main()
