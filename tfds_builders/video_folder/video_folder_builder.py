"""A person's own videos, in two folders named by what they show."""

from collections.abc import Set
import os
import pathlib

from tfds_builders import base
from tfds_builders import collecting
from tfds_builders import inspection
from wsstad_jax.core.errors import UserError
from wsstad_jax.features import store
from wsstad_jax.formats import by_name
from wsstad_jax.formats import video_names

_LAYOUT = """
  normal/       videos in which nothing abnormal happens
  anomalous/    videos in which something does; folders in it are its categories
"""
_OPTIONAL = """Optional:
  test/         normal/ and anomalous/ again, with the videos to test on
  boxes.csv     boxes around what is abnormal in test videos, or another format: docs/own_data.md
"""
_LABELS = {'normal': 0, 'anomalous': 1}
_TEST = 'test/'
_FEWEST = 2  # videos of each label in a part that is divided: one for either part


class VideoFolder(base.BagBuilder):
  """The videos in `config.data.root`, which may be any folder; nothing is written there."""

  @classmethod
  def folder(cls, config):
    root = os.path.abspath(config.data.root)
    return os.path.join(
        config.data.prepared or config.data.root,
        f'{os.path.basename(root)}-{store.fingerprint(root)}',
    )

  @classmethod
  def check_files(cls, config):
    base.check_manual_folder(config.data.root, _LAYOUT, _OPTIONAL)

  @classmethod
  def list_videos(cls, config, progress):
    cls.check_files(config)
    root = config.data.root
    shares = {name: config.data[name] for name in ('validation_share', 'test_share')}
    videos, folder = list_folder(root, **shares), cls.folder(config)
    if config.data.skip_unreadable:  # so that no split is made of what is left out
      facts = collecting.look_at(videos, config, folder, progress)
      unreadable = {video.name for video in videos if isinstance(facts[video.path], str)}
      videos = list_folder(root, **shares, unreadable=unreadable)
    table = by_name.read_folder(root, config.data.boxes)
    return collecting.collect(videos, table, config, folder, progress)


def list_folder(
    root: str,
    *,
    validation_share: float,
    test_share: float,
    unreadable: Set[str] = frozenset(),
) -> list[collecting.ListedVideo]:
  """Returns the videos of a folder with normal/ and anomalous/, each with its split.

  Without test/, a share of the videos of each label is the test split; of the rest, a share
  of each label is the validation split (`collecting.split_off`). A folder below anomalous/
  names the category of the videos in it.

  Args:
    root: the folder.
    validation_share: of the videos of a label that are not tested, in [0, 1).
    test_share: of the videos of a label, in [0, 1).
    unreadable: names of videos that will be left out: they are listed, but not counted or divided.

  Raises:
    UserError: there are too few videos of a label to divide.
  """
  names = {label: _find(root, label) for label in _LABELS}
  has_test = os.path.isdir(os.path.join(root, _TEST))
  fewest = _FEWEST + (not has_test and test_share > 0)
  readable = {
      label: [name for name in found if name not in unreadable] for label, found in names.items()
  }
  short = [f'{len(found)} in {label}/' for label, found in readable.items() if len(found) < fewest]
  if short:
    kind = 'readable videos' if unreadable else 'videos'
    raise UserError(
        f'{root} holds too few {kind}: {" and ".join(short)}. Expected at least {fewest} of each, '
        f'to be divided into splits, with the endings {" ".join(video_names.VIDEO_SUFFIXES)}, or '
        f'folders of numbered images.'
    )
  splits = {}
  for label, found in names.items():
    tests = set() if has_test else collecting.split_off(readable[label], test_share)
    rest = [name for name in readable[label] if name not in tests]
    validation = collecting.split_off(rest, validation_share)
    splits |= {
        name: 'test' if name in tests else 'validation' if name in validation else 'train'
        for name in found
    }
    if has_test:
      splits |= dict.fromkeys(_find(root, _TEST + label), 'test')
  return [_listed(root, name, split) for name, split in sorted(splits.items())]


def _find(root: str, folder: str) -> list[str]:
  """Returns the videos of a folder relative to the root."""
  return [f'{folder}/{name}' for name in inspection.find_videos(os.path.join(root, folder))]


def _listed(root: str, name: str, split: str) -> collecting.ListedVideo:
  label, *folders, _ = pathlib.PurePosixPath(name.removeprefix(_TEST)).parts
  return collecting.ListedVideo(
      name, os.path.join(root, name), split, _LABELS[label], '/'.join(folders)
  )
