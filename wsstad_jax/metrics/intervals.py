"""How sure a figure is: bootstrap intervals over videos, and over training seeds.

A figure of a test set is one draw: other videos of the same kind would have given another.
The bootstrap (Efron 1979) measures that spread by drawing whole videos anew, with
replacement, since frames and tubes of one video are not independent of each other. A
difference of two methods is paired: both are measured on the same drawn videos, so that
what makes a video hard for both does not blur it.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses

import numpy as np

# Given the indices of the drawn videos, int [n] and with repetitions, returns the figure
# of these videos; nan where it is not defined on them.
StatisticFn = Callable[[np.ndarray], float]


@dataclasses.dataclass(frozen=True)
class Interval:
  """A figure and the range that holds its true value with the chosen confidence.

  Attributes:
    value: the figure of all videos, as measured; not the mean of the draws.
    low: lower end; nan if it cannot be told.
    high: upper end; nan if it cannot be told.
  """

  value: float
  low: float
  high: float


@dataclasses.dataclass(frozen=True)
class Difference(Interval):
  """A figure of one method minus that of another; `low` > 0 says that the first is better.

  Attributes:
    probability: share of the draws in which the first method is ahead, ties counted half,
      in [0, 1]; nan if it cannot be told.
  """

  probability: float


def bootstrap_interval(
    statistic_fn: StatisticFn,
    num_videos: int,
    *,
    strata: np.ndarray | None = None,
    confidence: float = 0.95,
    num_draws: int = 2000,
    seed: int = 0,
) -> Interval:
  """Returns a figure with its percentile bootstrap interval over videos.

  Where every draw gives the same, as with a figure that is 0 in all videos, the interval
  has no width: what was never seen is not in it. The bounds are nan where no stratum has
  two videos, or if the figure is not defined in more than half of the draws; else the
  draws in which it is not defined are left out.

  Args:
    statistic_fn: the figure of the drawn videos; called once with all videos in order.
    num_videos: n.
    strata: [n], such as the label of each video; each value keeps its number of videos in
      every draw. None draws from all videos alike.
    confidence: in (0, 1).
    num_draws: how often videos are drawn.
    seed: of the draws; equal arguments give equal intervals.

  Raises:
    ValueError: `strata` has another length, or `confidence` is out of range.
  """
  draws = np.array([
      statistic_fn(videos) for _, videos in _draw(num_videos, strata, num_draws, seed)
  ])
  value = float(statistic_fn(np.arange(num_videos))) if num_videos else np.nan
  return Interval(value, *_percentiles(draws, value, confidence))


def paired_difference(
    ours: Sequence[StatisticFn],
    theirs: Sequence[StatisticFn],
    num_videos: int,
    *,
    strata: np.ndarray | None = None,
    confidence: float = 0.95,
    num_draws: int = 2000,
    seed: int = 0,
) -> Difference:
  """Returns by how much one method is ahead of another, over videos and training seeds.

  The figure of a method is the mean over its runs. Each draw takes videos, the same for
  all runs, and of either method runs with replacement: one fewer than there are, so that
  the variance of their mean is not underestimated with few runs (Rao & Wu 1988). Runs of
  the two methods are not paired: a seed means nothing to another method. With one run of
  a method the interval does not know how another seed would have done.

  Args:
    ours: for each run (seed) of the first method the figure of the drawn videos.
    theirs: the same of the second method; another number of runs is fine.
    num_videos: n; index i names the same video in all runs.
    strata, confidence, num_draws, seed: as in `bootstrap_interval`.

  Raises:
    ValueError: a method has no run, `strata` has another length, or `confidence` is out
      of range.
  """
  if not ours or not theirs:
    raise ValueError(f'{len(ours)} and {len(theirs)} runs; each method needs at least one')
  draws = np.array([
      _drawn_mean(ours, videos, rng) - _drawn_mean(theirs, videos, rng)
      for rng, videos in _draw(num_videos, strata, num_draws, seed)
  ])
  value = np.nan
  if num_videos:
    every = np.arange(num_videos)
    value = float(
        np.mean([statistic_fn(every) for statistic_fn in ours])
        - np.mean([statistic_fn(every) for statistic_fn in theirs])
    )
  low, high = _percentiles(draws, value, confidence)
  known = draws[~np.isnan(draws)]
  ahead = np.nan if np.isnan(low) else float(np.mean((known > 0) + 0.5 * (known == 0)))
  return Difference(value, low, high, ahead)


def _draw(
    num_videos: int, strata: np.ndarray | None, num_draws: int, seed: int
) -> Iterator[tuple[np.random.Generator, np.ndarray]]:
  """Yields, for each draw, the generator for further draws and the videos int [n].

  There are no draws where all would be the same.
  """
  strata = np.zeros(num_videos) if strata is None else np.asarray(strata)
  if strata.shape != (num_videos,):
    raise ValueError(f'strata of shape {strata.shape} for {num_videos} videos')
  groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
  rng = np.random.default_rng(seed)
  for _ in range(num_draws if len(groups) < num_videos else 0):
    yield rng, np.concatenate([rng.choice(group, len(group)) for group in groups])


def _drawn_mean(
    runs: Sequence[StatisticFn], videos: np.ndarray, rng: np.random.Generator
) -> float:
  chosen = rng.integers(len(runs), size=max(len(runs) - 1, 1))
  # A run drawn twice is computed once.
  return float(np.average(
      [runs[run](videos) for run in np.unique(chosen)], weights=np.unique_counts(chosen).counts
  ))


def _percentiles(draws: np.ndarray, value: float, confidence: float) -> tuple[float, float]:
  if not 0 < confidence < 1:
    raise ValueError(f'confidence is {confidence}, not between 0 and 1')
  known = draws[~np.isnan(draws)]
  if np.isnan(value) or 2 * len(known) < len(draws) or not len(known):
    return np.nan, np.nan
  low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
  return float(low), float(high)
