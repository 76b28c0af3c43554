"""How many clips a second C3D turns into features, beside onnxruntime and torch.

python -m benchmarks.c3d --net=full   (or small: width 1/8, 56 pixels; or tiny)

On several cores of a CPU each contender computes one call after the other, and ours, as
`features/extraction.py` does, and onnxruntime also as many calls at a time as there are cores.
"""

import functools
import os
import tempfile

import jax
import jax.numpy as jnp
from jax import lax
import numpy as np

from benchmarks import measure
from wsstad_jax.models import c3d

_NETS = {'full': (1.0, 112), 'small': (1 / 8, 56), 'tiny': (1 / 64, 32)}  # width, pixels
_BATCHES = {
    'gpu': {'full': 64, 'small': 1024, 'tiny': 64}, 'cpu': {'full': 2, 'small': 8, 'tiny': 4},
}
_BOUNDS = {'float32': 2e-3, 'bfloat16': 3e-2}  # a GPU multiplies float32 in tf32
_NUM_CHECKED = 2  # clips
_EACH_CORE = ', a call on each core'


def main() -> None:
  arguments = measure.parse_arguments(__doc__, net=list(_NETS))
  backend = jax.default_backend()
  width, size = _NETS[arguments.net]
  batch = _BATCHES[backend][arguments.net]
  rng = np.random.default_rng(0)
  clips = rng.standard_normal((batch, c3d.CLIP_LENGTH, size, size, 3)).astype(np.float32)
  params = random_params(width, size, rng)
  work = measure.Work(
      name=f'c3d_{arguments.net}_{backend}',
      title=f'C3D forward, width {width}, {size} pixels, {batch} clips a call',
      unit='clips',
      units=batch,
      flops=batch * count_flops(width, size),
      reference=compute_reference(params, clips[:_NUM_CHECKED]),
      bounds=_BOUNDS,
  )
  ours = functools.partial(create_ours, params, clips, width)
  torch = functools.partial(create_torch, params, clips)
  onnx = functools.partial(create_onnx, params, clips)
  plain = functools.partial(create_plain, params, clips)
  if backend == 'cpu':
    several = measure.count_cores() > 1
    on_cores = [ours(on_cores=True), onnx(on_cores=True)] if several else []
    contenders = [*on_cores, ours(), onnx(), torch(), plain()]
  else:
    contenders = [
        ours('bfloat16'),
        torch('bfloat16', compiled=True),
        plain('bfloat16', channels_last=True),
        plain('bfloat16'),
        torch('bfloat16'),
        ours(),
        torch(),
        plain(channels_last=True),
    ]
  measure.compete(work, contenders, arguments)


def count_flops(width: float, size: int) -> float:
  """Returns the multiplications and additions of a clip, those of zero padding included."""
  frames, total, inputs = c3d.CLIP_LENGTH, 0, 3
  for block, sizes in enumerate(c3d.CHANNELS, start=1):
    for channels in sizes:
      outputs = round(channels * width)
      total += 2 * 27 * inputs * outputs * frames * size**2
      inputs = outputs
    frames, size = (frames if block == 1 else frames // 2), -(-size // 2)
  return total + 2 * inputs * frames * size**2 * round(c3d.FEATURE_DIM * width)


def random_params(width: float, size: int, rng: np.random.Generator) -> dict:
  """Returns parameters of which no bias is zero, and which keep the scale of what goes through."""
  clips = jax.ShapeDtypeStruct((1, c3d.CLIP_LENGTH, size, size, 3), np.float32)
  shapes = jax.eval_shape(c3d.C3D(width=width).init, jax.random.key(0), clips)['params']

  def draw(leaf):
    scale = np.sqrt(2 / np.prod(leaf.shape[:-1])) if len(leaf.shape) > 1 else 0.1
    return (scale * rng.standard_normal(leaf.shape)).astype(np.float32)

  return jax.tree.map(draw, shapes)


def apply_plain(params: dict, clips: jax.Array) -> jax.Array:
  """Returns the features by XLA's own 3-D convolutions and pooling."""
  x = clips
  for name, pooling in _layers():
    kernel, bias = (params[name][key].astype(x.dtype) for key in ('kernel', 'bias'))
    if name == 'fc6':
      x = x.transpose(0, 4, 1, 2, 3).reshape(len(x), -1) @ kernel
    else:
      dimensions = ('NDHWC', 'DHWIO', 'NDHWC')
      x = lax.conv_general_dilated(x, kernel, (1, 1, 1), 'SAME', dimension_numbers=dimensions)
    x = jax.nn.relu(x + bias.reshape((1,) * (x.ndim - 1) + (-1,)))
    if pooling:  # an odd side is cut off at the end
      window = (1, *pooling, 1)
      ends = [(0, -side % step) for side, step in zip(x.shape, window)]
      x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, ends)
  return x.astype(jnp.float32)


def compute_reference(params: dict, clips: np.ndarray) -> np.ndarray:
  """Returns the features by plain 3-D convolutions of the processor, in float32."""
  with jax.default_device(jax.devices('cpu')[0]):
    return np.asarray(jax.jit(apply_plain)(params, clips), np.float64)


def create_ours(
    params: dict, clips: np.ndarray, width: float, dtype: str = 'float32', on_cores: bool = False
) -> measure.Contender:
  """Returns our net; `on_cores`: a call on each core at a time."""
  net = c3d.C3D(width=width, compute_dtype=jnp.dtype(dtype))
  apply_fn = lambda params, clips: net.apply({'params': params}, clips)
  name = f'JAX {dtype}{_EACH_CORE * on_cores}'
  return _create_jax(name, apply_fn, params, clips, dtype, ours=True, on_cores=on_cores)


