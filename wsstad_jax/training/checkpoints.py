"""Checkpoints of training by Orbax: the two latest ones and the best."""

from collections.abc import Mapping
import contextlib
import os

import grain
import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from wsstad_jax.core import files
from wsstad_jax.core.errors import UserError
from wsstad_jax.training.state import TrainState


class Checkpoints(contextlib.AbstractContextManager):
  """The checkpoints in a folder, each whole or absent; used in a `with` statement.

  Each holds the state, the position of the data iterator, the config and a figure by which the
  best one is chosen (the newest of equals). Keeping the best ones alone would make a resumed run
  lose its newest steps. Digests of all files are kept, as Orbax does not notice every damage.
  """

  def __init__(self, folder: str):
    """Opens a folder, which is created if missing; what a killed process left is removed."""
    self._folder = os.path.abspath(folder)
    policy = checkpoint_managers.AnyPreservationPolicy([
        checkpoint_managers.LatestN(2),
        checkpoint_managers.BestN(get_metric_fn=_figure, n=1),
    ])
    self._manager = ocp.CheckpointManager(
        self._folder,
        options=ocp.CheckpointManagerOptions(
            best_fn=_figure,
            preservation_policy=policy,
            enable_async_checkpointing=False,
            cleanup_tmp_directories=True,
        ),
        item_handlers={
            'state': ocp.StandardCheckpointHandler(),
            'data': grain.checkpoint.CheckpointHandler(),
            'config': ocp.JsonCheckpointHandler(),
        },
    )

  def __exit__(self, *exception) -> None:
    self._manager.close()

  def save(
      self,
      state: TrainState,
      iterator: grain.DatasetIterator,
      *,
      config: Mapping[str, object],
      figure: float,
  ) -> None:
    """Writes a checkpoint named by `state.step` and removes those no longer kept.

    Args:
      state: of training.
      iterator: of the data, where it stands.
      config: flat and JSON-able; a copied folder still tells what made it.
      figure: higher is better.
    """
    step = int(state.step)
    self._manager.save(
        step,
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            data=grain.checkpoint.CheckpointSave(iterator),
            config=ocp.args.JsonSave(dict(config)),
        ),
        metrics={'figure': float(figure)},
    )
    files.write_digests(self._path(step))

  def restore_latest(
      self, state: TrainState, iterator: grain.DatasetIterator
  ) -> TrainState | None:
    """Returns the newest state and moves the iterator to where it was; None if there is none.

    Args:
      state: as created, for its shapes and places on devices.
      iterator: as created.

    Raises:
      UserError: the checkpoint is damaged, or of another architecture.
    """
    step = self._manager.latest_step()
    if step is None:
      return None
    return self._restore(step, state, data=grain.checkpoint.CheckpointRestore(iterator))

  def restore_best(self, state: TrainState) -> TrainState:
    """Returns the state with the highest figure; see `restore_latest`.

    Raises:
      UserError: there is no checkpoint, it is damaged, or of another architecture.
    """
    step = self._manager.best_step()
    if step is None:
      raise UserError(f'{self._folder} holds no checkpoint; train first (--mode=train).')
    return self._restore(step, state)

  def _restore(self, step, state, **items):
    path = self._path(step)
    _check_digests(path)
    _check_shapes(path, self._manager.item_metadata(step).state, state)
    template = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
    items['state'] = ocp.args.StandardRestore(template)
    return self._manager.restore(step, args=ocp.args.Composite(**items)).state

  def _path(self, step):
    return os.path.join(self._folder, str(step))


def _figure(metrics):
  return metrics['figure']


def _check_digests(folder):
  if not os.path.exists(os.path.join(folder, files.DIGESTS)):
    return  # the process died right after the checkpoint was complete
  damaged = files.find_damage(folder)
  if damaged:
    raise UserError(
        f'the checkpoint {folder} is damaged: {damaged} is not as it was written. Remove the '
        'folder to go on from the checkpoint before it.'
    )


def _check_shapes(folder, metadata, state):
  """Raises a UserError that lists where the arrays of a checkpoint are not those of a state."""
  found, expected = _shapes(metadata), _shapes(state)
  faults = [
      f'{name} has shape {found.get(name, "(absent)")}, expected {expected.get(name, "(absent)")}'
      for name in sorted(found.keys() | expected.keys())
      if found.get(name) != expected.get(name)
  ]
  if faults:
    raise UserError(
        f'the checkpoint {folder} is of another architecture or optimizer than the config:\n  '
        + '\n  '.join(faults) + '\nGive the config it was made with, or another --workdir.'
    )


def _shapes(tree):
  """Returns {'tube/params/scorer/...': shape} of all arrays but the key of the noise."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
  named = {jax.tree_util.keystr(path, simple=True, separator='/'): leaf for path, leaf in leaves}
  return {name: tuple(leaf.shape) for name, leaf in named.items() if name != 'rng'}
