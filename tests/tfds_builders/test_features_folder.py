"""Tests of bags from features that others computed."""

import functools
import pathlib

import ml_collections
import numpy as np
import pytest
import tqdm

from configs import features_folder
from tfds_builders import base
from tfds_builders.features_folder import features_folder_builder
from tfds_builders.features_folder import frame_list
from wsstad_jax.core.errors import UserError
from wsstad_jax.data import bags
from wsstad_jax.data import pipeline
from wsstad_jax.runs.evaluate import evaluate
from wsstad_jax.runs.predict import predict
from wsstad_jax.runs.train import train

_QUIET = functools.partial(tqdm.tqdm, disable=True)
_SIZE = 64


def write_folder(root, *, segments=32, test=False):
  """Writes features of 6 videos of either label; those of anomalous ones rise in the middle."""
  rng = np.random.default_rng(0)
  for label in ('normal', 'anomalous'):
    for number in range(6):
      rows = rng.random((segments, _SIZE))
      if label == 'anomalous':
        rows[12:18, :8] += 3
      folder = root / ('test' if test and number >= 4 else '') / label / f'kind_{number % 2}'
      folder.mkdir(parents=True, exist_ok=True)
      if number % 2:
        np.save(folder / f'{label}{number}_i3d.npy', np.repeat(rows[:, None], 10, axis=1))
      else:
        np.savetxt(folder / f'{label}{number}.txt', rows, fmt='%.6f')
  (root / 'readme.md').write_text('not a feature')


def create_config(root, **changes):
  config = features_folder.get_config()
  config.data.root, config.data.prepared = str(root), str(root.parent / 'prepared')
  config.bags.max_instances = 40
  config.update_from_flattened_dict(changes)
  return ml_collections.FrozenConfigDict(config)


def prepare(config):
  return base.prepare_bags(features_folder_builder.FeaturesFolder, config, _QUIET)


def read(folder, split):
  return list(pipeline.iterate(pipeline.BagSource(folder, split)))


def test_two_folders_become_bags(tmp_path):
  write_folder(tmp_path / 'own')
  folder = prepare(create_config(tmp_path / 'own'))
  by_split = {split: read(folder, split) for split in ('train', 'validation', 'test')}
  assert {split: len(found) for split, found in by_split.items()} == {
      'train': 6, 'validation': 2, 'test': 4
  }
  bag = by_split['test'][0]
  rows = np.count_nonzero(bag['tube_mask'])
  assert rows == 32 and bag['videolet_mask'].all()
  # Segments are instances and videolets at once, with the numbers of the file.
  np.testing.assert_array_equal(bag['videolet_features'], bag['image_features'][:32])
  np.testing.assert_array_equal(bag['region_features'], bag['image_features'])
  np.testing.assert_array_equal(bag['tube_spans'][:2], [[0, 16], [16, 32]])
  assert {bag['label'].item() for bag in by_split['validation']} == {0, 1}
  assert bag['category'] in ('kind_0', 'kind_1')


def test_test_videos_and_events_are_taken_from_folders_and_lists(tmp_path):
  root = tmp_path / 'own'
  write_folder(root, test=True)
  (root / 'frames.txt').write_text(
      'anomalous/anomalous4.mp4 1000 kind_0 401 500 801 900\nnormal4 320 Normal -1 -1 -1 -1\n'
  )
  found = {bag['video_id']: bag for bag in read(prepare(create_config(root)), 'test')}
  assert len(found) == 4
  (anomalous,) = [bag for name, bag in found.items() if name.endswith('anomalous4')]
  assert anomalous['num_frames'] == 1000
  assert anomalous['truth_spans'].tolist() == [[400, 500], [800, 900]]
  assert anomalous['tube_spans'].max() == 1000
  np.testing.assert_array_equal(
      anomalous['videolet_features'], anomalous['image_features'][:32]
  )  # 63 clips, 32 segments: each clip has the features of its segment
  (unknown,) = [bag for name, bag in found.items() if name.endswith('anomalous5')]
  assert unknown['num_frames'] == 32 * 16


def test_preparing_again_reads_nothing_and_changed_files_are_read_anew(tmp_path, monkeypatch):
  root = tmp_path / 'own'
  write_folder(root)
  config = create_config(root)
  folder = prepare(config)
  with monkeypatch.context() as context:
    context.setattr(features_folder_builder.segments_lib, 'read_segments', None)
    assert prepare(config) == folder
  path = next((root / 'normal').rglob('*.txt'))
  path.write_text(path.read_text().replace('0.', '1.'))
  assert prepare(config) != folder


