"""Tests of the plan of synthetic traffic."""

import collections

import pytest

from tfds_builders.synthetic_traffic import simulation
from tfds_builders.synthetic_traffic import videos


@pytest.mark.parametrize('size', videos.SIZES)
def test_splits_share_no_site_and_sites_tell_no_label(size):
  plans = videos.plan_videos(size=size, seed=0)
  sites = collections.defaultdict(set)
  labels = collections.Counter()
  for plan in plans:
    sites[plan.split].add(plan.site_seed)
    labels[plan.site_seed, plan.category == simulation.NORMAL] += 1
  for split, (num_sites, num_videos) in videos.SIZES[size].items():
    assert len(sites[split]) == num_sites
    assert sum(plan.split == split for plan in plans) == 2 * num_videos
    assert not sites[split] & set().union(*(sites[other] for other in sites if other != split))
  for site, normal in labels:
    assert labels[site, normal] == labels[site, not normal]


def test_sizes_and_seeds_share_no_site():
  used = [
      {plan.site_seed for plan in videos.plan_videos(size=size, seed=seed)}
      for size in videos.SIZES
      for seed in (0, 1)
  ]
  assert len(set().union(*used)) == sum(map(len, used))


def test_only_test_videos_tell_their_truth(tmp_path):
  plans = [
      videos.PlannedVideo(f'{split}_anomalous_000', split, 'vehicle_vehicle', 1, 1)
      for split in ('train', 'validation', 'test')
  ]
  for plan in plans:
    path = videos._path(str(tmp_path), plan)
    accident = {'start': 3, 'boxes_xyxy': [[0, 0, 9, 9]] * 4}
    videos.files.write_json(
        videos._facts_path(path), {'category': plan.category, 'accident': accident}
    )
  train, validation, test = videos.write_videos(plans, str(tmp_path))
  assert train.label == validation.label == test.label == 1
  assert not train.truth and not validation.truth
  assert (test.truth[0].start, test.truth[0].stop) == (3, 7)
