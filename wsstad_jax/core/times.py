"""How long the stages of a run took, kept in its folder."""

from collections.abc import Callable
import functools
import os
import time

import tqdm

from wsstad_jax.core import files

silent = functools.partial(tqdm.tqdm, disable=True)  # a progress bar that shows nothing

_FILE = 'times.json'
_NOTED_EVERY = 30.0  # seconds, so that little is lost if the process is killed


def read(workdir: str) -> list[dict[str, object]]:
  """Returns 'stage', 'seconds', 'count' and 'unit' of each stage, in the order of their begin.

  Stages whose work had been done before, by another run on the same data, are not in it.
  """
  path = os.path.join(workdir, _FILE)
  return files.read_json(path) if os.path.exists(path) else []


def note(workdir: str, stage: str, *, seconds: float, count: int, unit: str) -> None:
  """Writes down, or replaces, what a stage took.

  Args:
    workdir: of the run.
    stage: its name.
    seconds: wall time.
    count: things that were worked on in this time.
    unit: what such a thing is.
  """
  row = {'stage': stage, 'seconds': round(seconds, 3), 'count': count, 'unit': unit}
  rows = {old['stage']: old for old in read(workdir)} | {stage: row}
  files.write_json(os.path.join(workdir, _FILE), list(rows.values()))


def create_progress(workdir: str) -> Callable[..., tqdm.tqdm]:
  """Returns what makes progress bars, as `tqdm.tqdm` does, that note what their stages took.

  A bar that does not begin at 0 goes on with a stage: its time is added.
  """
  return functools.partial(_TimedBar, workdir=workdir)


class _TimedBar(tqdm.tqdm):

  def __init__(self, *args, workdir: str, **kwargs):
    self._workdir = workdir
    self._begin = self._noted = time.monotonic()
    super().__init__(*args, **kwargs)
    self._first = self.n
    earlier = {row['stage']: row for row in read(workdir)} if self.n else {}
    self._earlier = earlier.get(self.desc.rstrip(': '), {'seconds': 0, 'count': 0})

  def update(self, n: float = 1) -> bool | None:
    shown = super().update(n)
    if time.monotonic() - self._noted > _NOTED_EVERY:
      self._note()
    return shown

  def close(self) -> None:
    if not self.disable and self.n > self._first:
      self._note()
    super().close()

  def _note(self) -> None:
    self._noted = time.monotonic()
    note(
        self._workdir,
        self.desc.rstrip(': '),
        seconds=self._earlier['seconds'] + self._noted - self._begin,
        count=self._earlier['count'] + self.n - self._first,
        unit=self.unit,
    )
