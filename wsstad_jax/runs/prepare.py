"""Preparation: from video files to one file of tubes and one of C3D features for each.

Both stages leave out what is already there, so that a killed run goes on where it was, and
keep their files in folders named by the settings that matter, so that a change of settings
makes new files and never mixes with old ones.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import itertools
import os
import pathlib

from absl import logging
import ml_collections
import tqdm

from wsstad_jax.core import files
from wsstad_jax.core import processes
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import VideoEntry
from wsstad_jax.data import bags
from wsstad_jax.detections import registry
from wsstad_jax.features import clip_plan
from wsstad_jax.features import extraction
from wsstad_jax.features import proposals
from wsstad_jax.features import store
from wsstad_jax.video import clips
from wsstad_jax.video import decode

_FORMAT = 1  # raised when the same settings come to mean other tubes or features
_MAX_LISTED = 100  # faults that a message lists
LEFT_OUT_FILE = 'left_out.json'  # beside the bags: why each missing video is left out
_LABELS = {0: 'normal', 1: 'anomalous', -1: 'unlabelled'}
_LEFT_OUT = 'left_out'  # folder with a file of faults for each stage that finds some
Progress = Callable[..., tqdm.tqdm]


@dataclasses.dataclass(frozen=True)
class PreparedVideos:
  """The videos of a data set whose tubes and features are on disk.

  Attributes:
    entries: the readable videos.
    tubes_folder: holds a file of `store.write_tubes` for each.
    features_folder: holds a file of `store.write_features` for each.
  """

  entries: tuple[VideoEntry, ...]
  tubes_folder: str
  features_folder: str

  def tubes_file(self, entry: VideoEntry) -> str:
    return os.path.join(self.tubes_folder, _file_name(entry))

  def features_file(self, entry: VideoEntry) -> str:
    return os.path.join(self.features_folder, _file_name(entry))

  def create_bag(self, entry: VideoEntry, settings: ml_collections.ConfigDict) -> bags.Bag:
    """Returns the bag of a video; `settings` is `config.bags`."""
    divided = settings.train_division if entry.split == 'train' else settings.test_division
    return bags.create_bag(
        entry,
        store.read_tubes(self.tubes_file(entry), entry.path),
        store.read_features(self.features_file(entry)),
        settings=settings,
        divided=divided,
    )


def prepare_videos(
    entries: Sequence[VideoEntry],
    config: ml_collections.ConfigDict,
    folder: str,
    progress: Progress = tqdm.tqdm,
) -> PreparedVideos:
  """Finds the tubes and features of all videos, as far as they are not there yet.

  Args:
    entries: the videos, with different ids.
    config: `data`, `detector`, `tubes` and `c3d` are used.
    folder: gets one folder for the tubes and one for the features.
    progress: makes progress bars, as `tqdm.tqdm` does.

  Raises:
    UserError: videos cannot be read (all of them are listed, after the tubes of the others
      have been written), too few of them can, or the weights of C3D cannot.
  """
  tubes_print = store.fingerprint(
      _FORMAT, registry.describe_settings(config.detector), config.tubes.to_dict()
  )
  c3d = config.c3d
  features_print = store.fingerprint(tubes_print, *extraction.describe_settings(c3d))
  tubes_folder = os.path.join(folder, f'tubes-{tubes_print}')
  features_folder = os.path.join(folder, f'features-{features_print}')
  videos = PreparedVideos(tuple(entries), tubes_folder, features_folder)
  videos = _find_tubes(videos, config, folder, progress)
  _extract_features(videos, config, progress)
  return videos


def prepare_one(
    path: str, config: ml_collections.ConfigDict, progress: Progress = tqdm.tqdm
) -> bags.Bag:
  """Returns the bag of a single video file, made as those of a test split; its label is -1.

  Raises:
    UserError: the video or the weights of C3D cannot be read.
  """
  entry = VideoEntry(video_id=pathlib.Path(path).stem, path=path, split='test', label=-1)
  compute_fn = extraction.create_compute_fn(config.c3d)  # bad weights are told before the work
  video = proposals.propose_tubes(path, config, progress)
  starts = clips.clip_starts(video.facts.num_frames)
  num_clips = len(starts) + len(clip_plan.plan_clips(video.tubes, starts))
  num_batches = -(-num_clips // config.c3d.batch_size)
  with progress(total=num_batches, desc='Computing C3D features', unit='batch') as bar:

    def compute_and_count(clips_uint8):
      bar.update()
      return compute_fn(clips_uint8)

    (features,) = extraction.extract_videos(
        [video], compute_and_count, config.c3d, num_threads=config.data.num_processes
    )
  return bags.create_bag(
      entry, video, features, settings=config.bags, divided=config.bags.test_division
  )


def leave_out(
    faults: Mapping[str, str],
    num_videos: int,
    *,
    skip: bool,
    folder: str,
    stage: str,
    others: Sequence[str] = (),
) -> None:
  """Stops the program if a data set has faults, or notes them and tells what is left out.

  Args:
    faults: what is wrong with each video that cannot be used, by its id.
    num_videos: of the data set.
    skip: `config.data.skip_unreadable`.
    folder: of what is prepared; `read_left_out` finds the faults there.
    stage: that found them; the faults of an earlier run of it are forgotten.
    others: entries of lists and box files that fit no video.

  Raises:
    UserError: there are faults and `skip` is False, or no video is left; they are listed.
  """
  lines = [*faults.values(), *others]
  more = [f'... and {len(lines) - _MAX_LISTED} more'] if len(lines) > _MAX_LISTED else []
  listed = '\n  '.join(lines[:_MAX_LISTED] + more)
  misfits = f', {len(others)} other entries fit no video' if others else ''
  if len(faults) >= num_videos:
    raise UserError(f'no video can be used:\n  {listed}')
  if lines and not skip:
    raise UserError(
        f'{len(faults)} of {num_videos} videos cannot be used{misfits}:\n  {listed}\n'
        'Mend or remove them, or go on without them (--config.data.skip_unreadable=True).'
    )
  path = os.path.join(folder, _LEFT_OUT, f'{stage}.json')
  if faults or os.path.exists(path):
    files.write_json(path, dict(faults))
  if lines:
    logging.warning(
        'going on without %d of %d videos%s:\n  %s', len(faults), num_videos, misfits, listed
    )


def check_splits(
    videos: Sequence[VideoEntry], left: Sequence[VideoEntry], *, folder: str
) -> None:
  """Stops the program if a split has no video of a label any more, as some were left out.

  Args:
    videos: of the data set; of each only `split` and `label` are looked at.
    left: those of them that can be used.
    folder: of what is prepared.

  Raises:
    UserError: as said; the splits are named.
  """
  there, kept = ({(video.split, video.label) for video in row} for row in (videos, left))
  if there - kept:
    lost = [f'no {_LABELS[label]} one for {split}' for split, label in sorted(there - kept)]
    raise UserError(
        f'too few videos can be used: {" and ".join(lost)} is left of {len(videos)}. Mend those that '
        f'are left out ({os.path.join(folder, _LEFT_OUT)} says why), or add others.'
    )


def read_left_out(folder: str) -> dict[str, str]:
  """Returns why each video that was left out is, over all stages."""
  left_out = {}
  for path in sorted(pathlib.Path(folder, _LEFT_OUT).glob('*.json')):
    left_out |= files.read_json(path)
  return left_out


def _find_tubes(videos: PreparedVideos, config, folder, progress) -> PreparedVideos:
  """Writes the tubes that are missing; returns the videos that have some."""
  entries = videos.entries
  missing = [entry for entry in entries if not os.path.exists(videos.tubes_file(entry))]
  faults = {}
  with (
      processes.process_map(config.data.num_processes if len(missing) > 1 else 1) as map_fn,
      _bar(progress, entries, missing, 'Finding tubes') as bar,
  ):
    messages = map_fn(
        proposals.write_proposals,
        [entry.path for entry in missing],
        [videos.tubes_file(entry) for entry in missing],
        itertools.repeat(config),
    )
    for entry, message in zip(missing, messages, strict=True):
      if message:
        faults[entry.video_id] = message
      bar.update()
  leave_out(
      faults, len(entries), skip=config.data.skip_unreadable, folder=folder, stage='decoding'
  )
  readable = tuple(entry for entry in entries if entry.video_id not in faults)
  check_splits(entries, readable, folder=folder)
  return dataclasses.replace(videos, entries=readable)


def _extract_features(videos: PreparedVideos, config, progress) -> None:
  """Writes the features that are missing."""
  entries = videos.entries
  missing = [entry for entry in entries if not os.path.exists(videos.features_file(entry))]
  if not missing:
    return
  tubes = (store.read_tubes(videos.tubes_file(entry), entry.path) for entry in missing)
  compute_fn = extraction.create_compute_fn(config.c3d)
  with _bar(progress, entries, missing, 'Computing C3D features') as bar:
    extracted = extraction.extract_videos(
        tubes, compute_fn, config.c3d, num_threads=config.data.num_processes
    )
    for entry, features in zip(missing, extracted, strict=True):
      store.write_features(videos.features_file(entry), features)
      bar.update()


def _file_name(entry: VideoEntry) -> str:
  """Returns a name that changes when another video takes the place of the old one."""
  return f'{entry.video_id}-{decode.num_bytes(entry.path)}.npz'


def _bar(progress: Progress, entries, missing, title: str) -> tqdm.tqdm:
  done = len(entries) - len(missing)
  return progress(total=len(entries), initial=done, desc=title, unit='video')