def test_training_runs_on_the_bags(tmp_path):
  write_folder(tmp_path / 'own')
  folder = prepare(create_config(tmp_path / 'own'))
  batch = next(pipeline.create_train_iterator(pipeline.TrainBags(folder), bags_per_label=2, seed=0))
  assert batch['region_features'].shape == (4, 40, _SIZE)
  assert batch['label'].tolist() == [1, 1, 0, 0]
  assert set(batch) == set(bags.MODEL_KEYS)


@pytest.mark.parametrize('timed', [False, True])
def test_features_of_any_size_are_learned_from_and_evaluated(tmp_path, timed, capsys):
  root, workdir = tmp_path / 'own', str(tmp_path / 'run')
  write_folder(root, test=True)
  if timed:
    (root / 'frames.txt').write_text(
        ''.join(f'anomalous{number} 512 kind 193 288\n' for number in (4, 5))
    )
  config = create_config(root, **{
      'train.num_steps': 4, 'train.evaluate_every': 2, 'train.bags_per_label': 2,
  })
  assert config.c3d.width * 4096 != _SIZE
  folder = prepare(config)
  train(config, workdir, folder)
  metrics = evaluate(config, workdir, folder)
  assert 0 <= metrics['vauc'] <= 100
  assert (metrics['frame_auc'] is not None) == timed  # of the frames that frames.txt lists
  assert metrics['miou'] is metrics['upper_bound']['miou'] is metrics['rbdc'] is None
  assert not (tmp_path / 'run' / 'overlays').exists()
  assert (tmp_path / 'run' / 'report.html').exists()
  assert 'IoU is not measurable' in capsys.readouterr().out
  with pytest.raises(UserError, match='features made elsewhere, which cannot be computed from a'):
    predict(config, workdir, video='a.mp4', out=str(tmp_path / 'out'))


def test_what_does_not_fit_is_told(tmp_path):
  root = tmp_path / 'own'
  with pytest.raises(UserError, match='--config.data.root=DIR is missing'):
    prepare(create_config(root, **{'data.root': ''}))
  with pytest.raises(UserError, match='lacks normal/, anomalous/'):
    prepare(create_config(root))
  write_folder(root)
  other = root / 'normal' / 'other.npy'
  np.save(other, np.zeros((32, 3)))
  for _ in range(2):  # also where the others have been read before
    with pytest.raises(UserError, match='other.npy has features of 3 numbers, but .* has 64'):
      prepare(create_config(root))
  other.unlink()
  (root / 'frames.txt').write_text('normal0 15\n')
  with pytest.raises(UserError, match='normal0.txt: the video has 15 frames'):
    prepare(create_config(root))
  for path in list((root / 'normal').rglob('*.*'))[1:]:
    path.unlink()
  with pytest.raises(UserError, match='1 videos in normal/; expected are at least 3'):
    prepare(create_config(root))


@pytest.mark.parametrize('line, told', [
    ('a', "line 2: 'a' is not NAME NUM_FRAMES"),
    ('a many', 'is not NAME'),
    ('a 100 Arson 5', 'is not NAME'),
    ('a 100 Arson 5 117', 'not inside frames 1 to 100'),
    ('a 100 Arson 101 110', 'not inside'),
    ('a 100 Arson 0 7', 'not inside'),
    ('a 100 Arson 9 7', 'not inside'),
    ('a 0', 'not inside'),
    ('first.mp4 100', 'line 2: first is listed twice'),
])
def test_broken_lists_are_refused_by_line(tmp_path, line, told):
  path = tmp_path / 'frames.txt'
  path.write_text(f'x/first.mp4 20\n{line}\n')
  with pytest.raises(UserError, match=told):
    frame_list.read_frame_list(str(path))


def test_the_list_of_ucf_crime_with_frame_counts_is_read(tmp_path):
  path = tmp_path / 'frames.txt'
  path.write_text('Arson/Arson022_x264.mp4 8640 Arson 3500 4000 -1 -1\n\nb 10 Arson 3 12\n')
  assert frame_list.read_frame_list(str(path)) == {
      'Arson022_x264': (8640, ((3499, 4000),)), 'b': (10, ((2, 10),))
  }
  shared = pathlib.Path(__file__).parents[3] / 'shared/data/ucf_crime'
  real = shared / 'test_list_with_frame_counts.txt'
  if real.exists():
    assert len(frame_list.read_frame_list(str(real))) == 290
  assert frame_list.read_frame_list(str(tmp_path / 'nothing.txt')) == {}
