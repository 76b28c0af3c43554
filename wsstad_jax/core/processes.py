"""Work spread over processes that end with their parent."""

from collections.abc import Callable, Iterator
from concurrent import futures
import contextlib
import multiprocessing
import os
import threading

import cv2


@contextlib.contextmanager
def process_map(num_processes: int) -> Iterator[Callable[..., Iterator]]:
  """Yields a `map` that works in fresh processes; in this one if `num_processes` is 1.

  Fresh ones (spawn), because threads of JAX and PyAV do not survive a fork. What the
  function's module imports, each process imports too: keep it light.
  """
  if num_processes == 1:
    yield map
    return
  context = multiprocessing.get_context('spawn')
  with futures.ProcessPoolExecutor(num_processes, context, _begin) as pool:
    try:
      yield pool.map
    except BaseException:
      pool.shutdown(cancel_futures=True)  # an interrupted user does not wait for the rest
      raise


def _begin():
  cv2.setNumThreads(1)  # the processes already share the cores
  parent = multiprocessing.parent_process()

  def end_with_parent():
    # A killed parent cannot end its processes, which would wait for work forever.
    parent.join()
    os._exit(1)

  threading.Thread(target=end_with_parent, daemon=True).start()
