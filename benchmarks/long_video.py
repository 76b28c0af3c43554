"""How memory and time grow with the length of a video, from its file to features of its tubes.

python -m benchmarks.long_video --source=VIDEO.mp4 --out=OUT [--minutes=1,60]

Videos of each length are made of the source, shown again and again; each is worked on by a process
of its own, whose peak of memory the system tells. The record goes to OUT, a table is printed.
"""

import argparse
import json
import pathlib
import time

from wsstad_jax.core import compilation

compilation.keep_compiled()  # as main.py does, before JAX is imported

import av
import cv2
import jax

from benchmarks import measure as measuring
from wsstad_jax.core import files
from wsstad_jax.video import decode



def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--source', help='Video to be shown again and again.')
  parser.add_argument('--out', help='Folder for videos and results.')
  parser.add_argument('--minutes', default='1,60', help='Lengths, joined by commas.')
  parser.add_argument('--width', type=int, default=320, help='Of the videos, pixels.')
  parser.add_argument('--rate', type=int, default=25, help='Frames a second.')
  parser.add_argument('--work_on', help=argparse.SUPPRESS)  # what the processes are given
  arguments = parser.parse_args()
  if arguments.work_on:
    print(json.dumps(work_on(arguments.work_on)))
    return
  if not (arguments.source and arguments.out):
    parser.error('--source=VIDEO and --out=FOLDER are needed.')
  out, videos = pathlib.Path(arguments.out), []
  loop = out / f'loop-{arguments.width}-{arguments.rate}.mp4'
  write_small(arguments.source, loop, width=arguments.width, rate=arguments.rate)
  for minutes in map(float, arguments.minutes.split(',')):
    video = out / f'{loop.stem}-{minutes:g}min.mp4'
    write_repeated(loop, video, num_frames=round(60 * minutes * arguments.rate))
    videos.append({'minutes': minutes} | measure(video))
    print(json.dumps(videos[-1]), flush=True)
  record = create_record(videos, pathlib.Path(arguments.source).name, arguments.width)
  measuring.write(record, out)
  print(create_table(record))


def write_small(source: str, path: pathlib.Path, *, width: int, rate: int) -> None:
  """Writes a video `width` pixels wide at another rate, if it is not there."""
  if path.exists():
    return
  facts = decode.read_facts(source)
  size = width, 2 * round(facts.height * width / facts.width / 2)
  frames = (
      cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
      for frame in decode.iterate_frames(source)
  )
  decode.write_video(path, frames, frames_per_second=rate)


def write_repeated(loop: pathlib.Path, path: pathlib.Path, *, num_frames: int) -> None:
  """Writes a video of whole repeats of another, `num_frames` or more, if it is not there.

  Packets are copied, which takes seconds; each repeat begins with a key frame.
  """
  if path.exists():
    return
  with files.atomic_path(str(path)) as temporary, av.open(temporary, 'w') as written:
    stream, shift = None, 0
    for _ in range(-(-num_frames // decode.read_facts(loop).num_frames)):
      with av.open(str(loop)) as source:
        (video,) = source.streams.video
        stream = stream or written.add_stream_from_template(video)
        for packet in source.demux(video):
          if packet.dts is not None:  # else it is the empty one at the end
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
            written.mux(packet)
        shift += video.duration


def create_record(videos: list[dict[str, float]], source: str, width: int) -> dict:
  """Returns the record of what `measure` found in each video."""
  return {
      'name': f'long_video_{jax.default_backend()}',
      'title': f'Tubes and features of {source}, {width} pixels wide, again and again',
      'videos': videos,
      **measuring.describe_machine(),
  }


def create_table(record: dict) -> str:
  """Returns the record as a table of Markdown."""
  return '\n'.join([
      f'{record["title"]}; {record["device"]}, load {record["load"]:.1f}',
      '',
      '| minutes | frames | tubes | clips | s of a core for tubes | for features | peak, MiB |',
      '|---:|---:|---:|---:|---:|---:|---:|',
      *[
          f'| {video["minutes"]:g} | {video["frames"]} | {video["tubes"]} | {video["windows"]} | '
          f'{video["worked_seconds_tubes"]:.0f} | {video["worked_seconds_features"]:.0f} | '
          f'{video["peak_mib"]:.0f} |'
          for video in record['videos']
      ],
  ])


def measure(video: pathlib.Path) -> dict[str, float]:
  """Returns what `work_on` finds in a process of its own, and the peak of memory in MiB."""
  found, peak_mib = measuring.run_alone('benchmarks.long_video', f'--work_on={video.absolute()}')
  return found | {'peak_mib': round(peak_mib, 1)}


def work_on(path: str) -> dict[str, float]:
  """Finds the tubes of a video and computes their features; returns counts and seconds.

  Seconds that cores worked for it, too: on a machine that others use, only those repeat.
  """
  from configs import video_folder
  from wsstad_jax.features import extraction
  from wsstad_jax.features import proposals

  config = video_folder.get_config()
  start, start_work = time.monotonic(), time.process_time()
  video = proposals.propose_tubes(path, config)
  found, found_work = time.monotonic(), time.process_time()
  compute_fn = extraction.create_compute_fn(config.c3d)
  (features,) = extraction.extract_videos(
      [video], compute_fn, config.c3d, num_threads=config.data.num_processes
  )
  return {
      'frames': video.facts.num_frames,
      'tubes': len(video.tubes),
      'windows': len(features.region) + len(features.image),
      'seconds_tubes': round(found - start, 1),
      'seconds_features': round(time.monotonic() - found, 1),
      'worked_seconds_tubes': round(found_work - start_work, 1),
      'worked_seconds_features': round(time.process_time() - found_work, 1),
  }


if __name__ == '__main__':
  main()
