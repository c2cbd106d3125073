"""np.memmap, DataLoader(TensorDataset, shuffle=True), no workers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from harness.data import Batch, Data, memory_map

ROWS_SHARE = 0.1

State = DataLoader[tuple[torch.Tensor, ...]]


def setup(data: Data) -> State:
    x = memory_map(data.sparse_file(), np.uint8, (data.rows,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not writable": it is only read
        dataset = TensorDataset(torch.from_numpy(x))
    generator = torch.Generator().manual_seed(data.seed)
    return DataLoader(dataset, batch_size=data.batch_size, shuffle=True, generator=generator)


def epoch(loader: State, number: int) -> Iterator[Batch]:
    for (x,) in loader:
        yield {"x": x}
