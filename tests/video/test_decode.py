"""Tests of reading and writing video files, whole and broken."""

import av
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.video import decode


def drifting_pattern(num_frames: int, height: int = 48, width: int = 64):
  """Returns frames of random blocks that move one pixel a frame: no two are alike."""
  blocks = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
  picture = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
  return [np.roll(picture, step, axis=1) for step in range(num_frames)]


def noise(num_frames: int):
  """Returns frames that hardly compress, so that a cut or damage in a file hits pixels."""
  return np.random.default_rng(0).integers(0, 255, (num_frames, 96, 128, 3), np.uint8)


def write_as(path, num_frames: int, codec: str) -> None:
  """Writes a video in containers and codecs that `write_video` does not make."""
  with av.open(path, 'w') as container:
    stream = container.add_stream(codec, rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
    for frame in drifting_pattern(num_frames):
      container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
    container.mux(stream.encode())


def test_what_is_written_is_read_back_in_order(tmp_path):
  frames = drifting_pattern(40)
  path = tmp_path / 'video.mp4'
  decode.write_video(path, frames, frames_per_second=12.5, crf=1)

  facts = decode.read_facts(path)
  assert (facts.width, facts.height, facts.num_frames) == (64, 48, 40)
  assert facts.frames_per_second == 12.5
  read = list(decode.iterate_frames(path))
  assert len(read) == 40 and read[0].dtype == np.uint8
  for index, frame in enumerate(read):
    errors = [np.abs(frame.astype(int) - other).mean() for other in frames]
    assert np.argmin(errors) == index


@pytest.mark.parametrize(
    'name, codec',
    [
        ('a.mp4', 'libx264'),
        ('a.mkv', 'libx264'),
        ('a.ts', 'libx264'),
        ('a.avi', 'mpeg4'),
        ('a.mov', 'mpeg4'),
        ('a.webm', 'libvpx'),
    ],
)
def test_frames_are_counted_right_in_every_container(tmp_path, name, codec):
  write_as(tmp_path / name, 37, codec)
  assert decode.read_facts(tmp_path / name).num_frames == 37
  assert sum(1 for _ in decode.iterate_frames(tmp_path / name)) == 37


def test_frames_cut_away_by_an_edit_list_are_not_counted(tmp_path):
  whole, cut = tmp_path / 'whole.mp4', tmp_path / 'cut.mp4'
  decode.write_video(whole, drifting_pattern(30), frames_per_second=25)
  with av.open(whole) as source, av.open(cut, 'w') as target:
    stream = target.add_stream_from_template(source.streams.video[0])
    for packet in source.demux(video=0):
      if packet.size:
        packet.pts -= 10 * packet.duration  # negative times: the muxer writes an edit list
        packet.dts -= 10 * packet.duration
        packet.stream = stream
        target.mux(packet)
  num_frames = decode.read_facts(cut).num_frames
  assert num_frames <= 30
  assert sum(1 for _ in decode.iterate_frames(cut)) == num_frames


def test_odd_sides_grow_by_one_pixel(tmp_path):
  frames = [frame[:47, :63] for frame in drifting_pattern(16)]
  decode.write_video(tmp_path / 'odd.mp4', frames, frames_per_second=25)
  assert next(decode.iterate_frames(tmp_path / 'odd.mp4')).shape == (48, 64, 3)


def test_a_failed_write_leaves_the_old_file(tmp_path):
  path = tmp_path / 'video.mp4'
  decode.write_video(path, drifting_pattern(5), frames_per_second=25)

  def failing():
    yield from drifting_pattern(3)
    raise RuntimeError('renderer failed')

  with pytest.raises(RuntimeError, match='renderer failed'):
    decode.write_video(path, failing(), frames_per_second=25)
  assert decode.read_facts(path).num_frames == 5
  assert [file.name for file in tmp_path.iterdir()] == ['video.mp4']


def test_the_same_frames_give_the_same_bytes(tmp_path):
  contents = set()
  for _ in range(8):
    frames = drifting_pattern(30, height=120, width=160)
    decode.write_video(tmp_path / 'video.mp4', frames, frames_per_second=25)
    contents.add((tmp_path / 'video.mp4').read_bytes())
  assert len(contents) == 1


def test_nothing_to_write_is_refused(tmp_path):
  with pytest.raises(ValueError, match='no frames'):
    decode.write_video(tmp_path / 'video.mp4', [], frames_per_second=25)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi'])
@pytest.mark.parametrize('share', [0.3, 0.6, 0.9])
def test_a_truncated_file_is_an_error(tmp_path, name, share):
  path = tmp_path / name
  decode.write_video(path, noise(40), frames_per_second=25)
  path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
  with pytest.raises(UserError, match=rf'{name}.*copy it again'):
    for _ in decode.iterate_frames(path):
      pass


def test_a_truncated_file_says_how_many_frames_are_there(tmp_path):
  path = tmp_path / 'video.mkv'
  decode.write_video(path, noise(40), frames_per_second=25)
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
  with pytest.raises(UserError, match=r'\d+ frames could be read of 40 '):
    decode.read_facts(path)


def test_damage_in_the_middle_is_an_error(tmp_path):
  path = tmp_path / 'video.mp4'
  decode.write_video(path, noise(40), frames_per_second=25)
  content = bytearray(path.read_bytes())
  middle = len(content) // 2
  content[middle : middle + 50_000] = bytes(50_000)
  path.write_bytes(content)
  with pytest.raises(UserError, match='damaged: .* of 40 '):
    list(decode.iterate_frames(path))


@pytest.mark.parametrize('content', [b'', b'this is no video\n' * 50])
def test_a_file_that_is_no_video_is_an_error(tmp_path, content):
  path = tmp_path / 'text.mp4'
  path.write_bytes(content)
  with pytest.raises(UserError, match=rf'text.mp4 \({len(content)} bytes\).*remove it'):
    decode.read_facts(path)


def test_a_file_without_video_stream_is_an_error(tmp_path):
  path = tmp_path / 'sound.mp4'
  with av.open(path, 'w') as container:
    stream = container.add_stream('aac', rate=16000)
    sound = av.AudioFrame.from_ndarray(np.zeros([1, 1024], np.float32), 'fltp', 'mono')
    sound.sample_rate = 16000
    container.mux(stream.encode(sound))
    container.mux(stream.encode())
  with pytest.raises(UserError, match='sound.mp4.*no video stream'):
    decode.read_facts(path)


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
  with pytest.raises(UserError, match='absent.mp4: there is no such file'):
    decode.read_facts(tmp_path / 'absent.mp4')
  with pytest.raises(UserError, match='it is a folder'):
    list(decode.iterate_frames(tmp_path))


@pytest.mark.parametrize('name, codec, plays', [
    ('a.mp4', 'libx264', True), ('a.MOV', 'libx264', True), ('a.webm', 'libvpx', True),
    ('a.mp4', 'mpeg4', False), ('a.avi', 'libx264', False), ('a.mkv', 'libx264', False),
])
def test_what_browsers_play(tmp_path, name, codec, plays):
  write_as(str(tmp_path / name), 3, codec)
  assert decode.plays_in_browsers(tmp_path / name) == plays


def test_a_folder_of_images_does_not_play_and_a_missing_file_is_an_error(tmp_path):
  (tmp_path / 'images.mp4').mkdir()
  assert not decode.plays_in_browsers(tmp_path / 'images.mp4')
  with pytest.raises(UserError, match='no such file'):
    decode.plays_in_browsers(tmp_path / 'gone.mp4')
