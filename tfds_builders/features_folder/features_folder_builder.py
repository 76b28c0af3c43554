"""Features of a person's own videos, made elsewhere, in two folders named by what they show."""

import dataclasses
import os
import pathlib

import numpy as np

from tfds_builders import base
from tfds_builders import collecting
from tfds_builders.features_folder import frame_list
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import NO_PLACE_XYXY, Tube, TubeKind, VideoEntry
from wsstad_jax.features import segments as segments_lib
from wsstad_jax.features import store
from wsstad_jax.runs import prepare

_LAYOUT = """
  normal/       features of videos in which nothing abnormal happens
  anomalous/    of videos in which something does; folders in it are its categories
"""
_OPTIONAL = """A file is NAME.txt or NAME.txt.gz, one row of numbers a segment, or NAME.npy, [segments, d]
or [segments, crops, d]; NAME__0.npy, NAME__1.npy ... are crops of one video. Optional:
  test/         normal/ and anomalous/ again, with the videos to test on
  frames.txt    NAME NUM_FRAMES [CATEGORY START STOP ...] a line, as in UCF-Crime's lists
"""
_LABELS = {'normal': 0, 'anomalous': 1}
_FORMAT = 1  # raised when the same files come to mean other features


@dataclasses.dataclass(frozen=True)
class _Files:
  """The files of one video."""

  name: str  # relative to the root, without ending
  paths: tuple[str, ...]
  label: int
  is_test: bool

  @property
  def stem(self) -> str:
    return self.name.split('/')[-1]


class FeaturesFolder(base.BagBuilder):
  """The features in `config.data.root`, which may be any folder; nothing is written there.

  The bags have no boxes: each segment is an instance that shows the whole image, so the tube
  branch and the temporal branch see the same, and the scores tell when and not where.
  """

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
    del progress
    return [entry for entry, _ in _list_entries(config)]

  @classmethod
  def prepare_videos(cls, config, progress):
    """Returns the videos, with their features in our own format on disk."""
    listed = _list_entries(config)
    counts = frame_list.read_frame_list(os.path.join(config.data.root, 'frames.txt'))
    states = [(path, os.path.getsize(path), os.stat(path).st_mtime_ns)
              for _, video in listed for path in video.paths]
    max_tubes = config.bags.max_instances
    digest = store.fingerprint(_FORMAT, sorted(states), counts, max_tubes)
    tubes_folder, features_folder = (
        os.path.join(cls.folder(config), f'{kind}-{digest}') for kind in ('tubes', 'features')
    )
    videos = prepare.PreparedVideos(
        tuple(entry for entry, _ in listed), tubes_folder, features_folder
    )
    size = 0
    for entry, video in progress(listed, desc='Reading features', unit='video'):
      if os.path.exists(videos.features_file(entry)):
        continue
      segments = segments_lib.read_segments(video.paths)
      size = size or _size_of_first(videos) or segments.shape[1]
      if segments.shape[1] != size:
        raise UserError(
            f'{video.paths[0]} has features of {segments.shape[1]} numbers, but '
            f'{listed[0][1].paths[0]} has {size}; expected are features of one kind.'
        )
      num_frames = counts[video.stem].num_frames if video.stem in counts else 0
      try:
        tubes, features = segments_lib.to_video(
            segments, entry.path, num_frames=num_frames, max_tubes=max_tubes
        )
      except UserError as error:
        raise UserError(f'{video.paths[0]}: {error}') from error
      store.write_tubes(videos.tubes_file(entry), tubes)
      store.write_features(videos.features_file(entry), features)
    return videos


def _size_of_first(videos: prepare.PreparedVideos) -> int:
  """Returns the size of the features of the first video, 0 if they have not been read yet."""
  path = videos.features_file(videos.entries[0])
  return store.read_features(path).image.shape[1] if os.path.exists(path) else 0


def _list_entries(config) -> list[tuple[VideoEntry, _Files]]:
  """Returns the videos of a folder, each with its files.

  Raises:
    UserError: the folder has another layout or too few videos, or a list cannot be read.
  """
  FeaturesFolder.check_files(config)
  root = config.data.root
  videos = [video for label in _LABELS for video in _find(root, label)]
  has_test = os.path.isdir(os.path.join(root, 'test'))
  if has_test:
    videos += [video for label in _LABELS for video in _find(root, f'test/{label}')]
  splits = _split(root, videos, config.data.validation_share,
                  0 if has_test else config.data.test_share)
  counts = frame_list.read_frame_list(os.path.join(root, 'frames.txt'))
  listed = []
  for video in videos:
    split, count = splits[video.name], counts.get(video.stem)
    truth = tuple(
        Tube(start, np.tile(np.float32(NO_PLACE_XYXY), (stop - start, 1)), TubeKind.TRUTH)
        for start, stop in (count.events if count and split == 'test' else ())
    )
    category = '/'.join(pathlib.PurePosixPath(video.name.removeprefix('test/')).parts[1:-1])
    video_id = collecting.ListedVideo(video.name, '', split, video.label).video_id
    listed.append((
        VideoEntry(video_id, video.paths[0], split, video.label, category, truth), video
    ))
  return listed


def _find(root: str, folder: str) -> list[_Files]:
  """Returns the videos below a folder by name; other files are passed over."""
  found = {}
  for path in sorted(pathlib.Path(root, folder).rglob('*')):
    name = segments_lib.video_name(path.name)
    if name and path.is_file():
      relative = path.parent.relative_to(root).joinpath(name).as_posix()
      found.setdefault(relative, []).append(str(path))
  label = _LABELS[folder.split('/')[-1]]
  return [
      _Files(name, tuple(paths), label, folder.startswith('test/'))
      for name, paths in found.items()
  ]


def _split(
    root: str, videos: list[_Files], validation_share: float, test_share: float
) -> dict[str, str]:
  """Returns the split of each video by name, divided as those of `video_folder`."""
  splits = {video.name: 'test' for video in videos if video.is_test}
  for label, value in _LABELS.items():
    names = [video.name for video in videos if video.label == value and not video.is_test]
    fewest = 2 + (test_share > 0)
    if len(names) < fewest:
      raise UserError(
          f'{root} holds features of {len(names)} videos in {label}/; expected are at least '
          f'{fewest}, to be divided, with the endings {" ".join(segments_lib.SUFFIXES)}.'
      )
    tests = collecting.split_off(names, test_share)
    rest = [name for name in names if name not in tests]
    validation = collecting.split_off(rest, validation_share)
    splits |= {
        name: 'test' if name in tests else 'validation' if name in validation else 'train'
        for name in names
    }
  return splits
