"""STRA: road accidents filmed by fixed cameras (the paper's own data set)."""

import os

from tfds_builders import base
from tfds_builders import collecting
from tfds_builders import inspection
from wsstad_jax.core.errors import UserError
from wsstad_jax.formats import by_name
from wsstad_jax.formats import video_names
from wsstad_jax.formats.source import Source
from wsstad_jax.formats.source import shown

_LAYOUT = """
  videos/       the video files, or folders of numbered images; folders in it may be any
  train.txt     one video a row: its path below videos/, without ending, then 0 normal, 1 accident
  test.txt      the same for the test videos
"""
_OPTIONAL = """Optional:
  boxes.csv     boxes around the accidents in test videos, or another format: docs/own_data.md
"""
_ROW = 'one video a row: its path below videos/ without ending, a blank, then 0 or 1'


class Stra(base.BagBuilder):
  """Videos that a person has put into `<config.data.root>/stra`."""

  @classmethod
  def check_files(cls, config):
    base.check_manual_folder(os.path.join(config.data.root, cls.name), _LAYOUT, _OPTIONAL)

  @classmethod
  def list_videos(cls, config, progress):
    cls.check_files(config)
    folder = os.path.join(config.data.root, cls.name)
    videos, extra = list_stra(folder, config.data.validation_share)
    table = by_name.read_folder(folder, config.data.boxes)
    return collecting.collect(
        videos, table, config, cls.folder(config), progress, others=extra
    )


def list_stra(
    folder: str, validation_share: float
) -> tuple[list[collecting.ListedVideo], list[str]]:
  """Returns the listed videos, and what is wrong with files that no list names.

  A share of the training videos of each label is the validation split.

  Raises:
    UserError: a list cannot be read.
  """
  labels = {
      split: _read_list(os.path.join(folder, f'{split}.txt')) for split in ('train', 'test')
  }
  train = labels['train']
  validation = set().union(*(
      collecting.split_off([name for name in train if train[name] == label], validation_share)
      for label in (0, 1)
  ))
  both = [name for name in labels['test'] if name in train]
  if both:
    raise UserError(
        f'{folder}: {len(both)} videos are in train.txt and in test.txt, first {both[0]!r}. '
        'Expected each in one list.'
    )
  videos_folder = os.path.join(folder, 'videos')
  files = inspection.find_videos(videos_folder)
  file_of, extra = {}, []
  for name in files:
    first = file_of.setdefault(video_names.without_suffix(name), name)
    if first != name:
      extra.append(f'{os.path.join(videos_folder, name)}: {first} has the same name')
  videos = []
  for split, listed in labels.items():
    for name, label in listed.items():
      file_name = file_of.get(name, f'{name}.mp4')
      videos.append(collecting.ListedVideo(
          name, os.path.join(videos_folder, file_name),
          'validation' if name in validation else split, label,
      ))
  extra += [
      f'{os.path.join(videos_folder, name)}: no list names this video'
      for name in files
      if video_names.without_suffix(name) not in labels['train'] | labels['test']
  ]
  return videos, extra


def _read_list(path: str) -> dict[str, int]:
  """Returns the label of each video of a list."""
  source = Source(path, _ROW)
  labels = {}
  for entry, line in source.read_rows():
    *name, label = line.rsplit(maxsplit=1)
    name = video_names.without_suffix(name[0]) if name else ''
    if label not in ('0', '1') or not name:
      raise source.fault(entry, f'there is {shown(line)}')
    if name in labels:
      raise source.fault(entry, f'the video {shown(name)} stands twice')
    labels[name] = int(label)
  return labels
