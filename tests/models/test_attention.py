"""Tests of the attention against equations 1-3 written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsstad_jax.core.errors import UserError
from wsstad_jax.models.attention import MultiHeadSelfAttention


def attend_by_loops(params, queries, instances, pairs, num_heads):
  """Equations 1-3 for one bag: queries [q, d], instances [t, d], pairs [q, t]."""
  q, d = queries.shape
  size = d // num_heads
  result = np.array(queries)
  for i in range(q):
    partners = [j for j in range(len(instances)) if pairs[i, j]]
    if not partners:
      continue
    for head in range(num_heads):
      query, key, value = (params[name][:, head, :] for name in ('query', 'key', 'value'))
      logits = np.array([
          (queries[i] @ query) @ (instances[j] @ key) / np.sqrt(size) for j in partners
      ])
      weights = np.exp(logits) / np.exp(logits).sum()
      for weight, j in zip(weights, partners):
        result[i, head * size : (head + 1) * size] += weight * (instances[j] @ value)
  return result


@pytest.fixture(name='case', params=[3, 40])  # of many queries, bags take turns on a CPU
def create_case(request):
  rng = np.random.default_rng(0)
  queries = rng.standard_normal((2, request.param, 16)).astype(np.float32)
  instances = rng.standard_normal((2, 5, 16)).astype(np.float32)
  pairs = rng.random((2, request.param, 5)) < 0.6
  pairs[1, 2] = False
  return queries, instances, pairs


def test_equals_the_equations(case):
  queries, instances, pairs = case
  net = MultiHeadSelfAttention(num_heads=4)
  result, variables = net.init_with_output(jax.random.key(0), queries, instances, pairs)
  params = jax.tree.map(np.asarray, variables['params'])
  assert {name: array.shape for name, array in params.items()} == dict.fromkeys(
      ('query', 'key', 'value'), (16, 4, 4)
  )
  for bag in range(2):
    expected = attend_by_loops(params, queries[bag], instances[bag], pairs[bag], 4)
    np.testing.assert_allclose(result[bag], expected, rtol=1e-4, atol=1e-5)


def test_a_query_without_partners_stays_as_it_is_and_has_finite_gradients(case):
  queries, instances, pairs = case
  pairs = np.zeros_like(pairs)
  net = MultiHeadSelfAttention()
  result, variables = net.init_with_output(jax.random.key(0), queries, instances, pairs)
  np.testing.assert_array_equal(result, queries)
  gradients = jax.jit(
      jax.grad(lambda variables: jnp.sum(net.apply(variables, queries, instances, pairs) ** 2))
  )(variables)
  assert all(np.isfinite(array).all() for array in jax.tree.leaves(gradients))


def test_value_scale_scales_what_the_bag_adds(case):
  queries, instances, pairs = case
  full, _ = MultiHeadSelfAttention().init_with_output(jax.random.key(0), queries, instances, pairs)
  tenth, _ = MultiHeadSelfAttention(value_scale=0.1).init_with_output(
      jax.random.key(0), queries, instances, pairs
  )
  np.testing.assert_allclose(tenth - queries, 0.1 * (full - queries), atol=1e-5)


def test_heads_that_do_not_divide_the_features_are_refused(case):
  with pytest.raises(UserError, match='num_heads=3 does not divide .* 16 numbers'):
    MultiHeadSelfAttention(num_heads=3).init(jax.random.key(0), *case)
