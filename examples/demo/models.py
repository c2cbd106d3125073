"""The model: the same initial weights for the same seed, and its accuracy on the test rows."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from features import COLUMNS
from shards import Catalog

# On a batch of this small model more threads wait for each other longer than they compute; and one
# thread adds in one order, so that weights can be compared bit for bit.
TORCH_THREADS = 1


def build_model(classes: int, *, seed: int) -> nn.Sequential:
    """Returns a small network whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(COLUMNS, 128), nn.ReLU(), nn.Linear(128, classes))


def build_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Returns the optimizer that every run of the demo uses."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    """Takes one step on one batch."""
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


def weights_digest(model: nn.Module) -> str:
    """Returns a hash of all weights, bit for bit."""
    digest = hashlib.blake2b(digest_size=8)
    for parameter in model.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()


class TestSet:
    """The test rows in memory, read by none of the loaders that are compared."""

    def __init__(self, catalog: Catalog) -> None:
        self._x = torch.from_numpy(catalog.matrix("test").toarray())
        self._y = torch.from_numpy(catalog.targets("test"))

    def __len__(self) -> int:
        return len(self._y)

    def accuracy(self, model: nn.Module) -> float:
        """Returns the share of test rows that the model labels rightly."""
        with torch.inference_mode():
            guesses = model(self._x).argmax(dim=1)
            return float((guesses == self._y).float().mean())
