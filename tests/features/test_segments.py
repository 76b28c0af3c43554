"""Tests of features that others computed."""

import gzip
import pathlib

import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.features import segments

_SHARED = pathlib.Path(__file__).parents[3] / 'shared' / 'data' / 'c3d_bags'


@pytest.mark.parametrize('file_name, name', [
    ('Abuse001_x264.txt', 'Abuse001_x264'),
    ('Abuse001_x264.txt.gz', 'Abuse001_x264'),
    ('Abuse001_x264_i3d.npy', 'Abuse001_x264'),
    ('A.Beautiful.Mind__#01-14-30_label_A__4.npy', 'A.Beautiful.Mind__#01-14-30_label_A'),
    ('a__10.npy', 'a'),
    ('readme.md', None),
    ('.npy', None),
])
def test_names_of_videos(file_name, name):
  assert segments.video_name(file_name) == name


def test_text_and_arrays_are_read(tmp_path):
  rows = np.random.default_rng(0).random((5, 4)).astype(np.float32)
  text = '\n'.join(' '.join(f'{value:.6f}' for value in row) for row in rows)
  (tmp_path / 'a.txt').write_text(text)
  (tmp_path / 'a.txt.gz').write_bytes(gzip.compress(text.encode()))
  np.save(tmp_path / 'a.npy', rows.astype(np.float16))
  for name, tolerance in (('a.txt', 1e-6), ('a.txt.gz', 1e-6), ('a.npy', 1e-3)):
    found = segments.read_segments([str(tmp_path / name)])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rows, atol=tolerance)


def test_crops_are_averaged_from_one_file_or_several(tmp_path):
  crops = np.random.default_rng(0).random((6, 10, 3))
  np.save(tmp_path / 'a.npy', crops)
  paths = []
  for crop in range(10):
    paths.append(str(tmp_path / f'a__{crop}.npy'))
    np.save(paths[-1], crops[:, crop])
  for found in (segments.read_segments([str(tmp_path / 'a.npy')]), segments.read_segments(paths)):
    np.testing.assert_allclose(found, crops.mean(axis=1), rtol=1e-6)


def test_files_that_hold_no_features_are_refused(tmp_path):
  (tmp_path / 'ragged.txt').write_text('1 2 3\n4 5\n')
  (tmp_path / 'words.txt').write_text('1 2 three\n')
  (tmp_path / 'empty.txt').write_text('\n')
  (tmp_path / 'cut.txt.gz').write_bytes(gzip.compress(b'1 2 3\n' * 1000)[:30])
  (tmp_path / 'broken.npy').write_bytes(b'numbers')
  (tmp_path / 'nan.txt').write_text('1 nan\n')
  np.save(tmp_path / 'vector.npy', np.zeros(8))
  np.save(tmp_path / 'crops_first.npy', np.zeros((10, 32, 8)))
  np.save(tmp_path / 'none.npy', np.zeros((0, 8)))
  np.save(tmp_path / 'objects.npy', np.array([{}]))
  np.save(tmp_path / 'text.npy', np.array([['a', 'b']]))
  np.savez(tmp_path / 'archive.npz', a=np.zeros((2, 2)))
  (tmp_path / 'archive.npz').rename(tmp_path / 'archive.npy')
  for name, told in {
      'ragged.txt': 'cannot be read', 'words.txt': 'cannot be read', 'cut.txt.gz': 'cannot be read',
      'broken.npy': 'cannot be read', 'objects.npy': 'cannot be read',
      'missing.npy': 'cannot be read', 'nan.txt': 'no finite numbers', 'text.npy': 'no finite',
      'vector.npy': r'shape \(8,\)', 'none.npy': r'shape \(0, 8\)', 'archive.npy': r'shape \(\)',
      'crops_first.npy': r'shape \(10, 32, 8\); expected is .* of up to 10 crops',
  }.items():
    with pytest.raises(UserError, match=f'{name} .*{told}'):
      segments.read_segments([str(tmp_path / name)])
  with pytest.warns(UserWarning, match='no data'), pytest.raises(UserError, match='empty.txt has'):
    segments.read_segments([str(tmp_path / 'empty.txt')])
  np.save(tmp_path / 'a__0.npy', np.zeros((3, 8)))
  np.save(tmp_path / 'a__1.npy', np.zeros((4, 8)))
  with pytest.raises(UserError, match=r'a__1.npy has the shape \(4, 8\), but'):
    segments.read_segments([str(tmp_path / f'a__{crop}.npy') for crop in range(2)])


def test_segments_are_spread_over_clips_and_clips_over_segments():
  rows = np.arange(4.0)[:, None]
  # Edges round(linspace(0, 10, 5)) = 0, 2, 5, 8, 10 (halves to even).
  assert segments.spread(rows, 10).ravel().tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
  assert segments.spread(rows, 4).ravel().tolist() == [0, 1, 2, 3]
  assert segments.spread(rows, 2).ravel().tolist() == [0.5, 2.5]


def test_without_a_frame_count_a_segment_is_a_clip():
  rows = np.random.default_rng(0).random((5, 3))
  video, features = segments.to_video(rows, 'a.txt', max_tubes=200)
  assert video.facts.num_frames == 80
  assert [(tube.start, tube.stop) for tube in video.tubes] == [
      (0, 16), (16, 32), (32, 48), (48, 64), (64, 80)
  ]
  np.testing.assert_array_equal(features.image, rows.astype(np.float16))
  np.testing.assert_array_equal(features.region, features.image)
  assert features.pairs.tolist() == [[n, n] for n in range(5)]
  assert video.tubes[2].boxes_xyxy.tolist() == [[0, 0, 1, 1]] * 16


def test_with_a_frame_count_the_tubes_cover_the_video():
  rows = np.random.default_rng(0).random((4, 3))
  video, features = segments.to_video(rows, 'a.txt', num_frames=165, max_tubes=200)  # 11 clips
  spans = [(tube.start, tube.stop) for tube in video.tubes]
  assert len(features.image) == 11 and len(video.detected_frames) == 165
  assert spans[0][0] == 0 and spans[-1][1] == 165
  assert all(stop == start for (_, stop), (start, _) in zip(spans, spans[1:]))


def test_many_segments_share_tubes():
  video, features = segments.to_video(np.zeros((100, 3)), 'a.txt', max_tubes=12)
  assert len(video.tubes) == 12 and len(features.image) == 100
  assert {tube for tube, _ in features.pairs.tolist()} == set(range(12))


@pytest.mark.skipif(not _SHARED.exists(), reason='the real features are not here')
def test_real_features_of_sultani_2018():
  for path in _SHARED.glob('*.txt.gz'):
    found = segments.read_segments([str(path)])
    assert found.shape == (32, 4096)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    assert (found >= 0).all()  # after ReLU
