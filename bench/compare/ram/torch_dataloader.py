"""DataLoader(TensorDataset, shuffle=True), no workers.

torch on one thread, for the reason in batch_sampler.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, TensorDataset

from harness.data import Batch, Data

ROWS_SHARE = 0.1


@dataclass
class State:
    loader: DataLoader[tuple[torch.Tensor, ...]]
    generator: torch.Generator
    data: Data


def setup(data: Data) -> State:
    torch.set_num_threads(1)
    x, y = data.arrays()
    dataset = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    generator = torch.Generator()
    loader = DataLoader(dataset, batch_size=data.batch_size, shuffle=True, generator=generator)
    return State(loader, generator, data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    state.generator.manual_seed(state.data.seed * 1_000 + number)
    for x, y in state.loader:
        yield {"x": x, "y": y}
