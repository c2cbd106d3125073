"""DataLoader over slices of one numpy array, a collate_fn with one scatter per batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from harness.data import Batch
from harness.sparse import BinaryRows

PASS_ROWS = 204_800

Row = tuple[Any, int]


class Rows(Dataset[Row]):
    """One row as a slice of all column numbers, and its label."""

    def __init__(self, data: BinaryRows) -> None:
        x, y = data.arrays()
        self.indices, self.ends, self.labels = x.indices, x.indptr.tolist(), y.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> Row:
        return self.indices[self.ends[row] : self.ends[row + 1]], self.labels[row]


def collate_fn(data: Sequence[Row]) -> Batch:
    indices, labels = zip(*data, strict=True)
    x = np.zeros((len(data), 1024), np.float32)
    rows = np.repeat(np.arange(len(data)), [len(row) for row in indices])
    x[rows, np.concatenate(indices)] = 1.0
    return {"x": torch.from_numpy(x), "y": torch.tensor(labels)}


State = tuple[BinaryRows, Rows]


def setup(data: BinaryRows) -> State:
    return data, Rows(data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    data, rows = state
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    loader: DataLoader[Row] = DataLoader(
        rows, data.batch_size, sampler=order.tolist(), collate_fn=collate_fn
    )
    yield from loader
