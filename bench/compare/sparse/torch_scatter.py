"""By hand in torch: padded int64 indices, zero_ and scatter_ into one reused tensor.

Padding goes to one column more, which the batch leaves out. torch on one thread: two are no faster
on a quiet machine and ten times slower on a busy one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from harness.data import Batch
from harness.sparse import BinaryRows, padded_rows

State = tuple[torch.Tensor, torch.Tensor, BinaryRows]


def setup(data: BinaryRows) -> State:
    torch.set_num_threads(1)
    x, y = data.arrays()
    indices = padded_rows(x.indices, np.diff(x.indptr), data.most, np.int64, data.width)
    return torch.from_numpy(indices), torch.from_numpy(y), data


def epoch(state: State, number: int) -> Iterator[Batch]:
    indices, y, data = state
    dense = torch.empty(data.batch_size, data.width + 1)
    generator = torch.Generator().manual_seed(data.seed * 1_000 + number)
    order = torch.randperm(data.rows, generator=generator)
    for start in range(0, data.rows, data.batch_size):
        idx = order[start : start + data.batch_size]
        x = dense[: len(idx)].zero_()
        x.scatter_(1, indices.index_select(0, idx), 1.0)
        yield {"x": x[:, : data.width], "y": y.index_select(0, idx)}