def create_plain(
    params: dict, clips: np.ndarray, dtype: str = 'float32', channels_last: bool = False
) -> measure.Contender:
  """Returns XLA's 3-D convolutions, with cuDNN's layout forced to be channels last or not."""
  options = {'xla_gpu_force_conv_nhwc': True} if channels_last else {}
  name = f'XLA 3-D{", channels last" * channels_last} {dtype}'
  return _create_jax(name, apply_plain, params, clips, dtype, options=options)


def _create_jax(
    name, apply_fn, params, clips, dtype, *, ours=False, options=None, on_cores=False
):

  def prepare():
    on_device = jax.device_put((params, clips.astype(dtype)))
    fn = jax.jit(apply_fn, compiler_options=options).lower(*on_device).compile()
    run = measure.jax_run(fn, *on_device)
    run = measure.on_all_cores(run) if on_cores else run
    return run, run(1)[:_NUM_CHECKED]

  return measure.Contender(name, prepare, dtype, ours=ours)


def create_torch(
    params: dict, clips: np.ndarray, dtype: str = 'float32', compiled: bool = False
) -> measure.Contender:
  """Returns the net in torch, channels last, compiled or not."""

  def prepare():
    import torch

    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision('high')
    options = {'device': 'cuda' if measure.on_gpu() else 'cpu', 'dtype': getattr(torch, dtype)}
    layers = []
    for name, pooling in _layers():
      kernel, bias = (torch.from_numpy(params[name][key]) for key in ('kernel', 'bias'))
      if name == 'fc6':
        layers += [torch.nn.Flatten(), torch.nn.Linear(*kernel.shape), torch.nn.ReLU()]
        layers[-2].weight.data = kernel.T.contiguous()
        layers[-2].bias.data = bias
      else:
        layers += [torch.nn.Conv3d(*kernel.shape[-2:], 3, padding=1), torch.nn.ReLU()]
        layers[-2].weight.data = kernel.permute(4, 3, 0, 1, 2).contiguous()
        layers[-2].bias.data = bias
      if pooling:
        layers.append(torch.nn.MaxPool3d(pooling, ceil_mode=True))
    net = torch.nn.Sequential(*layers).eval().to(
        memory_format=torch.channels_last_3d, **options
    )
    net = torch.compile(net) if compiled else net
    x = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).to(**options)  # channels last as it is

    def run(calls):
      with torch.inference_mode():
        for _ in range(calls):
          features = net(x)
        if measure.on_gpu():
          torch.cuda.synchronize()
        return features

    return run, run(1)[:_NUM_CHECKED].float().cpu()

  name = f'torch{".compile" * compiled} {dtype}'
  return measure.Contender(name, prepare, dtype, needs='torch')


def create_onnx(params: dict, clips: np.ndarray, on_cores: bool = False) -> measure.Contender:
  """Returns the net in onnxruntime; `on_cores`: a call of one thread on each core at a time."""

  def prepare():
    import onnx
    import onnxruntime

    nodes, weights, x = [], [], 'clips'

    def add(operator, *constants, **attributes):
      nonlocal x
      names = [f'{operator}{len(nodes)}_{number}' for number in range(len(constants))]
      weights.extend(map(onnx.numpy_helper.from_array, constants, names))
      node = onnx.helper.make_node(operator, [x, *names], [f'y{len(nodes)}'], **attributes)
      nodes.append(node)
      x = node.output[0]

    for name, pooling in _layers():
      kernel, bias = params[name]['kernel'], params[name]['bias']
      if name == 'fc6':
        add('Flatten')
        add('Gemm', kernel, bias)
      else:
        add('Conv', kernel.transpose(4, 3, 0, 1, 2).copy(), bias, pads=[1] * 6)
      add('Relu')
      if pooling:
        add('MaxPool', kernel_shape=pooling, strides=pooling, ceil_mode=1)
    channels_first = clips.transpose(0, 4, 1, 2, 3).copy()
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes, 'c3d',
        [onnx.helper.make_tensor_value_info('clips', kind, channels_first.shape)],
        [onnx.helper.make_tensor_value_info(x, kind, None)], weights,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 17)])
    model.ir_version = 8
    with tempfile.TemporaryDirectory() as folder:
      path = os.path.join(folder, 'c3d.onnx')
      onnx.save(model, path)
      options = onnxruntime.SessionOptions()
      options.intra_op_num_threads = 1 if on_cores else measure.count_cores()
      session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def run(calls):
      for _ in range(calls):
        features, = session.run(None, {'clips': channels_first})
      return features

    run_all = measure.on_all_cores(run) if on_cores else run
    return run_all, run_all(1)[:_NUM_CHECKED]

  return measure.Contender(f'onnxruntime float32{_EACH_CORE * on_cores}', prepare, needs='onnx')


def _layers():
  """Yields the name of each layer and the window of the pooling after it, if there is any."""
  for block, sizes in enumerate(c3d.CHANNELS, start=1):
    for letter in 'ab'[: len(sizes)]:
      last = letter == 'ab'[len(sizes) - 1]
      yield f'conv{block}{letter}', (1 if block == 1 else 2, 2, 2) if last else None
  yield 'fc6', None


if __name__ == '__main__':
  main()
