"""ST-UCF-Crime: UCF-Crime (Sultani 2018) with boxes around the anomalies of test videos."""

from collections.abc import Sequence
import os
import pathlib

from absl import logging

from tfds_builders import base
from tfds_builders import collecting
from tfds_builders import inspection
from tfds_builders.st_ucf_crime import rules
from wsstad_jax.core.errors import UserError
from wsstad_jax.formats import by_name
from wsstad_jax.formats import ucf_crime_lists

_LAYOUT = """
  videos/    UCF-Crime as downloaded: folders with Abuse001_x264.mp4 ..., in any depth
"""
_BOXES = """and the boxes of at least one of these sources:
  liu_ma_test_boxes.pkl, liu_ma_train_boxes.pkl    Liu & Ma 2019
  sst_boxes.json                                   SST-WSVADL
  vatic/Abuse002.txt ...                           UCFCrime2Local
  boxes.json                                       your own: docs/own_data.md
Optional:
  splits.csv    another list of videos than that of tfds_builders/st_ucf_crime/README.md
"""
_SPLITS = 'splits.csv'
# Part of the download, not of the set; some of its videos bear names of the set's.
_NOT_OF_THE_SET = 'Normal_Videos_for_Event_Recognition'


class StUcfCrime(base.BagBuilder):
  """Videos that a person has put into `<config.data.root>/st_ucf_crime`."""

  @classmethod
  def check_files(cls, config):
    base.check_manual_folder(os.path.join(config.data.root, cls.name), _LAYOUT, _BOXES)

  @classmethod
  def list_videos(cls, config, progress):
    cls.check_files(config)
    folder = os.path.join(config.data.root, cls.name)
    table = by_name.read_folder(folder, config.data.boxes)
    if table is None:
      raise UserError(f'{folder} holds no boxes. Expected there:{_LAYOUT}{_BOXES}')
    own = os.path.join(folder, _SPLITS)
    shipped = pathlib.Path(__file__).with_name(_SPLITS)
    rows = rules.read_split(own if os.path.exists(own) else shipped)
    videos, extra = find_files(rows, os.path.join(folder, 'videos'))
    videos = with_boxes(videos, set(table.videos))
    return collecting.collect(
        videos, table, config, cls.folder(config), progress,
        others=extra, alias=ucf_crime_lists.stem,
    )


def with_boxes(
    videos: Sequence[collecting.ListedVideo], names: set[str]
) -> list[collecting.ListedVideo]:
  """Returns the videos without anomalous test ones that have no box; tells how many those are."""
  stems = {ucf_crime_lists.stem(name) for name in names}
  kept = [
      video for video in videos
      if video.split != 'test' or not video.label or ucf_crime_lists.stem(video.name) in stems
  ]
  if len(kept) < len(videos):
    logging.warning(
        '%d anomalous test videos have no box in this source and are not part of the set.',
        len(videos) - len(kept),
    )
  return kept


def find_files(
    rows: Sequence[rules.Row], folder: str
) -> tuple[list[collecting.ListedVideo], list[str]]:
  """Returns the videos of the rows with their files, and what is wrong with other files.

  A file is found by its name; the folders of the downloaded archives are not those of the
  lists. Where several have the name, the one in the folder of the list is it.
  """
  files = {}
  for path in inspection.find_videos(folder):
    if _NOT_OF_THE_SET not in path:
      files.setdefault(path.rsplit('/', 1)[-1], []).append(path)
  videos, extra = [], []
  for row in rows:
    category, file_name = row.video.rsplit('/', 1)
    paths = files.get(file_name, [row.video])
    exact = [path for path in paths if f'/{path}'.endswith(f'/{row.video}')] or paths
    if len(exact) > 1:
      extra.append(f'{folder}: {" and ".join(exact)} are both {row.video}')
    videos.append(collecting.ListedVideo(
        row.video, os.path.join(folder, exact[0]), row.split, row.label,
        category if row.label else '', row.frames,
    ))
  listed = {row.video.rsplit('/', 1)[-1] for row in rows}
  extra += [
      f'{os.path.join(folder, path)}: no list names this video'
      for name, paths in files.items() if name not in listed for path in paths
  ]
  return videos, extra
