"""Work spread over threads, and over processes that end with their parent."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
import contextlib
import itertools
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


@contextlib.contextmanager
def thread_map(num_threads: int) -> Iterator[Callable[..., Iterator]]:
  """Yields a `map` of one iterable that works in threads, for what leaves Python to compute.

  Results come in order, and no more than one for each thread waits to be taken, so that memory
  does not grow with the iterable, which is read by the caller's thread. An error of the function
  or of the iterable is raised in its turn.
  """
  with futures.ThreadPoolExecutor(num_threads) as pool:

    def map_fn(fn: Callable, items: Iterable) -> Iterator:
      running = collections.deque()
      for item in items:
        running.append(pool.submit(fn, item))
        if len(running) > num_threads:
          yield running.popleft().result()
      while running:
        yield running.popleft().result()

    yield map_fn


def read_ahead(items: Iterable) -> Iterator:
  """Yields the items, of which a thread reads the next while one is used."""
  iterator, end = iter(items), object()
  with thread_map(1) as map_fn:
    read = map_fn(lambda _: next(iterator, end), itertools.repeat(None))
    yield from itertools.takewhile(lambda item: item is not end, read)


def _begin():
  cv2.setNumThreads(1)  # the processes already share the cores
  parent = multiprocessing.parent_process()

  def end_with_parent():
    # A killed parent cannot end its processes, which would wait for work forever.
    parent.join()
    os._exit(1)

  threading.Thread(target=end_with_parent, daemon=True).start()
