"""What TensorBoard shows of a test: its figures, and the best and the worst tubes."""

from collections.abc import Mapping, Sequence
import itertools
import math
import os

import tensorboardX

from wsstad_jax.metrics import intervals
from wsstad_jax.video import decode


def write(
    workdir: str,
    measured: Mapping[str, intervals.Interval],
    pictures: Sequence[tuple[str, int]],
) -> None:
  """Adds the figures as scalars 'test/...' and a frame of each picture, best tube first.

  Args:
    workdir: of the run.
    measured: figures of the test videos; undefined ones are left out.
    pictures: overlay videos and a frame of each.
  """
  with tensorboardX.SummaryWriter(os.path.join(workdir, 'tensorboard')) as summaries:
    for name, found in measured.items():
      if not math.isnan(found.value):
        summaries.add_scalar(f'test/{name}', found.value)
    for rank, (path, frame) in enumerate(pictures, start=1):
      picture = next(itertools.islice(decode.iterate_frames(path), frame, None))
      name = os.path.splitext(os.path.basename(path))[0]
      summaries.add_image(f'tubes/{rank}_of_{len(pictures)}_{name}', picture, dataformats='HWC')
