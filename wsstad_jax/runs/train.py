"""--mode=train: trains both branches from video-level labels alone."""

import os

import jax
from jax import sharding
import ml_collections
import numpy as np
import tensorboardX
import tqdm

from wsstad_jax.core import files
from wsstad_jax.core.config import flatten
from wsstad_jax.data import pipeline
from wsstad_jax.metrics import classification
from wsstad_jax.reports import plots
from wsstad_jax.runs import scoring
from wsstad_jax.training import step as step_lib


_BRANCHES = ('temporal', 'tube')  # by psi, eq. 6
_LOSSES = ('tube_loss', 'temporal_loss')  # of a row of the history; the first may lack one


def train(config: ml_collections.ConfigDict, workdir: str, bags_folder: str) -> None:
  """Trains up to `config.train.num_steps`, from the last checkpoint if there is one.

  Odd steps train the tube branch (psi = 1), even steps the temporal one (psi = 0). Every
  `evaluate_every` steps the validation videos are scored and a checkpoint is written; the
  best by validation is what evaluation and prediction use.

  Raises:
    UserError: a split lacks a label, or a checkpoint cannot be read.
  """
  settings = config.train
  networks, optimizer, state = scoring.create_training(config)
  step_fn = step_lib.create_train_step(networks, optimizer, step_lib.Objective(**config.loss))
  batches = pipeline.create_train_iterator(
      bags_folder, bags_per_label=settings.bags_per_label, seed=config.seed
  )
  validation = list(pipeline.iterate(pipeline.BagSource(bags_folder, 'validation')))
  mesh = sharding.Mesh(jax.devices(), ('data',))
  state = jax.device_put(state, sharding.NamedSharding(mesh, sharding.PartitionSpec()))
  history_path = os.path.join(workdir, 'history.json')
  with (
      scoring.open_checkpoints(workdir) as checkpoints,
      tensorboardX.SummaryWriter(os.path.join(workdir, 'tensorboard')) as summaries,
  ):
    state = checkpoints.restore_latest(state, batches) or state
    done = int(state.step)
    history = [row for row in files.read_json(history_path) if row['step'] <= done] if done else []
    bar = tqdm.tqdm(total=settings.num_steps, initial=done, desc='Training', unit='step')
    recent = {branch: [] for branch in _BRANCHES}
    for number in range(done, settings.num_steps):
      batch = pipeline.shard(next(batches), mesh)
      psi = number % 2
      state, metrics = step_fn(state=state, batch=batch, psi=psi)
      recent[_BRANCHES[psi]].append(metrics)
      bar.update()
      if (number + 1) % settings.evaluate_every and number + 1 < settings.num_steps:
        continue
      row = {'step': number + 1, **_means(recent), **validate(networks, state.params, validation)}
      recent = {branch: [] for branch in _BRANCHES}
      history.append(row)
      for name, value in row.items():
        summaries.add_scalar(name, value, number + 1)
      losses = {name: f'{row[name]:.3f}' for name in _LOSSES if name in row}
      bar.set_postfix(vauc=f'{row["validation_vauc"]:.1f}', **losses)
      files.write_json(history_path, history)
      checkpoints.save(
          state, batches, config=flatten(config), figure=row['validation_quality']
      )
    bar.close()

  def curve(name):
    return tuple(zip(*((row['step'], row[name]) for row in history if name in row)))

  plots.write_training_curves(
      os.path.join(workdir, 'training_curves.png'),
      losses={name: curve(name) for name in _LOSSES if curve(name)},
      vauc=curve('validation_vauc'),
      best_step=max(history, key=lambda row: (row['validation_quality'], row['step']))['step'],
  )


def validate(networks, params, videos) -> dict[str, float]:
  """Returns how well the video-level labels of validation videos are told.

  'validation_quality' chooses the checkpoint: VAUC in [0, 1], and between equals, as
  small sets often have, the lower cross-entropy of the top-1 scores.
  """
  scored = scoring.create_score_fn(networks, params)(videos)
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


def _means(recent: dict[str, list[dict[str, jax.Array]]]) -> dict[str, float]:
  """Returns the mean over steps of each metric of each branch: {'tube_loss': ..., ...}."""
  return {
      f'{branch}_{name}': float(np.mean([metrics[name] for metrics in steps]))
      for branch, steps in recent.items()
      if steps
      for name in steps[0]
  }
