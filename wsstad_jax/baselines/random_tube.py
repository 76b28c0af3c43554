"""The yardstick from below: a tube drawn by lot, with a score drawn by lot."""

import dataclasses
import zlib

import ml_collections
import numpy as np

from wsstad_jax.data import bags


@dataclasses.dataclass(frozen=True)
class RandomTube:
  """Learns nothing.

  Attributes:
    seed: of the lots; each video has its own.
  """

  seed: int

  def score_bag(self, bag: bags.Bag) -> np.ndarray:
    """Returns scores [t] in (0, 1): uniform for one tube, which is any, and less for the others.

    So the score of a video does not depend on the number of its tubes.
    """
    rng = np.random.default_rng([self.seed, zlib.crc32(bag['video_id'].encode())])
    count = np.count_nonzero(bag['tube_mask'])
    top = rng.random()
    scores = top * rng.random(count)
    scores[rng.integers(count)] = top
    return scores


def create_method(config: ml_collections.ConfigDict) -> RandomTube:
  """Returns the method that a config describes."""
  return RandomTube(config.seed)
