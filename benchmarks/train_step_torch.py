"""The step of mutually-guided training in torch."""

import contextlib

import numpy as np
import torch
from torch.nn import functional


class TorchBranch(torch.nn.Module):
  """`BranchNetwork` with attention over the bag and features of length 1, without dropout."""

  def __init__(self, params: dict):
    """Takes the parameters of a `BranchNetwork`."""
    super().__init__()
    for name, value in params['relation'].items():
      setattr(self, name, torch.nn.Parameter(torch.from_numpy(np.array(value))))
    layers = []
    for dense in params['scorer'].values():
      kernel = torch.from_numpy(np.array(dense['kernel']))
      layers.append(torch.nn.Linear(*kernel.shape))
      layers[-1].weight.data = kernel.T.contiguous()
      layers[-1].bias.data = torch.from_numpy(np.array(dense['bias']))
    layers.insert(1, torch.nn.ReLU())
    self.scorer = torch.nn.Sequential(*layers)

  def forward(self, features, mask, rows=None):
    """Returns logits [b, t] of features [b, t, d], or [b, q] of the instances rows [b, q]."""
    x = torch.where(mask[..., None], features.float(), 0)
    x = functional.normalize(x, dim=-1)
    if rows is None:
      query, key, value = (
          torch.einsum('btd,dhc->bhtc', x, weight)
          for weight in (self.query, self.key, self.value)
      )
      heads = functional.scaled_dot_product_attention(
          query, key, value, attn_mask=mask[:, None, None]
      )
      heads = heads.transpose(1, 2).flatten(2)  # [b, t, d]
      return self.scorer(x + heads)[..., 0]
    queries = x.take_along_dim(rows[..., None], 1)
    scale = self.query.shape[-1] ** -0.5
    query = torch.einsum('bqd,dhc->bqhc', scale * queries, self.query)
    query = torch.einsum('bqhc,ehc->bhqe', query, self.key)
    logits = torch.einsum('bhqe,bte->bhqt', query, x).float()
    logits = logits.masked_fill(~mask[:, None, None], torch.finfo(torch.float32).min)
    weighted = torch.einsum('bhqt,bte->bhqe', logits.softmax(-1), x)
    heads = torch.einsum('bhqe,ehc->bqhc', weighted, self.value).flatten(2)
    return self.scorer(queries + heads)[..., 0]


def compute_loss(branch, guide, instances, guiding, label, all_instances):
  """Returns the loss of a branch guided by the other (`objective_fn` of ours)."""
  mask = instances[1]
  if all_instances:
    logits, rows = branch(*instances).float().masked_fill(~mask, -torch.inf).max(-1, keepdim=True)
  else:
    with torch.no_grad():
      rows = branch(*instances).float().masked_fill(~mask, -torch.inf).argmax(-1, keepdim=True)
    logits = branch(*instances, rows).float()
  with torch.no_grad():
    if all_instances:
      guidance = guide(*guiding).gather(1, rows).float().sigmoid()
    else:
      guidance = guide(*guiding, rows).float().sigmoid()
  logits, guidance = logits[:, 0], guidance[:, 0]
  scores = logits.sigmoid()
  positive = (label == 1).float()
  negative = 1 - positive
  margins = torch.relu(guidance[:, None] * (1 - scores[:, None] + scores[None]))
  pairs = positive[:, None] * negative[None]
  ranking = (margins * pairs).sum() / pairs.sum()
  entropy = (functional.softplus(-logits) * positive).sum() / positive.sum()
  return ranking + entropy + (functional.softplus(logits) * negative).sum() / negative.sum()


class TorchStep:
  """Two branches that learn in turn, the temporal one first.

  With `all_instances` the gradient is taken through the maximum over all instances, and the
  guide scores all: the plain way to write it, at several times the work.
  """

  def __init__(self, params, batch, *, dtype, compiled, all_instances, device, learning_rate):
    torch.set_float32_matmul_precision('high')  # tf32 on a GPU, as in JAX
    self._branches, self._optimizers = {}, {}
    for name in ('tube', 'temporal'):
      self._branches[name] = TorchBranch(params[name]).to(device)
      self._optimizers[name] = torch.optim.Adam(
          self._branches[name].parameters(), lr=learning_rate, fused=True
      )
    batch = {key: torch.from_numpy(value).to(device) for key, value in batch.items()}
    regions, images, videolets = (
        (batch[f'{kind}_features'], batch[f'{mask}_mask'])
        for kind, mask in (('region', 'tube'), ('image', 'tube'), ('videolet', 'videolet'))
    )
    # What learns and what it sees, the guide and what that sees.
    self._turns = (('temporal', videolets, 'tube', videolets), ('tube', regions, 'temporal', images))
    self._label = batch['label']
    self._all_instances = all_instances
    self._loss = torch.compile(compute_loss, dynamic=False) if compiled else compute_loss
    self._autocast = contextlib.nullcontext()
    if dtype == 'bfloat16':
      self._autocast = torch.autocast(device, torch.bfloat16, cache_enabled=False)

  def take_pairs(self, num: int) -> list[float]:
    """Takes so many pairs of steps and returns the loss of each step."""
    losses = []
    for _ in range(num):
      for name, instances, guide, guiding in self._turns:
        with self._autocast:
          loss = self._loss(
              self._branches[name], self._branches[guide], instances, guiding, self._label,
              self._all_instances,
          )
        loss.backward()
        self._optimizers[name].step()
        self._optimizers[name].zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses).tolist()  # waits for the device
