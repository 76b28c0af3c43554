"""C3D features of clips, computed in batches that go across videos."""

from collections.abc import Callable, Iterable, Iterator
import dataclasses
import functools
import itertools
import operator
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from wsstad_jax.core import processes
from wsstad_jax.core.records import VideoTubes
from wsstad_jax.features import caffe_input
from wsstad_jax.features import clip_plan
from wsstad_jax.features import store
from wsstad_jax.features import weights
from wsstad_jax.models import c3d
from wsstad_jax.video import clips

_BATCHES_ON_DEVICE = 2  # at a time, of a device that is no CPU

# From batches uint8 [n, 16, s, s, 3] to features float16 [n, d], n always the same.
ComputeFn = Callable[[np.ndarray], jax.Array]


def create_compute_fn(settings: ml_collections.ConfigDict) -> ComputeFn:
  """Returns the C3D of `config.c3d` as a function of batches of clips.

  Raises:
    UserError: the weights or a mean cannot be read, or are those of another net.
  """
  preprocess_fn = c3d.preprocess
  if settings.preprocessing == 'caffe':
    mean = caffe_input.read_mean(settings.mean_file, settings.mean_bgr, size=settings.size)
    preprocess_fn = functools.partial(caffe_input.preprocess, mean=mean)
  net = c3d.C3D(width=settings.width, compute_dtype=jnp.dtype(settings.dtype))
  params = jax.device_put(weights.read_weights(settings.weights, net, size=settings.size))

  @jax.jit
  def compute_fn(params, clips_uint8):
    return net.apply({'params': params}, preprocess_fn(clips_uint8)).astype(jnp.float16)

  return functools.partial(compute_fn, params)


def describe_settings(settings: ml_collections.ConfigDict) -> list[object]:
  """Returns what features depend on besides tubes, as JSON, to name their folder.

  Raises:
    UserError: the weights or the mean cannot be read.
  """
  parts = [
      weights.digest(settings.weights), settings.width, settings.size, settings.window_context
  ]
  if settings.preprocessing == 'caffe':
    file = settings.mean_file
    parts += ['caffe', store.file_digest(file) if file else list(settings.mean_bgr)]
  if settings.dtype != 'float32':
    parts.append(settings.dtype)
  return parts


def extract_videos(
    videos: Iterable[VideoTubes],
    compute_fn: ComputeFn,
    settings: ml_collections.ConfigDict,
    *,
    num_threads: int = 1,
) -> Iterator[store.VideoFeatures]:
  """Yields the features of each video, in order; each video is read once, as a stream.

  Args:
    videos: with their tubes.
    compute_fn: of `create_compute_fn`.
    settings: `config.c3d`.
    num_threads: that cut clips, and as many that compute; nothing else depends on it.
  """
  with processes.thread_map(num_threads) as map_fn:
    windows = _windows_of_videos(videos, settings, map_fn)
    rows = extract(windows, compute_fn, batch_size=settings.batch_size, num_threads=num_threads)
    for plan, rows_of_video in itertools.groupby(rows, key=operator.itemgetter(0)):
      # Each row goes to its place at once: a second copy would be the most of all memory.
      image_rows, pair_rows = clip_plan.row_positions(plan.pairs, plan.num_clips)
      places = np.argsort(np.concatenate([image_rows, pair_rows]))
      features = None
      for place, (_, feature) in zip(places, rows_of_video, strict=True):
        if features is None:
          features = np.empty((len(places), *feature.shape), feature.dtype)
        features[place] = feature
      image, region = np.split(features, [plan.num_clips])
      yield store.VideoFeatures(plan.pairs, region=region, image=image)


def extract(
    windows: Iterable[tuple[Any, np.ndarray]],
    compute_fn: ComputeFn,
    *,
    batch_size: int,
    num_threads: int = 1,
) -> Iterator[tuple[Any, np.ndarray]]:
  """Turns pairs (key, clip uint8 [16, s, s, 3]) into (key, features float16 [d]), in order.

  All batches have one shape (the last is filled up with zeros), so that the features of a
  clip do not depend on the clips it shares a batch with, nor on where a killed run resumed.
  Batches are computed by several threads at a time: one keeps little more than one core of a
  processor busy, and another device computes one while the next is on its way.
  """

  def compute(item):
    keys, batch = item
    return zip(keys, np.asarray(compute_fn(batch)))  # the shorter ends it: zeros have no key

  if jax.default_backend() != 'cpu':
    num_threads = min(num_threads, _BATCHES_ON_DEVICE)
  with processes.thread_map(num_threads) as map_fn:
    for rows in map_fn(compute, _batches(windows, batch_size)):
      yield from rows


@dataclasses.dataclass(frozen=True, eq=False)
class _Plan:
  pairs: np.ndarray
  num_clips: int


def _windows_of_videos(videos, settings, map_fn):
  """Yields (plan of the video, clip) for all clips of all videos."""
  cut_image_fn = clip_plan.squeeze_image
  if settings.preprocessing == 'caffe':
    cut_image_fn = caffe_input.cut_image
  for video in videos:
    starts = clips.clip_starts(video.facts.num_frames)
    plan = _Plan(clip_plan.plan_clips(video.tubes, starts), len(starts))
    for window in clip_plan.iterate_windows(
        video, plan.pairs, size=settings.size, window_context=settings.window_context,
        cut_image_fn=cut_image_fn, map_fn=map_fn,
    ):
      yield plan, window


def _batches(windows, batch_size):
  """Yields (keys of the real rows, batch [batch_size, ...])."""
  windows = iter(windows)
  while rows := list(itertools.islice(windows, batch_size)):
    keys, real = zip(*rows)
    batch = np.zeros((batch_size, *real[0].shape), real[0].dtype)
    batch[: len(real)] = real
    yield keys, batch
