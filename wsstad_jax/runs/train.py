"""--mode=train: trains a method from video-level labels alone."""

import collections
from collections.abc import Callable
import functools
import os

import grain
import jax
import ml_collections
import numpy as np
import tensorboardX

from wsstad_jax.core import files
from wsstad_jax.core import times
from wsstad_jax.core.config import flatten
from wsstad_jax.data import bags
from wsstad_jax.data import pipeline
from wsstad_jax.metrics import classification
from wsstad_jax.reports import plots
from wsstad_jax.runs import scoring
from wsstad_jax.training import devices


def train(config: ml_collections.ConfigDict, workdir: str, bags_folder: str) -> None:
  """Trains up to `config.train.num_steps`, from the last checkpoint if there is one.

  Every `evaluate_every` steps the validation videos are scored and a checkpoint is written; the
  best by validation is what evaluation and prediction use. A method that learns nothing is done.

  Raises:
    UserError: a split lacks a label, or a checkpoint cannot be read.
  """
  settings = config.train
  method = scoring.create_method(config)
  if hasattr(method, 'score_bag'):
    return
  validation = list(pipeline.iterate(pipeline.BagSource(bags_folder, 'validation')))
  state = scoring.create_state(method, config, bags.feature_dim(validation[0]))
  mesh = devices.create_mesh()
  state = devices.replicate(state, mesh)
  batches, place_fn = create_batches(config, bags_folder, mesh)
  history_path = os.path.join(workdir, 'history.json')
  with (
      scoring.open_checkpoints(workdir) as checkpoints,
      tensorboardX.SummaryWriter(os.path.join(workdir, 'tensorboard')) as summaries,
  ):
    state = checkpoints.restore_latest(state, batches) or state
    done = int(state.step)
    if not done:
      summaries.add_text('config', _as_table(flatten(config)))
    history = [row for row in files.read_json(history_path) if row['step'] <= done] if done else []
    progress = times.create_progress(workdir)
    bar = progress(total=settings.num_steps, initial=done, desc='Training', unit='step')
    recent = collections.defaultdict(list)
    for number in range(done, settings.num_steps):
      state, metrics = _train_step(method, state, place_fn(next(batches)))
      recent[method.phase(number)].append(metrics)
      bar.update()
      if (number + 1) % settings.evaluate_every and number + 1 < settings.num_steps:
        continue
      quality = validate(method, state.params, validation, config)
      row = {'step': number + 1, **_means(recent), **quality}
      recent.clear()
      history.append(row)
      for name, value in row.items():
        summaries.add_scalar(name, value, number + 1)
      losses = {name: f'{row[name]:.3f}' for name in row if name.endswith('_loss')}
      bar.set_postfix(vauc=f'{row["validation_vauc"]:.1f}', **losses)
      files.write_json(history_path, history)
      checkpoints.save(
          state, batches, config=flatten(config), figure=row['validation_quality']
      )
    bar.close()

  plots.write_training_curves(os.path.join(workdir, 'training_curves.png'), history)


def create_batches(
    config: ml_collections.ConfigDict, bags_folder: str, mesh: jax.sharding.Mesh
) -> tuple[grain.DatasetIterator, Callable]:
  """Returns an endless stream, and what makes batches on the devices of its elements.

  Bags stay on the devices if they need no more than `config.train.resident_share` of the memory
  there: the stream is then of their numbers. Batches are the same to the bit.

  Raises:
    UserError: the training split lacks a label.
  """
  settings = config.train
  source = pipeline.TrainBags(bags_folder, config.instances)
  resident = source.num_bytes <= settings.resident_share * devices.memory_bytes()
  stream = pipeline.create_train_iterator(
      source, bags_per_label=settings.bags_per_label, seed=config.seed, numbers_only=resident
  )
  if not resident:
    return stream, functools.partial(devices.shard, mesh=mesh)
  take_fn = devices.keep(source.read(), mesh)
  return stream, lambda element: take_fn(element['number'])


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def _train_step(method, state, batch):
  return method.train_step(state=state, batch=batch)


def validate(method, params, videos, config: ml_collections.ConfigDict) -> dict[str, float]:
  """Returns how well the video-level labels of validation videos are told.

  'validation_quality' chooses the checkpoint: VAUC in [0, 1], and between equals, as
  small sets often have, the lower cross-entropy of the top-1 scores.
  """
  scored = scoring.create_score_fn(method, params, config)(videos)
  pairs = [(int(bag['label']), float(np.max(scores.fused))) for bag, scores in scored]
  labels, top = np.array(pairs).T
  vauc = classification.roc_auc(labels, top)
  likelihood = np.where(labels == 1, top, 1 - top)
  entropy = float(-np.mean(np.log(np.maximum(likelihood, 1e-12))))
  return {
      'validation_vauc': 100 * vauc,
      'validation_cross_entropy': entropy,
      'validation_quality': vauc - 1e-3 * min(entropy, 10),
  }


def _as_table(config: dict[str, object]) -> str:
  """Returns a flat config as a table in Markdown, as TensorBoard shows texts."""
  rows = (f'| {key} | {value} |' for key, value in config.items())
  return '\n'.join(['| key | value |', '| --- | --- |', *rows])


def _means(recent: dict[str, list[dict[str, jax.Array]]]) -> dict[str, float]:
  """Returns the mean over steps of each metric of each phase: {'tube_loss': ..., ...}."""
  return {
      f'{branch}_{name}': float(np.mean([metrics[name] for metrics in steps]))
      for branch, steps in recent.items()
      for name in steps[0]
  }
