"""What data sets of a person's own files share: checks before any work, truth, splits."""

from collections.abc import Callable, Sequence
import dataclasses
import hashlib
import os

import ml_collections
import numpy as np

from tfds_builders import inspection
from wsstad_jax.core import boxes
from wsstad_jax.core.records import Tube, VideoEntry, VideoFacts
from wsstad_jax.formats import conversion
from wsstad_jax.formats import video_names
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.runs import prepare

INSIDE_SHARE = 0.5  # of a box that has to lie in the image


@dataclasses.dataclass(frozen=True)
class ListedVideo:
  """A video as its data set lists it.

  Attributes:
    name: its path relative to the folder of videos, as box files name it.
    path: the file.
    split: 'train', 'validation' or 'test'.
    label: 1 anomalous, 0 normal.
    category: '' if unknown.
    num_frames: that a list promises; 0 if none does.
  """

  name: str
  path: str
  split: str
  label: int
  category: str = ''
  num_frames: int = 0

  @property
  def video_id(self) -> str:
    """A name for files, of the same characters as far as those suit files."""
    return video_names.video_id(self.name)


def collect(
    videos: Sequence[ListedVideo],
    table: BoxTable | None,
    config: ml_collections.ConfigDict,
    folder: str,
    progress: prepare.Progress,
    *,
    others: Sequence[str] = (),
    alias: Callable[[str], str] | None = None,
) -> list[VideoEntry]:
  """Returns the videos that can be used, those of the test split with their truth.

  Looked for: videos that are missing, unreadable, shorter than a clip or of more or fewer
  frames than listed (by more than `config.data.frame_tolerance`), two of one name, anomalous
  test videos without a box, boxes of normal videos, boxes after the end of their video (by
  more than the same tolerance) or with less than `INSIDE_SHARE` of their area in the image,
  and boxes of no video. Other boxes are cut to video and image.

  Args:
    videos: as listed.
    table: boxes around anomalies; None if there are none.
    config: `data` is used.
    folder: of what is prepared.
    progress: makes progress bars.
    others: entries of lists that fit no video.
    alias: turns a name into another one by which boxes may be found; with it, box files may
      have boxes of other videos.

  Raises:
    UserError: there are faults, all of which are listed; with `skip_unreadable` only if they leave a
      split without videos of a label.
  """
  facts = look_at(videos, config, folder, progress)
  of_video, misfits = assign(videos, table, alias)
  owners, faults, entries = {}, {}, []
  for video in videos:
    found = facts[video.path]
    wrong = [found] if isinstance(found, str) else _disagreements(video, found, config)
    owner = owners.setdefault(video.video_id, video.name)
    if owner != video.name:
      wrong.append(f'{video.path}: its name is too much like that of {owner}')
    if not video.path.isprintable():
      wrong.append(f'{video.path!r}: its name has signs that no text can hold')
    truth = []
    if isinstance(found, VideoFacts) and table is not None:
      truth, unfit = _truth(video, found, of_video.get(video.name), config)
      wrong += unfit
    if wrong:
      key = video.video_id if owner == video.name else video.name
      faults[key] = '\n  '.join(wrong)
    else:
      entries.append(VideoEntry(
          video.video_id, video.path, video.split, video.label, video.category, tuple(truth)
      ))
  prepare.leave_out(
      faults, len(videos), skip=config.data.skip_unreadable, folder=folder, stage='checking',
      others=[*others, *misfits],
  )
  prepare.check_splits(videos, entries, folder=folder)
  return entries


def look_at(
    videos: Sequence[ListedVideo],
    config: ml_collections.ConfigDict,
    folder: str,
    progress: prepare.Progress,
) -> dict[str, VideoFacts | str]:
  """Returns by path the facts of each video, or what is wrong with it; arguments as `collect`."""
  return inspection.inspect_videos(
      [video.path for video in videos],
      os.path.join(folder, 'facts.json'),
      num_processes=config.data.num_processes,
      progress=progress,
  )


def split_off(names: Sequence[str], share: float) -> set[str]:
  """Returns a share of the names, at least one of two or more, chosen by the names alone.

  They are those with the smallest SHA-256, so that the choice is the same everywhere.
  """
  count = round(share * len(names)) if share else 0
  if share and len(names) > 1:
    count = min(max(count, 1), len(names) - 1)
  return set(sorted(names, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())[:count])


def assign(
    videos: Sequence[ListedVideo], table: BoxTable | None, alias: Callable[[str], str] | None
) -> tuple[dict[str, BoxTable], list[str]]:
  """Returns the boxes of each video by its name, and what is wrong with names in the table.

  Which name means which video, `video_names.match` tells.
  """
  if table is None:
    return {}, []
  tables = table.by_video()
  video_of, faults = video_names.match(tables, [video.name for video in videos], alias)
  if alias is None:
    unknown = (name for name in tables if name not in video_of and name not in faults)
    faults |= {name: f'there is no video {name!r}' for name in unknown}
  assigned = {video: tables[name] for name, video in video_of.items()}
  return assigned, [f'{tables[name].places[0]}: {fault}' for name, fault in faults.items()]


def _disagreements(
    video: ListedVideo, facts: VideoFacts, config: ml_collections.ConfigDict
) -> list[str]:
  tolerance = config.data.frame_tolerance
  if not video.num_frames or abs(facts.num_frames - video.num_frames) <= tolerance:
    return []
  return [
      f'{video.path}: it has {facts.num_frames} frames, the list says {video.num_frames} '
      f'(config.data.frame_tolerance is {tolerance}); it may be another copy of the video'
  ]


def _truth(
    video: ListedVideo, facts: VideoFacts, table: BoxTable | None, config: ml_collections.ConfigDict
) -> tuple[list[Tube], list[str]]:
  """Returns the events of a test video within its frames and image, and what is wrong."""
  if table is None:
    needed = video.split == 'test' and video.label
    return [], [f'{video.path}: an anomalous test video without a box'] if needed else []
  if not video.label:
    return [], [f'{table.places[0]}: a box in the normal video {video.name}']
  last = facts.num_frames + config.data.frame_tolerance
  inside = boxes.area(boxes.clip(table.boxes_xyxy, facts.width, facts.height))
  out = inside < INSIDE_SHARE * boxes.area(table.boxes_xyxy)
  late = table.frames >= last
  wrong = []
  for rows, what in (
      (late, f'its {facts.num_frames} frames'), (out, f'its {facts.width}x{facts.height} pixels')
  ):
    if rows.any():
      first = int(np.argmax(rows))
      edges = ', '.join(f'{edge:g}' for edge in table.boxes_xyxy[first])
      wrong.append(
          f'{table.places[first]}: {np.count_nonzero(rows)} boxes of {video.name} lie outside of '
          f'{what}, first in frame {table.frames[first]} ({edges})'
      )
  if wrong or video.split != 'test':
    return [], wrong
  tubes = [
      _inside(tube, facts)
      for tube in conversion.to_tubes(table, max_gap=config.data.max_gap)
      if tube.start < facts.num_frames
  ]
  return tubes, []


def _inside(tube: Tube, facts: VideoFacts) -> Tube:
  """Returns the part of a tube within the frames and the image of its video."""
  tube = tube.part(tube.start, min(tube.stop, facts.num_frames))
  return dataclasses.replace(
      tube, boxes_xyxy=boxes.clip(tube.boxes_xyxy, facts.width, facts.height)
  )
