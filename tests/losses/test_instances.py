"""Tests of the choice of the max instance."""

import jax.numpy as jnp
import numpy as np

from wsstad_jax.losses.instances import max_instance


def test_padding_is_never_chosen_and_the_first_of_equals_is():
  logits = jnp.array([[-3.0, -1, 5], [2, 2, 1], [1, 2, 3]])
  where = jnp.array([[True, True, False], [True, True, True], [False, False, False]])
  np.testing.assert_array_equal(max_instance(logits, where), [1, 0, 0])
