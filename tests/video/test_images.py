"""Tests of folders of images as videos, whole and broken."""

import cv2
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.video import decode


def pattern(number, height=48, width=64):
  blocks = np.random.default_rng(number).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
  return np.kron(blocks, np.ones((8, 8, 1), np.uint8))


def write_images(folder, names):
  folder.mkdir()
  for number, name in enumerate(names):
    cv2.imwrite(str(folder / name), pattern(number)[..., ::-1])
  return folder


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.tif', '.PNG'])
@pytest.mark.parametrize('form', ['{:03d}', 'image_{:04d}', 'a-{}'])
def test_numbered_images_are_a_video_in_order_of_their_numbers(tmp_path, suffix, form):
  names = [form.format(number) + suffix for number in range(8, 20)]
  folder = write_images(tmp_path / 'video', names)
  (folder / 'readme.txt').write_text('no image')
  (folder / '.001.jpg').write_text('no image')
  facts = decode.read_facts(folder)
  assert (facts.width, facts.height, facts.num_frames) == (64, 48, 12)
  assert facts.frames_per_second == 25
  frames = list(decode.iterate_frames(folder))
  assert len(frames) == 12 and frames[0].dtype == np.uint8
  for number, frame in enumerate(frames):
    errors = [np.abs(frame.astype(int) - pattern(other)).mean() for other in range(12)]
    assert np.argmin(errors) == number


def test_grey_images_get_three_channels(tmp_path):
  folder = tmp_path / 'video'
  folder.mkdir()
  cv2.imwrite(str(folder / '0.tif'), pattern(0)[..., 0])
  (frame,) = decode.iterate_frames(folder)
  np.testing.assert_array_equal(frame, np.repeat(pattern(0)[..., :1], 3, axis=2))


@pytest.mark.parametrize('names, told', [
    (['001.jpg', '003.jpg'], 'number 2 is missing'),
    (['001.jpg', 'cover.jpg'], 'cover.jpg has no number'),
    (['001.jpg', '1.jpg'], '001.jpg and 1.jpg have one number'),
])
def test_wrong_numbers_are_told(tmp_path, names, told):
  folder = write_images(tmp_path / 'video', names)
  with pytest.raises(UserError, match=rf'video as a video: .*{told}.*consecutive numbers'):
    decode.read_facts(folder)


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.tif'])
@pytest.mark.parametrize('share', [0, 0.3, 0.9])
def test_a_damaged_image_is_named(tmp_path, suffix, share):
  folder = write_images(tmp_path / 'video', [f'{number}{suffix}' for number in range(3)])
  path = folder / f'1{suffix}'
  path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
  with pytest.raises(UserError, match=rf'video as a video: 1\{suffix}'):
    list(decode.iterate_frames(folder))


def test_images_of_another_size_are_told(tmp_path):
  folder = write_images(tmp_path / 'video', ['0.png', '1.png'])
  cv2.imwrite(str(folder / '2.png'), pattern(0, height=56))
  with pytest.raises(UserError, match='2.png has 64x56, the first one 64x48 pixels'):
    list(decode.iterate_frames(folder))
