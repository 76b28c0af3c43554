"""C3D against an independent implementation in torch; skipped where there is no torch."""

import jax
import numpy as np
import pytest

from wsstad_jax.features import weights
from wsstad_jax.models import c3d
from wsstad_jax.runs.import_c3d import import_c3d

torch = pytest.importorskip('torch')

_CONVOLUTIONS = (
    ('conv1', 3, 64), ('conv2', 64, 128), ('conv3a', 128, 256), ('conv3b', 256, 256),
    ('conv4a', 256, 512), ('conv4b', 512, 512), ('conv5a', 512, 512), ('conv5b', 512, 512),
)
_POOLED = {'conv1': (1, 2, 2), 'conv2': 2, 'conv3b': 2, 'conv4b': 2, 'conv5b': 2}


class TorchC3D(torch.nn.Module):
  """Tran's net by torch's own layers.

  `shifted` pads pool5 on both sides, as most ports do; Caffe rounds its output up instead.
  """

  def __init__(self):
    super().__init__()
    for name, inputs, outputs in _CONVOLUTIONS:
      setattr(self, name, torch.nn.Conv3d(inputs, outputs, 3, padding=1))
    self.fc6 = torch.nn.Linear(8192, 4096)
    self.fc7 = torch.nn.Linear(4096, 8)  # known and not used

  def forward(self, x, *, shifted=False):
    for name, _, _ in _CONVOLUTIONS:
      x = torch.relu(getattr(self, name)(x))
      if name == 'conv5b' and shifted:
        x = torch.nn.functional.pad(x, (1, 1, 1, 1))
        x = torch.nn.functional.max_pool3d(x, 2)
      elif name in _POOLED:
        x = torch.nn.functional.max_pool3d(x, _POOLED[name], ceil_mode=True)
    return torch.relu(self.fc6(x.flatten(1)))


@pytest.fixture(name='case', scope='module')
def create_case(tmp_path_factory):
  """A torch net with random weights, a clip [1, 16, 112, 112, 3], and the imported weights."""
  torch.manual_seed(0)
  net = TorchC3D()
  for parameter in net.parameters():
    if parameter.ndim > 1:
      torch.nn.init.kaiming_normal_(parameter)
  folder = tmp_path_factory.mktemp('torch')
  paths = []
  for out, zipped in (('c3d', True), ('c3d.npz', False)):  # by Orbax, and as one file
    pickled, path = str(folder / f'{zipped}.pickle'), str(folder / out)
    torch.save(net.state_dict(), pickled, _use_new_zipfile_serialization=zipped)
    import_c3d(pickled, path)
    paths.append(path)
  clip = np.random.default_rng(0).normal(0, 60, (1, 16, 112, 112, 3)).astype(np.float32)
  return net, clip, paths


def test_fc6_of_the_full_net_equals_that_of_torch(case):
  net, clip, paths = case
  ours = c3d.C3D(width=1.0)
  params, legacy = (weights.read_weights(path, ours, size=112) for path in paths)
  assert all(map(np.array_equal, jax.tree.leaves(params), jax.tree.leaves(legacy)))
  found = np.asarray(jax.jit(ours.apply)({'params': params}, clip))
  with torch.no_grad():
    channels_first = torch.from_numpy(clip.transpose(0, 4, 1, 2, 3).copy())
    expected, shifted = (net(channels_first, shifted=value).numpy() for value in (False, True))
  assert found.shape == expected.shape == (1, 4096)
  scale = expected.max()
  assert 0.2 < (expected > 0).mean() < 0.8
  print(f'relative difference {np.abs(found - expected).max() / scale:.1e}, '
        f'with shifted padding {np.abs(found - shifted).max() / scale:.1e}')
  np.testing.assert_allclose(found, expected, atol=1e-4 * scale)
  assert np.abs(found - shifted).max() > 0.1 * scale  # the test can tell them apart
