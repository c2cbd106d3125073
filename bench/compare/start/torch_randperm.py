"""By hand: np.memmap, torch.randperm with int32 indices, index_select."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import torch

from harness.data import Batch, Data, memory_map

ROWS_SHARE = 0.1

State = tuple[torch.Tensor, Data]


def setup(data: Data) -> State:
    x = memory_map(data.sparse_file(), np.uint8, (data.rows,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not writable": it is only read
        return torch.from_numpy(x), data


def epoch(state: State, number: int) -> Iterator[Batch]:
    x, data = state
    generator = torch.Generator().manual_seed(data.seed * 1_000 + number)
    order = torch.randperm(data.rows, generator=generator, dtype=torch.int32)
    for start in range(0, data.rows, data.batch_size):
        yield {"x": x.index_select(0, order[start : start + data.batch_size])}
