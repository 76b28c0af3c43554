"""Reading and writing video files frame by frame, never a whole video in memory."""

import contextlib
import fractions
import itertools
import os
import pathlib
from collections.abc import Iterable, Iterator

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.video import images

# Durations in containers are rounded and audio frames do not end with video frames.
_DURATION_SLACK_FRAMES = 3
_BROWSER_SUFFIXES = ('.mp4', '.m4v', '.mov', '.webm')
_BROWSER_CODECS = ('h264', 'vp8', 'vp9', 'av1', 'libdav1d')


def read_facts(path: str | os.PathLike) -> VideoFacts:
  """Returns size, rate and number of frames of a video file or a folder of numbered images.

  The frames are counted by demuxing: one packet holds one frame in every container and
  codec in common use, and unlike the header's count (0 for mkv and ts, and too high for
  a truncated file) the packets are really there. `iterate_frames` checks the count by
  decoding. A transport stream (ts) promises no end: cut between two frames, it is whole.

  Raises:
    UserError: the file is missing, is not a video, or ends before the end that its
      container promises.
  """
  if images.is_image_folder(path):
    return images.read_facts(path)
  with _opened(path) as (container, stream):
    if not stream.width or not stream.height:
      raise _unreadable(path, 'its video stream has no picture size')
    num_packets = num_frames = 0
    end_seconds = 0.0
    for packet in container.demux():
      if not packet.size:
        continue
      if packet.pts is not None:
        end = (packet.pts + (packet.duration or 0)) * packet.time_base
        end_seconds = max(end_seconds, float(end))
      if packet.stream.index == stream.index:
        num_packets += 1
        num_frames += not packet.is_discard  # cut away by an edit list: never decoded
    if not num_frames:
      raise _unreadable(path, 'its video stream holds no frame')
    start_seconds = (container.start_time or 0) / av.time_base
    promised_seconds = (container.duration or 0) / av.time_base
    rate = stream.average_rate or stream.guessed_rate
    if not rate:
      rate = num_frames / promised_seconds if promised_seconds else 25
    missing = stream.frames - num_packets
    if not stream.frames:
      missing = round((start_seconds + promised_seconds - end_seconds) * rate)
      missing = missing if missing > _DURATION_SLACK_FRAMES else 0
    if missing > 0:
      raise _damaged(path, num_packets, num_packets + missing)
    return VideoFacts(
        path=os.fspath(path),
        width=stream.width,
        height=stream.height,
        frames_per_second=float(rate),
        num_frames=num_frames,
    )


def iterate_frames(path: str | os.PathLike) -> Iterator[np.ndarray]:
  """Yields the frames, RGB uint8 [h, w, 3], in the order of display.

  The position in this order is the index of a frame everywhere in the system. A video
  either yields exactly `read_facts(path).num_frames` frames or ends in an error, because
  skipping what does not decode would shift every later index.

  Raises:
    UserError: as `read_facts`, or a frame cannot be decoded.
  """
  if images.is_image_folder(path):
    yield from images.iterate_frames(path)
    return
  facts = read_facts(path)
  num_decoded = 0
  with _opened(path) as (container, stream):
    # Work is spread over videos, and threads would cost more than they bring to one.
    stream.thread_type = 'NONE'
    stream.codec_context.thread_count = 1
    reformatter = VideoReformatter()
    try:
      for frame in container.decode(stream):
        if frame.is_corrupt:
          break
        picture = reformatter.reformat(
            frame, width=facts.width, height=facts.height, format='rgb24', threads=1
        )
        num_decoded += 1
        yield picture.to_ndarray()
    except av.error.FFmpegError as error:
      raise _damaged(path, num_decoded, facts.num_frames) from error
  if num_decoded != facts.num_frames:
    raise _damaged(path, num_decoded, facts.num_frames)


def write_video(
    path: str | os.PathLike,
    frames: Iterable[np.ndarray],
    *,
    frames_per_second: float,
    crf: int = 23,
    preset: str = 'veryfast',
    num_threads: int = 1,
) -> None:
  """Writes RGB uint8 frames [h, w, 3] as H.264 (yuv420p), which every player opens.

  The file appears under its name only when it is complete, with the same bytes on every
  machine. Odd sides, which yuv420p does not have, grow by a repeated row or column.

  Args:
    path: the file; its suffix chooses the container.
    frames: at least one frame, all of one size.
    frames_per_second: rate of play, > 0.
    crf: constant rate factor, 0 (lossless) to 51 (worst).
    preset: of x264; the faster, the larger the file.
    num_threads: of the encoder, whose number changes the bytes.
  """
  frames = iter(frames)
  first = next(frames, None)
  if first is None:
    raise ValueError(f'no frames for {path}')
  height, width = first.shape[:2]
  rate = fractions.Fraction(frames_per_second).limit_denominator(1001)
  with files.atomic_path(path) as temporary, av.open(temporary, 'w') as container:
    # x264's mbtree gives other bytes from run to run where it uses AVX-512.
    options = {'crf': str(crf), 'preset': preset, 'mbtree': '0'}
    stream = container.add_stream('libx264', rate=rate, options=options)
    stream.pix_fmt = 'yuv420p'
    stream.codec_context.thread_count = num_threads
    stream.height, stream.width = height + height % 2, width + width % 2
    for frame in itertools.chain([first], frames):
      if height % 2 or width % 2:
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
      container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
    container.mux(stream.encode())


def plays_in_browsers(path: str | os.PathLike) -> bool:
  """Returns whether browsers play a video file: its container and its codec are such.

  Raises:
    UserError: the file is missing or is not a video.
  """
  if pathlib.Path(path).suffix.lower() not in _BROWSER_SUFFIXES or os.path.isdir(path):
    return False
  with _opened(path) as (_, stream):
    return stream.codec_context.name in _BROWSER_CODECS


def num_bytes(path: str | os.PathLike) -> int:
  """Returns the size of a video file, or of the files in a folder of images; 0 if absent."""
  if not os.path.isdir(path):
    return os.path.getsize(path) if os.path.exists(path) else 0
  return sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file())


@contextlib.contextmanager
def _opened(path):
  """Yields the container and its first video stream; its errors become UserErrors."""
  if not os.path.isfile(path):
    found = 'it is a folder without images' if os.path.isdir(path) else 'there is no such file'
    raise UserError(
        f'cannot read the video {path}: {found}. Name a video file or a folder of numbered images.'
    )
  try:
    with av.open(os.fspath(path)) as container:
      if not container.streams.video:
        raise _unreadable(path, 'it has no video stream')
      yield container, container.streams.video[0]
  except PermissionError:
    raise UserError(f'cannot read the video {path}: no permission (chmod +r {path}).')
  except av.error.FFmpegError as error:
    raise _unreadable(path, f'FFmpeg says "{error.strerror}"') from error


def _unreadable(path, found: str) -> UserError:
  return UserError(
      f'cannot read the video {path} ({os.path.getsize(path)} bytes): {found}. It may be no '
      f'video, or an incomplete copy: {_REMEDY}.'
  )


def _damaged(path, num_read: int, num_promised: int) -> UserError:
  return UserError(
      f'the video {path} is damaged: {num_read} frames could be read of {num_promised} that '
      f'its container promises. Its copy may be incomplete: {_REMEDY}.'
  )


_REMEDY = (
    'copy it again, keep what is readable by `ffmpeg -i FILE -c:v libx264 NEW.mp4`, or '
    'remove it'
)
