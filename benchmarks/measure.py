"""Contenders timed in turn in one process, the machine's ceilings beside them, and the record."""

import argparse
from collections.abc import Callable
import dataclasses
import datetime
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wsstad_jax.core import processes
from wsstad_jax.core import provenance

RESULTS = pathlib.Path(__file__).parent / 'results'
_REPOSITORY = pathlib.Path(__file__).parents[1]
_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'numpy', 'torch', 'triton', 'onnxruntime')
_START = time.perf_counter()

# Does the work so many times, waits for the device, and returns the last result.
RunFn = Callable[[int], Any]


@dataclasses.dataclass(frozen=True)
class Contender:
  """One way to do the work.

  Attributes:
    name: as the table shows it.
    prepare: compiles, and returns what is timed, and the result to be compared.
    dtype: of its products, 'float32' (tf32 on a GPU) or 'bfloat16': which ceiling it is held to.
    ours: or a rival.
    needs: the package without which it is left out.
  """

  name: str
  prepare: Callable[[], tuple[RunFn, Any]]
  dtype: str = 'float32'
  ours: bool = False
  needs: str = 'jax'


@dataclasses.dataclass(frozen=True)
class Work:
  """What all contenders do.

  Attributes:
    name: of the JSON file.
    title: of the table.
    unit: what the rate counts.
    units: of one call.
    flops: of one call, multiplications and additions, by the plain algorithm.
    reference: the right result.
    bounds: the error that is allowed, by dtype: norm of the difference over norm of `reference`.
  """

  name: str
  title: str
  unit: str
  units: int
  flops: float
  reference: np.ndarray
  bounds: dict[str, float]


def on_gpu() -> bool:
  """Returns whether JAX computes on a GPU."""
  return jax.default_backend() == 'gpu'


def parse_arguments(doc: str, **options: list[str]) -> argparse.Namespace:
  """Returns the command line of a benchmark: its own choices, and those of all."""
  parser = argparse.ArgumentParser(description=doc.split('\n')[0])
  for name, choices in options.items():
    parser.add_argument(f'--{name}', choices=choices, default=choices[0])
  parser.add_argument('--out', type=pathlib.Path, default=RESULTS, help='folder of the JSON')
  parser.add_argument('--deadline', type=float, default=3600.0,
                      help='seconds after the start from which no further contender begins')
  parser.add_argument('--sample', type=float, default=0.5, help='seconds of one timing')
  parser.add_argument('--rounds', type=int, default=7, help='timings of each contender')
  parser.add_argument('--kernels', action='store_true', help='print the longest GPU kernels too')
  parser.add_argument('--core', type=int, help='use this core alone, and count the seconds that '
                      'it works for us: a fair comparison on a machine that others use too')
  arguments = parser.parse_args()
  if arguments.core is not None:
    os.sched_setaffinity(0, {arguments.core})
  return arguments


def run_alone(module: str, *flags: str) -> tuple[dict[str, Any], float]:
  """Returns the JSON that a module prints last in a process of its own, and its peak in MiB.

  Raises:
    RuntimeError: it fails.
  """
  command = [sys.executable, '-m', module, *flags]
  process = subprocess.Popen(command, cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True)
  with process.stdout:
    output = process.stdout.read()
  _, status, usage = os.wait4(process.pid, 0)
  process.returncode = os.waitstatus_to_exitcode(status)
  if process.returncode:
    raise RuntimeError(f'{" ".join(command)} ended with status {process.returncode}')
  return json.loads(output.splitlines()[-1]), usage.ru_maxrss / 1024


def jax_run(fn: Callable, *arguments: Any) -> RunFn:
  """Returns the run of a compiled function of JAX."""

  def run(calls):
    for _ in range(calls):
      result = fn(*arguments)
    return jax.block_until_ready(result)

  return run


def on_all_cores(run: RunFn) -> RunFn:
  """Returns the run of as many calls at a time as there are cores."""

  def run_all(calls):
    with processes.thread_map(count_cores()) as map_fn:
      *_, result = map_fn(run, [1] * calls)
    return result

  return run_all


def count_cores() -> int:
  """Returns how many cores this process may use."""
  return len(os.sched_getaffinity(0))


