"""Tests of probe."""

import math

import numpy as np

from wsstad_jax.metrics import probe


def make_rows(num_videos=20, rows=6, told=3.0, seed=0):
  """Features of which number 2 tells the label by `told` standard deviations."""
  rng = np.random.default_rng(seed)
  groups = np.repeat(np.arange(num_videos), rows)
  labels = (np.arange(len(groups)) % rows < 2).astype(int)
  features = rng.standard_normal((len(groups), 8))
  features[:, 2] += told * labels
  return features, labels, groups


def test_features_that_tell_score_high_and_others_about_a_half():
  assert probe.linear_probe_auc(*make_rows(told=6.0)) > 0.97
  assert 0.3 < probe.linear_probe_auc(*make_rows(told=0.0)) < 0.7


def test_what_only_names_the_video_does_not_help():
  features, labels, groups = make_rows(told=0.0)
  labels = (groups % 2).astype(int)  # a video is of one label throughout
  features = np.eye(20)[groups]  # and its features name it
  assert probe.linear_probe_auc(features, labels, groups) < 0.7


def test_too_few_positive_videos_have_no_figure():
  features, labels, groups = make_rows()
  labels[groups >= 4] = 0
  assert math.isnan(probe.linear_probe_auc(features, labels, groups))
