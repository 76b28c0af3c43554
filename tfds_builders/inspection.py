"""A look at every video of a data set before any long work, remembered between runs."""

from collections.abc import Callable, Sequence
import os

import tqdm

from wsstad_jax.core import files
from wsstad_jax.core import processes
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import VideoFacts
from wsstad_jax.formats import video_names
from wsstad_jax.video import clips
from wsstad_jax.video import decode
from wsstad_jax.video import images

_SAVE_EVERY = 200  # videos


def find_videos(folder: str) -> list[str]:
  """Returns the videos in a folder and the folders in it, as sorted paths relative to it.

  A folder of numbered images without a video file beside them is a video too. Names that
  begin with a dot are left out.
  """
  found, seen = [], set()
  for parent, folders, names in os.walk(folder, followlinks=True):
    here = os.path.realpath(parent)
    if here in seen:  # a link that leads back
      folders.clear()
      continue
    seen.add(here)
    folders[:] = sorted(name for name in folders if not name.startswith('.'))
    videos = [
        name for name in names
        if name.lower().endswith(video_names.VIDEO_SUFFIXES) and not name.startswith('.')
    ]
    if not videos and parent != folder and images.is_image_folder(parent):
      found.append(parent)
      folders.clear()
    found += [os.path.join(parent, name) for name in videos]
  return sorted(os.path.relpath(path, folder).replace(os.sep, '/') for path in found)


def inspect_videos(
    paths: Sequence[str],
    memory_path: str,
    *,
    num_processes: int,
    progress: Callable[..., tqdm.tqdm] = tqdm.tqdm,
) -> dict[str, VideoFacts | str]:
  """Returns for each path the facts of its video, or what is wrong with it.

  Args:
    paths: of the videos.
    memory_path: a JSON file; videos in it that have not changed are not read again.
    num_processes: that read at the same time.
    progress: makes progress bars, as `tqdm.tqdm` does.
  """
  try:
    known = files.read_json(memory_path) if os.path.exists(memory_path) else {}
  except UserError:  # it is only a memory
    known = {}
  states = {path: _state(path) for path in paths}
  found = {
      path: VideoFacts(path, *known[path][1])
      for path in paths
      if path in known and known[path][0] == states[path]
  }
  missing = [path for path in paths if path not in found]
  if not missing:
    return found
  with (
      processes.process_map(num_processes if len(missing) > 1 else 1) as map_fn,
      progress(
          total=len(paths), initial=len(found), desc='Checking videos', unit='video'
      ) as bar,
  ):
    for number, (path, facts) in enumerate(zip(missing, map_fn(look_at, missing)), start=1):
      found[path] = facts
      if isinstance(facts, VideoFacts):
        known[path] = [
            states[path],
            [facts.width, facts.height, facts.frames_per_second, facts.num_frames],
        ]
      bar.update()
      if number % _SAVE_EVERY == 0 or number == len(missing):
        files.write_json(memory_path, known)
  return found


def look_at(path: str) -> VideoFacts | str:
  """Returns the facts of a video, or why it cannot be used."""
  try:
    facts = decode.read_facts(path)
    clips.clip_starts(facts.num_frames)  # refuses what is too short
    return facts
  except UserError as error:
    message = str(error)
    return message if path in message else f'{path}: {message}'


def _state(path: str) -> list[int]:
  """Returns numbers that change when the content of a video changes."""
  try:
    return [decode.num_bytes(path), os.stat(path).st_mtime_ns]
  except OSError:
    return []
