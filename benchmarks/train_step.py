"""How fast the paper's method learns: pairs of steps, one of each branch, beside torch.

python -m benchmarks.train_step --size=full   (or reduced: 512 features, for a CPU; or tiny)

Both do the same: the bag's max instance is found without gradient, then scored alone of its bag
with gradient, against a margin that the other branch guides. Dropout is off, so that the losses
can be compared; in training it costs two small masks a step.
"""

import functools

import jax
import numpy as np

from benchmarks import measure
from wsstad_jax.models.branches import BranchNetwork
from wsstad_jax.training import state as state_lib
from wsstad_jax.training import step as step_lib

_SIZES = {'full': (60, 200, 32, 4096), 'reduced': (60, 200, 32, 512), 'tiny': (6, 20, 4, 64)}
_LEARNING_RATE = 5e-4
_NETWORKS = {
    dtype: state_lib.Networks(*[BranchNetwork(dropout_rate=0.0, dtype=dtype)] * 2)
    for dtype in ('float32', 'bfloat16')
}
_OPTIMIZER = state_lib.create_optimizer(_LEARNING_RATE)
_NUM_CHECKED = 2  # pairs of steps, whose losses are compared
# The first step of Adam moves each weight by the sign of its gradient. Where rounding turns it,
# the weight moves the other way, and the later losses tell: with products rounded to tf32, all
# four differ by 5e-5 with 256 and 5e-4 with 1024 features on a CPU, by 6e-3 with 4096 on a GPU.
_BOUNDS = {'cpu': {'float32': 5e-4}, 'gpu': {'float32': 2e-2, 'bfloat16': 2e-2}}


def main() -> None:
  arguments = measure.parse_arguments(__doc__, size=list(_SIZES))
  backend = jax.default_backend()
  bags, tubes, videolets, size = _SIZES[arguments.size]
  batch = create_batch(bags, tubes, videolets, size)
  with jax.default_device(jax.devices('cpu')[0]):
    start = state_lib.create_state(
        _NETWORKS['float32'], _OPTIMIZER, rng=jax.random.key(0), feature_dim=size
    )
    reference = take_pairs(jax.jit(train_step), start, batch, _NUM_CHECKED)[1]
  work = measure.Work(
      name=f'train_step_{arguments.size}_{backend}',
      title=f'Training, {bags} bags of {tubes} tubes and {videolets} videolets, {size} features',
      unit='pairs of steps',
      units=1,
      flops=bags * count_flops(tubes, videolets, size),
      reference=np.asarray(reference, np.float64),
      bounds=_BOUNDS[backend],
  )
  ours = functools.partial(create_ours, start, batch)
  torch = functools.partial(create_torch, jax.device_get(start.params), batch)
  if backend == 'cpu':
    contenders = [ours(), torch(), torch(all_instances=True)]
  else:
    contenders = [
        ours('bfloat16'),
        torch('bfloat16', compiled=True),
        ours(),
        torch(compiled=True),
        torch(),
        torch(all_instances=True),
    ]
  measure.compete(work, contenders, arguments)


def train_step(state: state_lib.TrainState, batch: step_lib.Batch, dtype: str = 'float32'):
  """Returns what our step returns; the branches take turns."""
  return step_lib.train_step(
      state=state,
      batch=batch,
      psi=state.step % 2,
      networks=_NETWORKS[dtype],
      optimizer=_OPTIMIZER,
      objective=step_lib.Objective(),
  )


def create_batch(bags: int, tubes: int, videolets: int, size: int) -> dict[str, np.ndarray]:
  """Returns random bags, half of them positive, without padding: `bags.MODEL_KEYS`."""
  rng = np.random.default_rng(0)

  def features(num):
    return np.abs(rng.standard_normal((bags, num, size), np.float32)).astype(np.float16)

  def spans(num):
    starts = rng.integers(0, 1000, (bags, num))
    return np.stack([starts, starts + 32], axis=-1).astype(np.int32)

  return {
      'label': np.arange(bags, dtype=np.int32) % 2,
      'region_features': features(tubes),
      'image_features': features(tubes),
      'trajectory_features': np.zeros((bags, tubes, 8), np.float16),
      'tube_mask': np.ones((bags, tubes), bool),
      'tube_spans': spans(tubes),
      'tube_kinds': np.zeros((bags, tubes), np.int32),
      'tube_sources': np.zeros((bags, tubes), np.int32),
      'videolet_features': features(videolets),
      'videolet_mask': np.ones((bags, videolets), bool),
      'videolet_spans': spans(videolets),
  }


def count_flops(tubes: int, videolets: int, size: int) -> float:
  """Returns the multiplications and additions that a pair of steps needs for one bag.

  A pass of all instances has three products of the features with a matrix of their size, two
  of attention and those of the scorer; one of a single query needs no key and no value of its
  bag. The max instance is found by a pass of all; its own passes are one with gradient, which
  counts three times, and one by the guide.
  """
  scorer = 512 * size + 512 * 32 + 32

  def products(num):
    of_all = num * (3 * size**2 + 2 * num * size + scorer)
    of_one = 4 * size**2 + 2 * 8 * num * size + scorer
    return of_all + 4 * of_one

  return 2.0 * (products(tubes) + products(videolets))


def take_pairs(step, state, batch, num):
  """Returns the state after `num` pairs of steps, and the loss of each step."""
  losses = []
  for _ in range(2 * num):
    state, metrics = step(state, batch)
    losses.append(metrics['loss'])
  return state, losses


def create_ours(
    start: state_lib.TrainState, batch: dict[str, np.ndarray], dtype: str = 'float32'
) -> measure.Contender:
  """Returns our step with `config.model.dtype`; 'float32' multiplies in tf32 on a GPU."""

  def prepare():
    on_device = jax.device_put(batch, jax.devices()[0])
    state = jax.device_put(start, jax.devices()[0], may_alias=False)
    step_fn = functools.partial(train_step, dtype=dtype)
    step = jax.jit(step_fn, donate_argnums=0).lower(state, on_device).compile()
    state, losses = take_pairs(step, state, on_device, _NUM_CHECKED)

    def run(calls):
      nonlocal state
      state, losses = take_pairs(step, state, on_device, calls)
      return jax.block_until_ready(losses)

    return run, losses

  return measure.Contender(f'JAX {dtype}', prepare, dtype, ours=True)


def create_torch(
    params: dict,
    batch: dict[str, np.ndarray],
    dtype: str = 'float32',
    *,
    compiled: bool = False,
    all_instances: bool = False,
) -> measure.Contender:
  """Returns the same step in torch; with `all_instances` in the plain way, see `TorchStep`."""

  def prepare():
    from benchmarks.train_step_torch import TorchStep

    step = TorchStep(
        params, batch, dtype=dtype, compiled=compiled, all_instances=all_instances,
        device='cuda' if measure.on_gpu() else 'cpu', learning_rate=_LEARNING_RATE,
    )
    losses = step.take_pairs(_NUM_CHECKED)
    return step.take_pairs, losses

  name = f'torch{".compile" * compiled} {dtype}{", gradient of all" * all_instances}'
  return measure.Contender(name, prepare, dtype, needs='torch')


if __name__ == '__main__':
  main()
