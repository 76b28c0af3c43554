"""What a video is called: in folders, in box files, and in the files of a run."""

from collections.abc import Callable, Iterable
import hashlib
import os
import pathlib
import re

VIDEO_SUFFIXES = (
    '.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.ts', '.mts', '.mpg', '.mpeg', '.wmv',
    '.flv', '.3gp',
)
_MAX_ID = 120  # characters
_UNSAFE = re.compile(r'[^\w.-]+')


def without_suffix(name: str) -> str:
  """Returns a relative path without the ending of a video file."""
  path = pathlib.PurePosixPath(name)
  is_video = path.suffix.lower() in VIDEO_SUFFIXES
  return path.with_suffix('').as_posix() if is_video else name


def video_id(name: str) -> str:
  """Returns a name for files: a path without ending, '/' as '-', what does not suit files as '_'.

  A name that has such signs, or is long, ends with a digest.
  """
  stem = without_suffix(name)
  dashed = stem.replace('/', '-')
  plain = _UNSAFE.sub('_', dashed)
  if plain == dashed and len(plain) <= _MAX_ID:
    return plain
  return f'{plain[:_MAX_ID]}-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}'


def match(
    names: Iterable[str], videos: Iterable[str], alias: Callable[[str], str] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
  """Finds the videos that names mean.

  A name means the video of the same name, else that of the same `video_id`, else that of the
  same file name without ending if one of the two has no folders. A video has one name alone.

  Args:
    names: unique.
    videos: unique names.
    alias: turns names into others, which are the same for a video and its further names.

  Returns:
    The video of each name that means one, and for each name that means several, or a video that
    has a name already, what is wrong. Names that mean no video are in neither.
  """
  rules = [str, video_id, _file_id] + ([alias] if alias else [])
  known = []
  for rule in rules:
    known.append({})
    for video in videos:
      known[-1].setdefault(rule(video), []).append(video)
  matched, faults, taken = {}, {}, set()
  for name in names:
    meant = []
    for rule, of_key in zip(rules, known):
      if not meant:
        meant = [
            video for video in of_key.get(rule(name), ())
            if rule is not _file_id or '/' not in name or '/' not in video
        ]
    if len(meant) > 1:
      faults[name] = f'{name!r} may be any of {", ".join(sorted(meant))}'
    elif meant and meant[0] in taken:
      faults[name] = f'{name!r} is a second name of the video {meant[0]}'
    elif meant:
      matched[name] = meant[0]
      taken.add(meant[0])
  return matched, faults


def _file_id(name: str) -> str:
  return video_id(name.split('/')[-1])
