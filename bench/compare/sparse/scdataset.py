"""scDataset over the scipy matrix: exact shuffle, torch.tensor of toarray per batch.

16 batches a fetch, its default. BlockShuffling(block_size=1) is the exact shuffle; larger blocks
pay on a disk, not in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from scdataset import BlockShuffling, scDataset
from torch.utils.data import DataLoader

from harness.data import Batch
from harness.sparse import CsrRows

PACKAGE = "scdataset"
PASS_ROWS = 32_768  # whole fetches


@dataclass
class Fetch:
    """Its two callbacks: rows of matrix and labels by sorted numbers, then a batch of them."""

    x: Any
    y: Any
    to_tensor: Callable[[Any], torch.Tensor] = torch.tensor

    def rows(self, _: Any, numbers: Any) -> tuple[Any, Any]:
        return self.x[numbers], self.y[numbers]

    def batch(self, fetched: tuple[Any, Any], places: Any) -> Batch:
        x, y = fetched
        return {"x": self.to_tensor(x[places].toarray()), "y": self.to_tensor(y[places])}


State = tuple[Fetch, CsrRows]


def setup(data: CsrRows) -> State:
    return Fetch(*data.arrays()), data


def epoch(state: State, number: int) -> Iterator[Batch]:
    fetch, data = state
    rows = scDataset(
        fetch.y,
        BlockShuffling(block_size=1),
        batch_size=data.batch_size,
        fetch_callback=fetch.rows,
        batch_callback=fetch.batch,
        seed=data.seed * 1_000 + number,
    )
    loader: DataLoader[Batch] = DataLoader(rows, batch_size=None)
    return itertools.islice(loader, PASS_ROWS // data.batch_size)
