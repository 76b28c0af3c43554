"""The builder that all data sets share: one padded bag for each video, without TensorFlow."""

import abc
from collections.abc import Iterator
import contextlib
import io
import os
from typing import Any

from absl import logging
import ml_collections
import tensorflow_datasets as tfds
import tqdm

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import VideoEntry
from wsstad_jax.data import bags
from wsstad_jax.features import store
from wsstad_jax.runs import prepare

_FORMAT = 2  # raised when the same settings come to mean other bags
_SPLITS = ('train', 'validation', 'test')


class BagBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Packs the prepared videos of a data set as bags.

  A data set is a subclass that lists its videos. Its config is named by a fingerprint of
  the videos, their features and the settings of bags, so that a change of any of them
  makes another folder.
  """

  VERSION = tfds.core.Version('1.0.0')

  def __init__(
      self,
      videos: prepare.PreparedVideos,
      config: ml_collections.ConfigDict,
      progress: prepare.Progress = tqdm.tqdm,
  ):
    self._videos = videos
    self._progress = progress
    self._settings = config.bags
    features = store.read_features(videos.features_file(videos.entries[0]))
    self._spec = bags.BagSpec(
        max_instances=config.bags.max_instances,
        num_videolets=config.bags.num_videolets,
        feature_dim=features.image.shape[1],
    )
    name = store.fingerprint(
        _FORMAT,
        config.bags.to_dict(),
        [_describe(entry, videos.features_file(entry)) for entry in videos.entries],
    )
    super().__init__(
        data_dir=os.path.join(config.data.prepared or config.data.root, 'tfds'),
        config=tfds.core.BuilderConfig(name=name),
        file_format='array_record',
    )

  @classmethod
  def folder(cls, config: ml_collections.ConfigDict) -> str:
    """Returns the folder of what is prepared from each video."""
    return os.path.join(config.data.prepared or config.data.root, cls.name)

  @classmethod
  def check_files(cls, config: ml_collections.ConfigDict) -> None:
    """Looks whether the files are there that a person has to bring; here there are none.

    Raises:
      UserError: they are not.
    """

  @classmethod
  @abc.abstractmethod
  def list_videos(
      cls, config: ml_collections.ConfigDict, progress: prepare.Progress
  ) -> list[VideoEntry]:
    """Returns the videos of the data set; makes those that can be made.

    Raises:
      UserError: the videos are not where they are expected, or have faults and are not to be
        left out.
    """

  @classmethod
  def prepare_videos(
      cls, config: ml_collections.ConfigDict, progress: prepare.Progress
  ) -> prepare.PreparedVideos:
    """Returns the videos of the data set with their tubes and features on disk.

    Raises:
      UserError: videos or weights cannot be read.
    """
    entries = cls.list_videos(config, progress)
    return prepare.prepare_videos(entries, config, cls.folder(config), progress)

  def _info(self) -> tfds.core.DatasetInfo:
    return self.dataset_info_from_configs(features=bags.create_features(self._spec))

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
    del dl_manager  # nothing is downloaded
    present = {entry.split for entry in self._videos.entries}
    return {split: self._generate_examples(split) for split in _SPLITS if split in present}

  def _generate_examples(self, split: str) -> Iterator[tuple[str, bags.Bag]]:
    entries = [entry for entry in self._videos.entries if entry.split == split]
    for entry in self._progress(entries, desc=f'Packing {split} bags', unit='video'):
      yield entry.video_id, self._videos.create_bag(entry, self._settings)


def prepare_bags(
    builder_class: type[BagBuilder],
    config: ml_collections.ConfigDict,
    progress: prepare.Progress = tqdm.tqdm,
) -> str:
  """Does what is missing from video files to bags; returns the folder of the bags.

  Raises:
    UserError: videos or weights cannot be read.
  """
  videos = builder_class.prepare_videos(config, progress)
  with _quiet_tfds():
    builder = builder_class(videos, config, progress)
    builder.download_and_prepare()
  bags_folder = os.fspath(builder.data_path)
  left_out = prepare.read_left_out(builder_class.folder(config))
  path = os.path.join(bags_folder, prepare.LEFT_OUT_FILE)
  if left_out or os.path.exists(path):
    files.write_json(path, left_out)
  return bags_folder


def check_manual_folder(folder: str, layout: str, more: str = '') -> None:
  """Stops the program if the files of a data set are not in `folder`.

  Args:
    folder: that a person has to fill; '' if none is given.
    layout: the paths expected in it, one a line: 'path  what it is'.
    more: what else the message is to say of the layout.

  Raises:
    UserError: no folder is given, or a path of the layout is missing.
  """
  layout = layout.strip('\n')
  if not folder:
    raise UserError(f'--config.data.root=DIR is missing. Expected in DIR:\n{layout}\n{more}')
  paths = [line.split()[0] for line in layout.splitlines()]
  missing = [path for path in paths if not os.path.exists(os.path.join(folder, path))]
  if missing:
    raise UserError(
        f'{folder} lacks {", ".join(missing)}. Expected there:\n{layout}\n{more}'
        'To see the system run without this data: python main.py --config=configs/synthetic.py'
    )


@contextlib.contextmanager
def _quiet_tfds() -> Iterator[None]:
  """Keeps TFDS from announcing a download of unknown size and a config of our own."""
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  tfds.disable_progress_bar()
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    logging.set_verbosity(verbosity)


def _describe(entry: VideoEntry, features_file: str) -> list:
  """Returns what a bag depends on, as JSON."""
  truth = [[tube.start, tube.boxes_xyxy.tolist()] for tube in entry.truth]
  return [features_file, entry.path, entry.split, entry.label, entry.category, truth]