def compete(work: Work, contenders: list[Contender], arguments: argparse.Namespace) -> None:
  """Times the contenders, one call of each after the other, and prints and writes the table.

  Those that are ready are timed whenever one more is, so that a record is there if time runs out.
  """
  record = {
      **{key: value for key, value in dataclasses.asdict(work).items() if key != 'reference'},
      **describe_machine(),
      'ceilings': {},
      'contenders': {},
  }
  runs = {
      f'ceiling {dtype}': _create_ceiling(dtype)
      for dtype in sorted({contender.dtype for contender in contenders})
  }

  def time_all(rounds):
    samples = _alternate(runs, arguments, rounds)
    for name, seconds in samples.items():
      if name.startswith('ceiling'):
        record['ceilings'][name.split()[1]] = _ceiling_flops() / statistics.median(seconds)
    for name, found in record['contenders'].items():
      found |= _summarize(work, samples[name], record['ceilings'][found['dtype']])
    write(record, arguments.out)

  for contender in contenders:
    if importlib.util.find_spec(contender.needs) is None:
      print(f'{contender.name} is left out: there is no {contender.needs}', flush=True)
      continue
    if time.perf_counter() - _START > arguments.deadline:
      print(f'{contender.name} is left out: no time is left', flush=True)
      continue
    began = time.perf_counter()
    try:
      run, result = contender.prepare()
    except Exception as error:  # of the library or the compiler: the others go on
      print(f'{contender.name} failed: {type(error).__name__}: {str(error)[:600]}', flush=True)
      continue
    seconds = time.perf_counter() - began
    difference = np.linalg.norm(np.asarray(result, np.float64) - work.reference)
    error = difference / np.linalg.norm(work.reference)
    print(f'{contender.name}: ready after {seconds:.1f} s, error {error:.1e}', flush=True)
    runs[contender.name] = run
    record['contenders'][contender.name] = {
        'ours': contender.ours, 'dtype': contender.dtype, 'error': error,
        'seconds_to_start': seconds,
    }
    time_all(1)
  time_all(arguments.rounds)
  print(create_table(record), flush=True)
  if arguments.kernels:
    _print_kernels({name: runs[name] for name in record['contenders']})
  faults = [
      f'{name}: error {found["error"]:.1e} > {work.bounds[found["dtype"]]}'
      for name, found in record['contenders'].items()
      if not found['error'] <= work.bounds[found['dtype']]
  ]
  if faults:
    raise SystemExit('\n'.join(faults))


def create_table(record: dict[str, Any]) -> str:
  """Returns the record of a benchmark as a table of Markdown."""
  ceilings = ', '.join(
      f'{dtype} {rate / 1e12:.3g} TFLOP/s' for dtype, rate in record['ceilings'].items()
  )
  lines = [
      f'{record["title"]}, {record["flops"] / record["units"] / 1e9:.3g} GFLOP each; '
      f'{record["device"]}, matrix product: {ceilings}',
      '',
      f'| | {record["unit"]}/s | range | first of ours is faster by | share of ceiling | error |',
      '|---|---:|---:|---:|---:|---:|',
  ]
  contenders = record['contenders']
  first = next((found['rate'] for found in contenders.values() if found['ours']), None)
  for name, found in contenders.items():
    ratio = f'{first / found["rate"]:.2f}' if first else ''
    lines.append(
        f'| {"**ours** " * found["ours"]}{name} | {found["rate"]:.4g} | {found["lowest"]:.4g}–'
        f'{found["highest"]:.4g} | {ratio} | {found["share_of_ceiling"]:.0%} | '
        f'{found["error"]:.0e} |'
    )
  return '\n'.join(lines)


def _alternate(runs: dict[str, RunFn], arguments, rounds: int) -> dict[str, list[float]]:
  """Returns seconds a call, several times for each run, one run after the other."""
  clock = time.perf_counter if arguments.core is None else time.process_time
  calls = {}
  for name, run in runs.items():
    run(1)
    began = clock()
    run(1)
    calls[name] = max(1, round(arguments.sample / (clock() - began)))
  samples = {name: [] for name in runs}
  for _ in range(rounds):
    for name, run in runs.items():
      began = clock()
      run(calls[name])
      samples[name].append((clock() - began) / calls[name])
  return samples


def _summarize(work: Work, samples: list[float], ceiling: float) -> dict[str, float]:
  rate = work.units / statistics.median(samples)
  return {
      'rate': rate,
      'lowest': work.units / max(samples),
      'highest': work.units / min(samples),
      'samples': samples,
      'share_of_ceiling': rate * work.flops / work.units / ceiling,
  }


def _ceiling_size() -> int:
  return 8192 if on_gpu() else 1024


def _ceiling_flops() -> float:
  return 2.0 * _ceiling_size() ** 3


def _create_ceiling(dtype: str) -> RunFn:
  """Returns the product of two random square matrices."""
  keys = jax.random.split(jax.random.key(0))
  a, b = (jax.random.normal(key, (_ceiling_size(),) * 2, dtype) for key in keys)
  return jax_run(jax.jit(jnp.matmul), a, b)


def _print_kernels(runs: dict[str, RunFn]) -> None:
  """Prints the microseconds that a call of each run spends in the GPU's kernels."""
  import torch

  for name, run in runs.items():
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
      run(2)
    kernels = sorted(profile.key_averages(), key=lambda kernel: -kernel.device_time_total)
    print(f'\n{name}')
    for kernel in kernels[:14]:
      print(f'{kernel.device_time_total / 2:10.0f} {kernel.count / 2:5.1f}x {kernel.key[:110]}',
            flush=True)


def describe_machine() -> dict[str, Any]:
  """Returns what a timing depends on."""
  device = jax.devices()[0].device_kind
  if not on_gpu():
    device = f'{_processor_name()}, cores: {count_cores()}'
  return {
      'device': device,
      'driver': _nvidia_driver() if on_gpu() else None,
      'load': os.getloadavg()[0],
      'python': platform.python_version(),
      'versions': {name: provenance.package_version(name) for name in _PACKAGES},
      'commit': provenance.git_commit(),
      'time': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
  }


def _processor_name() -> str:
  with open('/proc/cpuinfo', encoding='utf-8') as file:
    names = [line.split(':')[1].strip() for line in file if line.startswith('model name')]
  return names[0]


def _nvidia_driver() -> str:
  command = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
  return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def write(record: dict[str, Any], folder: pathlib.Path) -> None:
  """Writes a record to the file of its name."""
  folder.mkdir(parents=True, exist_ok=True)
  path = folder / f'{record["name"]}.json'
  path.write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')
