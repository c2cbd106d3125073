"""DataLoader with a collate_fn of slices of flat arrays: torch.zeros, one scatter per batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from harness.data import Batch
from harness.sparse import CsrRows, torch_zeros

PASS_ROWS = 20_480

Row = tuple[Any, Any, Any]


class Rows(Dataset[Row]):
    """One row as its indices, values and label."""

    def __init__(self, data: CsrRows) -> None:
        matrix, self.y = data.arrays()
        self.indices, self.values = matrix.indices, matrix.data
        self.ends = matrix.indptr.tolist()

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, row: int) -> Row:
        stored = slice(self.ends[row], self.ends[row + 1])
        return self.indices[stored], self.values[stored], self.y[row]


@dataclass
class Expand:
    width: int
    zeros: Callable[[int, int], torch.Tensor]

    def __call__(self, rows: Sequence[Row]) -> Batch:
        indices, values, labels = zip(*rows, strict=True)
        x = self.zeros(len(rows), self.width)
        numbers = np.repeat(np.arange(len(rows)), [len(row) for row in indices])
        x.numpy()[numbers, np.concatenate(indices)] = np.concatenate(values)
        return {"x": x, "y": torch.from_numpy(np.array(labels))}


State = tuple[CsrRows, Rows]


def setup(data: CsrRows) -> State:
    return data, Rows(data)


def epoch(
    state: State,
    number: int,
    *,
    zeros: Callable[[int, int], torch.Tensor] = torch_zeros,
) -> Iterator[Batch]:
    data, rows = state
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    loader: DataLoader[Row] = DataLoader(
        rows, data.batch_size, sampler=order.tolist(), collate_fn=Expand(data.width, zeros)
    )
    yield from loader
