"""By hand, tuned: torch.randperm with int32 indices, slices, index_select.

Half the memory for the order and a faster randperm; only up to 2^31 rows. Of the variants tried
(int64, int32, `out=` with reused tensors, sorted batches, x[indices], numpy.take) the fastest.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from harness.data import Batch, Data

State = tuple[torch.Tensor, torch.Tensor, Data]


def setup(data: Data) -> State:
    x, y = data.arrays()
    return torch.from_numpy(x), torch.from_numpy(y), data


def epoch(state: State, number: int) -> Iterator[Batch]:
    x, y, data = state
    generator = torch.Generator().manual_seed(data.seed * 1_000 + number)
    order = torch.randperm(data.rows, generator=generator, dtype=torch.int32)
    for start in range(0, data.rows, data.batch_size):
        indices = order[start : start + data.batch_size]
        yield {"x": x.index_select(0, indices), "y": y.index_select(0, indices)}
