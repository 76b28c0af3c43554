"""Tests of the graphs and graph convolutions against loops and hand values."""

import jax
import numpy as np

from wsstad_jax.models import gcn

MASK = np.array([[True, True, True, False]])
SPANS = np.int32([[[0, 16], [16, 32], [32, 64], [0, 0]]])  # middles 0.5, 1.5 and 3 clips


def create_features(d=3, seed=0):
  return np.random.default_rng(seed).standard_normal((1, 4, d)).astype(np.float32)


def normalized(adjacency):
  degrees = adjacency.sum(axis=1)
  return adjacency / np.sqrt(degrees[:, None] * degrees[None, :])


def similarity_by_loops(x):
  n = len(x)
  adjacency = np.zeros((n, n))
  for i in range(n):
    products = [x[i] @ x[j] for j in range(n)]
    for j in range(n):
      adjacency[i, j] = np.exp(products[j] - max(products))
  return normalized(adjacency)


def test_similarity_graph_equals_the_definition_without_padding():
  x = create_features()
  x[0, 3] = np.nan
  graph = gcn.similarity_graph(x, MASK)
  np.testing.assert_allclose(graph[0, :3, :3], similarity_by_loops(x[0, :3]), rtol=1e-5)
  assert not np.any(graph[0, 3]) and not np.any(graph[0, :, 3])


def test_temporal_graph_by_hand():
  a, b, c = np.exp(-1), np.exp(-2.5), np.exp(-1.5)  # distances 1, 2.5 and 1.5 clips
  expected = normalized(np.array([[1, a, b], [a, 1, c], [b, c, 1]]))
  graph = gcn.temporal_graph(SPANS, MASK)
  np.testing.assert_allclose(graph[0, :3, :3], expected, rtol=1e-5)
  assert not np.any(graph[0, 3]) and not np.any(graph[0, :, 3])


def test_neighbouring_snippets_are_one_apart():
  starts = np.arange(3) * 16
  spans = np.stack([starts, starts + 16], axis=-1)[None]
  graph = gcn.temporal_graph(spans, np.ones((1, 3), bool))
  distances = np.abs(np.arange(3)[:, None] - np.arange(3))
  np.testing.assert_allclose(graph[0], normalized(np.exp(-distances)), rtol=1e-5)


def test_a_bag_without_instances_has_an_empty_graph_with_finite_gradient():
  nothing = np.zeros((1, 4), bool)
  gradient = jax.grad(lambda x: gcn.similarity_graph(x, nothing).sum())(create_features())
  assert not np.any(gradient)
  assert not np.any(gcn.temporal_graph(SPANS, nothing))


def test_convolution_by_hand():
  network = gcn.GraphConvolution(hidden=5, units=2)
  x, graph = create_features(), np.asarray(gcn.temporal_graph(SPANS, MASK))
  found, variables = network.init_with_output(jax.random.key(0), x, graph)
  first, second = (variables['params'][f'Dense_{i}']['kernel'] for i in range(2))
  expected = graph[0] @ (np.maximum(graph[0] @ x[0] @ first, 0) @ second)
  np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-6)


def test_the_relation_adds_the_mean_of_both_graphs():
  x = create_features()
  found, variables = gcn.GraphRelation(hidden=5).init_with_output(
      jax.random.key(0), x, SPANS, MASK
  )
  parts = []
  for name, graph in (
      ('similarity', gcn.similarity_graph(x, MASK)), ('time', gcn.temporal_graph(SPANS, MASK))
  ):
    network = gcn.GraphConvolution(5, 3)
    parts.append(network.apply({'params': variables['params'][name]}, x, graph))
  np.testing.assert_allclose(found, x + (parts[0] + parts[1]) / 2, rtol=1e-5)
