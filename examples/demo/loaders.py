"""Three ways to shuffled batches (x float32, y int64): as usually written, the best by hand, ours.

Each has `epoch(number)`, which yields the batches, shuffled anew for each number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

import headrace as hr

Batch = tuple[torch.Tensor, torch.Tensor]
Rows = npt.NDArray[np.int64]
Gather = Callable[[Rows], Batch]


class EpochLoader(Protocol):
    """What the training loop needs of a loader."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        ...


class AsUsuallyWritten:
    """A Dataset of rows and torch's DataLoader: row by row, on a part of the rows."""

    def __init__(self, dataset: Dataset[Batch], *, batch_size: int, seed: int, rows: Rows) -> None:
        self._generator = torch.Generator()
        self._seed = seed
        self._loader = DataLoader(
            Subset(dataset, rows.tolist()),
            batch_size=batch_size,
            shuffle=True,
            generator=self._generator,
        )

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        self._generator.manual_seed(self._seed * 1_000_003 + number)
        for x, y in self._loader:
            yield x.float(), y.long()


class _WholeBatches(Dataset[Batch]):
    """A dataset whose index is a whole batch of rows."""

    def __init__(self, gather: Gather, rows: int) -> None:
        self._gather = gather
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: Rows) -> Batch:
        return self._gather(rows)


class ShuffledBatches(Sampler[Rows]):
    """A batch sampler that hands out slices of a permutation.

    torch's BatchSampler makes a list of Python integers of the same rows, which costs a third of
    the loader's speed here.
    """

    def __init__(self, rows: int, *, batch_size: int, generator: torch.Generator) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._generator = generator

    def __len__(self) -> int:
        return len(range(0, self._rows, self._batch_size))

    def __iter__(self) -> Iterator[Rows]:
        order: Rows = torch.randperm(self._rows, generator=self._generator).numpy()
        for first in range(0, self._rows, self._batch_size):
            yield order[first : first + self._batch_size]


class BestByHand:
    """A batch sampler and batch_size=None: whole batches by one gather, nothing to collate.

    Without worker processes: with one or two of them, each batch is copied between processes, and
    the loader is several times slower.
    """

    def __init__(self, gather: Gather, rows: int, *, batch_size: int, seed: int) -> None:
        self._generator = torch.Generator()
        self._seed = seed
        sampler = ShuffledBatches(rows, batch_size=batch_size, generator=self._generator)
        self._loader = DataLoader(_WholeBatches(gather, rows), sampler=sampler, batch_size=None)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        self._generator.manual_seed(self._seed * 1_000_003 + number)
        yield from self._loader


class Headrace:
    """hr.Loader."""

    def __init__(self, dataset: hr.Dataset, *, batch_size: int, seed: int) -> None:
        self._loader = hr.Loader(dataset, batch_size=batch_size, shuffle=True, seed=seed)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        self._loader.set_epoch(number)
        for batch in self._loader:
            yield batch["x"], batch["y"]
