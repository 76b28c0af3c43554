"""Tests of the choice of the max instance."""

import jax.numpy as jnp
import numpy as np

from wsstad_jax.losses.instances import max_instance, share_of_highest, top_instances


def test_padding_is_never_chosen_and_the_first_of_equals_is():
  logits = jnp.array([[-3.0, -1, 5], [2, 2, 1], [1, 2, 3]])
  where = jnp.array([[True, True, False], [True, True, True], [False, False, False]])
  np.testing.assert_array_equal(max_instance(logits, where), [1, 0, 0])


def test_top_instances_are_in_order_and_say_what_is_real():
  logits = jnp.array([[1.0, 3, 2, 9], [5, 5, 4, 9], [0, 0, 0, 0]])
  where = jnp.array([[True, True, True, False], [True, True, False, False], [False] * 4])
  rows, chosen = top_instances(logits, where, 3)
  np.testing.assert_array_equal(rows[:2, :2], [[1, 2], [0, 1]])
  np.testing.assert_array_equal(chosen, [[True] * 3, [True, True, False], [False] * 3])
  rows, chosen = top_instances(logits, where, 1)
  np.testing.assert_array_equal(rows[:, 0], max_instance(logits, where))
  np.testing.assert_array_equal(chosen, [[True], [True], [False]])
  assert top_instances(logits, where, 9)[0].shape == (3, 4)


def test_the_share_is_of_real_entries_and_rounded_up():
  values = jnp.array([[1.0, 3, 2, 9], [4, 4, 1, 0], [1, 2, 3, 4]])
  where = jnp.array([[True, True, True, False], [True] * 4, [False] * 4])
  np.testing.assert_array_equal(
      share_of_highest(values, where, 0.5),
      [[False, True, True, False], [True, True, False, False], [False] * 4],
  )
