"""Tests of which names mean the same video."""

import pytest

from wsstad_jax.formats import video_names


@pytest.mark.parametrize('name, video', [
    ('a', 'a'), ('a.avi', 'a.mp4'), ('n/a', 'n/a.mp4'), ('n-a', 'n/a.mp4'), ('n/a.mp4', 'n-a'),
    ('a', 'n/m/a.mp4'), ('n/a.mp4', 'a'),
    (video_names.video_id('n/my (1).mp4'), 'n/my (1).mp4'),
])
def test_names_of_one_video(name, video):
  assert video_names.match([name], [video]) == ({name: video}, {})


@pytest.mark.parametrize('name, video', [
    ('b', 'a'), ('m/a', 'n/a'), ('a', 'n-a'), ('n/m/a', 'm/a'), ('my_1', 'my 1'), ('a.txt', 'a'),
])
def test_names_of_other_videos(name, video):
  assert video_names.match([name], [video]) == ({}, {})


def test_the_surest_name_wins_and_nothing_is_guessed():
  assert video_names.match(['a'], ['n/a.mp4', 'a.mp4']) == ({'a': 'a.mp4'}, {})
  _, faults = video_names.match(['a'], ['n/a.mp4', 'm/a.mp4'])
  assert faults == {'a': "'a' may be any of m/a.mp4, n/a.mp4"}
  _, faults = video_names.match(['n-a'], ['n/a.mp4', 'n/a.avi'])
  assert faults == {'n-a': "'n-a' may be any of n/a.avi, n/a.mp4"}
  matched, faults = video_names.match(['n/a', 'a'], ['n/a.mp4'])
  assert matched == {'n/a': 'n/a.mp4'}
  assert faults == {'a': "'a' is a second name of the video n/a.mp4"}
