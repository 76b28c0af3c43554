"""Tests of a prediction's parts, without a trained model."""

import numpy as np
import pytest

from configs import video_folder
from wsstad_jax.core.errors import UserError
from wsstad_jax.core.records import Tube, TubeKind
from wsstad_jax.runs import predict
from wsstad_jax.runs import scoring


def test_a_missing_video_is_told_before_the_model_is_restored(tmp_path, monkeypatch):
  restored = []
  monkeypatch.setattr(scoring, 'restore_score_fn', lambda *_: restored.append(1))
  with pytest.raises(UserError, match='missing.mp4'):
    predict.predict(
        video_folder.get_config(), str(tmp_path), video=str(tmp_path / 'missing.mp4'),
        out=str(tmp_path / 'out'),
    )
  assert not restored


def test_each_curve_is_drawn_once_under_its_name():
  tubes = [Tube(2, np.zeros((3, 4), np.float32), TubeKind.UNARY)]
  low, middle, high = (np.array([score]) for score in (0.25, 0.5, 0.75))
  curves = predict.score_curves(tubes, scoring.Scores(middle, high, low), 6)
  assert list(curves) == ['tube branch', 'temporal branch', 'fused']
  np.testing.assert_allclose(curves['fused'][2:5], 0.5)
  of_one = predict.score_curves(tubes, scoring.Scores(high, high, low), 6)
  assert list(of_one) == ['temporal branch', 'fused']
  np.testing.assert_allclose(of_one['fused'][2:5], 0.75)
