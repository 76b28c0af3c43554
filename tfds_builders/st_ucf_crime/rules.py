"""The rules by which ST-UCF-Crime is rebuilt, and how far two annotations of it agree.

The paper's own boxes were never released. README.md beside this file states the rules.
"""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import os

import numpy as np

from tfds_builders import collecting
from wsstad_jax.core import boxes
from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube
from wsstad_jax.formats import conversion
from wsstad_jax.formats import ucf_crime_lists
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.table import BoxTable
from wsstad_jax.formats.table import whole
from wsstad_jax.metrics import localization

# Between two events of an official test video pass at least 149 frames, and between the boxes
# of Liu & Ma on either side of such a pause at least 164 without a box.
MAX_GAP = 150  # frames, as in configs/st_ucf_crime.py
VALIDATION_SHARE = 0.15  # of the training videos of each label
_COLUMNS = ('video', 'split', 'label', 'frames')
_EXPECTED = 'the header video,split,label,frames, then one video a row (rebuild.py writes it)'


@dataclasses.dataclass(frozen=True)
class Row:
  """A video of the rebuilt set: its official name, split, label (1 anomalous) and frames."""

  video: str
  split: str
  label: int
  frames: int


@dataclasses.dataclass(frozen=True)
class Agreement:
  """How two annotations of the same videos agree.

  Attributes:
    num_videos: that both have boxes of.
    num_boxes: key-framed boxes of the first in frames in which the second has a box too.
    shared_frames: share of the first's boxes that are in such frames.
    mean_iou: over these boxes, of the IoU with the second's box of that frame that fits best.
    mean_iou_of_videos: the same, averaged in each video first.
    mean_s_loc: over videos, of S_loc (eq. 10, over all frames) of the two tubes, one of
      each annotation, that fit best; what a method reaches at most that finds one's tubes
      and is measured by the other's.
  """

  num_videos: int
  num_boxes: int
  shared_frames: float
  mean_iou: float
  mean_iou_of_videos: float
  mean_s_loc: float


def create_split(
    train: Sequence[ucf_crime_lists.ListedVideo], test: Sequence[ucf_crime_lists.ListedVideo]
) -> list[Row]:
  """Returns the rows of the set in order of their names.

  Raises:
    UserError: a video is in both lists.
  """
  names = {video.name for video in train}
  both = sorted(names & {video.name for video in test})
  if both:
    raise UserError(f'{len(both)} videos are in both official lists, first {both[0]}.')
  rows = []
  for listed, split in ((train, 'train'), (test, 'test')):
    for label in (0, 1):
      videos = {
          video.name: video
          for video in listed
          if label == (video.category != ucf_crime_lists.NORMAL)
      }
      validation = set()
      if split == 'train':
        validation = collecting.split_off(list(videos), VALIDATION_SHARE)
      rows += [
          Row(name, 'validation' if name in validation else split, label, video.num_frames)
          for name, video in videos.items()
      ]
  return sorted(rows, key=lambda row: row.video)


def write_split(path: str | os.PathLike, rows: Sequence[Row]) -> None:
  """Writes the list of the set."""
  with files.atomic_path(os.fspath(path)) as temporary:
    with open(temporary, 'w', encoding='utf-8', newline='') as file:
      writer = csv.writer(file, lineterminator='\n')
      writer.writerow(_COLUMNS)
      writer.writerows(dataclasses.astuple(row) for row in rows)


def read_split(path: str | os.PathLike) -> list[Row]:
  """Returns what `write_split` wrote; UserError if a row is none."""
  source = Source(path, _EXPECTED)
  rows = {}
  for number, (entry, line) in enumerate(source.read_rows()):
    values = line.split(',')
    if number == 0 and tuple(values) == _COLUMNS:
      continue
    if number == 0 or len(values) != 4 or values[1] not in ('train', 'validation', 'test'):
      raise source.fault(entry, f'there is {line[:80]!r}')
    if values[0] in rows:
      raise source.fault(entry, f'{values[0]!r} stands twice')
    try:
      label = whole(values[2], 'label', 0, 1)
      frames = whole(values[3], 'frames', 0, 10**8)
    except ValueError as error:
      raise source.fault(entry, str(error)) from None
    rows[values[0]] = Row(values[0], values[1], label, frames)
  return list(rows.values())


def measure_agreement(
    first: BoxTable, second: BoxTable, num_frames: Mapping[str, int]
) -> Agreement:
  """Returns how two annotations agree on the videos of `num_frames` (by `stem`)."""
  tables = [
      {ucf_crime_lists.stem(name): table for name, table in both.by_video().items()}
      for both in (first, second)
  ]
  common = sorted(tables[0].keys() & tables[1].keys() & num_frames.keys())
  ious, s_locs, num_first = [], [], 0
  for name in common:
    keyed = tables[0][name]
    ours, theirs = (
        _cut(conversion.to_tubes(table[name], max_gap=MAX_GAP), num_frames[name])
        for table in tables
    )
    num_first += len(keyed)
    found = [_best_iou(box, frame, theirs) for box, frame in zip(keyed.boxes_xyxy, keyed.frames)]
    ious.append([iou for iou in found if iou is not None])
    everywhere = np.ones(num_frames[name], bool)
    s_locs.append(max(localization.best_scores(ours, theirs, everywhere), default=0.0))
  pooled = np.concatenate([[], *ious])
  return Agreement(
      num_videos=len(common),
      num_boxes=len(pooled),
      shared_frames=len(pooled) / max(num_first, 1),
      mean_iou=float(np.mean(pooled)) if len(pooled) else np.nan,
      mean_iou_of_videos=float(np.mean([np.mean(values) for values in ious if values] or np.nan)),
      mean_s_loc=float(np.mean(s_locs or np.nan)),
  )


def _best_iou(box_xyxy: np.ndarray, frame: int, tubes: Sequence[Tube]) -> float | None:
  """Returns the largest IoU with a box of that frame; None if there is none."""
  others = [
      tube.boxes_xyxy[frame - tube.start] for tube in tubes if tube.start <= frame < tube.stop
  ]
  return float(boxes.iou(box_xyxy, np.stack(others)).max()) if others else None


def _cut(tubes: Sequence[Tube], num_frames: int) -> list[Tube]:
  """Returns the tubes as far as they lie in the first frames."""
  return [
      tube.part(tube.start, min(tube.stop, num_frames)) for tube in tubes if tube.start < num_frames
  ]
