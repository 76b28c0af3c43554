"""--mode=pretrain: a small C3D that knows generic motion, from clips with generic labels."""

import functools
import os

import jax
import ml_collections
import numpy as np
import orbax.checkpoint as ocp
import tqdm

from wsstad_jax.core import files
from wsstad_jax.features import motion_clips
from wsstad_jax.features import weights
from wsstad_jax.metrics import classification
from wsstad_jax.models.c3d import preprocess_grey
from wsstad_jax.training import devices
from wsstad_jax.training import pretraining


def pretrain(config: ml_collections.ConfigDict, workdir: str, clips_folder: str) -> None:
  """Writes c3d.npz to the workdir and c3d.json, what it tells of held-out videos, beside it.

  One video in ten is held out. Killed, it goes on from the last checkpoint; batches depend
  on the number of the step alone.

  Raises:
    UserError: the clips are missing or damaged.
  """
  settings = config.pretrain
  clips = motion_clips.read_clips(clips_folder)
  network = pretraining.PretrainNetwork(config.c3d.width, len(clips.label_names))
  optimizer = pretraining.create_optimizer(settings)
  rng, init_rng = jax.random.split(jax.random.key(config.seed))
  state = pretraining.create_state(network, optimizer, rng=init_rng, size=config.c3d.size)
  mesh = devices.create_mesh()
  state = devices.replicate(state, mesh)
  step_fn = jax.jit(
      functools.partial(
          pretraining.pretrain_step, is_binary=clips.is_binary, network=network, optimizer=optimizer
      ),
      donate_argnames='state',
  )
  targets = clips.targets()
  with ocp.CheckpointManager(
      os.path.abspath(os.path.join(workdir, 'pretraining')),
      options=ocp.CheckpointManagerOptions(max_to_keep=1),
  ) as manager:
    if (latest := manager.latest_step()) is not None:
      template = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
      state = manager.restore(latest, args=ocp.args.StandardRestore(template))
    done = int(state.step)
    bar = tqdm.tqdm(total=settings.num_steps, initial=done, desc='Pretraining', unit='step')
    losses = []
    for number in range(done, settings.num_steps):
      rows = rows_of_step(clips.train, number, settings.batch_size, config.seed)
      batch = {'clips_grey': clips.clips[rows], 'targets': targets[rows]}
      state, loss = step_fn(state=state, rng=rng, **devices.shard(batch, mesh))
      losses.append(loss)
      bar.update()
      if (number + 1) % settings.evaluate_every == 0 or number + 1 == settings.num_steps:
        bar.set_postfix(loss=f'{np.mean(losses):.4f}')
        losses = []
        manager.save(number + 1, args=ocp.args.StandardSave(state))
  bar.close()
  params = jax.tree.map(
      lambda array: np.asarray(array, np.float16), pretraining.plain_params(state)
  )
  report = measure(network.clone(normalize=False), params, clips, targets, settings.batch_size)
  path = os.path.join(workdir, 'c3d.npz')
  weights.write_weights(path, params['c3d'])
  files.write_json(os.path.join(workdir, 'c3d.json'), report)
  for name, figure in report['held_out'].items():
    print(f'{name:24} {figure:.3f}')
  print(f'Use it with --config.c3d.weights={path}')


def rows_of_step(rows: np.ndarray, number: int, batch_size: int, seed: int) -> np.ndarray:
  """Returns the rows of one step: all of them come once before any comes again."""
  epoch, place = divmod(number, max(len(rows) // batch_size, 1))
  order = _order(len(rows), epoch, seed)
  return rows[order[place * batch_size : (place + 1) * batch_size]]


@functools.lru_cache(maxsize=1)
def _order(num_rows: int, epoch: int, seed: int) -> np.ndarray:
  return np.random.default_rng([seed, epoch]).permutation(num_rows)


def measure(network, params, clips, targets, batch_size: int) -> dict[str, object]:
  """Returns how well held-out videos are read: ROC area of binary labels, correlation of others."""
  params = jax.tree.map(lambda array: np.asarray(array, np.float32), params)
  predict_fn = jax.jit(lambda batch: network.apply({'params': params}, preprocess_grey(batch)))
  parts = np.array_split(clips.held_out, -(-len(clips.held_out) // batch_size))
  outputs = np.concatenate([np.asarray(predict_fn(clips.clips[rows])) for rows in parts])
  labels = targets[clips.held_out]
  held_out = {}
  for column, name in enumerate(clips.label_names):
    told, true = outputs[:, column], labels[:, column]
    if clips.is_binary[column]:
      held_out[name] = classification.roc_auc(true, told)
    else:
      held_out[name] = float(np.corrcoef(true, told)[0, 1])
  return {'clips': len(clips.train) + len(clips.held_out), 'held_out': held_out}
