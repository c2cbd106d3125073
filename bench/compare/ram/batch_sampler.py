"""DataLoader over a Dataset that takes index lists: BatchSampler, batch_size=None, no workers.

torch on one thread: two are no faster on a quiet machine and ten times slower on a busy one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

from harness.data import Batch, Data


class Rows(Dataset[Batch]):
    """Whole batches by a list of indices."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, indices: list[int]) -> Batch:
        rows = torch.tensor(indices)
        return {"x": self.x.index_select(0, rows), "y": self.y.index_select(0, rows)}


@dataclass
class State:
    loader: DataLoader[Batch]
    generator: torch.Generator
    data: Data


def setup(data: Data) -> State:
    torch.set_num_threads(1)
    x, y = data.arrays()
    dataset = Rows(torch.from_numpy(x), torch.from_numpy(y))
    generator = torch.Generator()
    order = RandomSampler(dataset, generator=generator)
    sampler = BatchSampler(order, batch_size=data.batch_size, drop_last=False)
    return State(DataLoader(dataset, sampler=sampler, batch_size=None), generator, data)


def epoch(state: State, number: int) -> Iterable[Batch]:
    state.generator.manual_seed(state.data.seed * 1_000 + number)
    return state.loader
