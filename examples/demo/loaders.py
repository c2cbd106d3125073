"""Three loaders over the same mapped shards: as usually written, the best by hand, headrace.

Each has `epoch(number)`, which yields batches (x float32, y int64), shuffled anew for each number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import dask.array as da
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

import headrace as hr
from arrow_rows import Array
from features import COLUMNS
from shards import Catalog

Batch = tuple[torch.Tensor, torch.Tensor]
Rows = npt.NDArray[np.int64]


class EpochLoader(Protocol):
    """What the training loop needs of a loader."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        ...


class MemmapDataset(Dataset[Batch]):
    """The widely read tutorial's dataset, repaired where it does not run.

    Repaired: `.compute()`, since torch.tensor() of a dask array raises TypeError. The arrays are
    memory maps as the tutorial's are, opened by pyarrow, since the rows lie in Arrow files.
    """

    def __init__(self, features: list[Array], targets: list[Array]) -> None:
        self.features: Any = da.concatenate(features, axis=0)
        self.targets: Any = da.concatenate(targets, axis=0)

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def __getitem__(self, idx: int) -> Batch:
        return (
            torch.tensor(self.features[idx].compute()),
            torch.tensor(self.targets[idx].compute()),
        )


class AsUsuallyWritten:
    """Memory maps, dask concatenate, DataLoader: row by row."""

    def __init__(
        self, catalog: Catalog, *, batch_size: int, seed: int, rows: Rows | None = None
    ) -> None:
        dataset: Dataset[Batch] = MemmapDataset(
            catalog.arrays("train", "x"), catalog.arrays("train", "y")
        )
        if rows is not None:
            dataset = Subset(dataset, rows.tolist())
        self._generator = torch.Generator()
        self._seed = seed
        self._loader = DataLoader(
            dataset, batch_size=batch_size, shuffle=True, generator=self._generator
        )

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        self._generator.manual_seed(self._seed * 1_000_003 + number)
        for x, y in self._loader:
            yield x.float(), y.long()


class BatchDataset(Dataset[Batch]):
    """A dataset whose index is a whole batch of rows: one gather for each array it touches."""

    def __init__(self, catalog: Catalog, rows: Rows | None = None) -> None:
        self._features = catalog.arrays("train", "x")
        self._targets = catalog.arrays("train", "y")
        self._starts = np.cumsum([0, *(len(targets) for targets in self._targets)])
        self._rows = np.arange(self._starts[-1]) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, indices: Rows) -> Batch:
        # Sorted, a batch is one run for each array; its inner order changes nothing in training.
        rows = np.sort(self._rows[indices])
        x = np.empty((len(rows), COLUMNS), dtype=np.float32)
        y = np.empty(len(rows), dtype=np.int64)
        cuts = np.searchsorted(rows, self._starts)
        for array in np.flatnonzero(np.diff(cuts)):
            part = slice(cuts[array], cuts[array + 1])
            local = rows[part] - self._starts[array]
            x[part] = self._features[array][local]
            y[part] = self._targets[array][local]
        return torch.from_numpy(x), torch.from_numpy(y)


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
    """Memory maps, a batch sampler, batch_size=None: whole batches, nothing to collate.

    Without worker processes: with one or two of them, each batch of 512 KiB is copied between
    processes, and the loader is five times slower.
    """

    def __init__(
        self, catalog: Catalog, *, batch_size: int, seed: int, rows: Rows | None = None
    ) -> None:
        dataset = BatchDataset(catalog, rows)
        self._generator = torch.Generator()
        self._seed = seed
        sampler = ShuffledBatches(len(dataset), batch_size=batch_size, generator=self._generator)
        self._loader = DataLoader(dataset, sampler=sampler, batch_size=None)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        self._generator.manual_seed(self._seed * 1_000_003 + number)
        yield from self._loader


def open_training_rows(catalog: Catalog) -> hr.Dataset:
    """Opens the training shards with headrace; what the model needs is said once, here."""
    return hr.open(catalog.folder / "train").cast(x="float32")


class Headrace:
    """hr.open and hr.Loader."""

    def __init__(
        self, catalog: Catalog, *, batch_size: int, seed: int, rows: Rows | None = None
    ) -> None:
        dataset = open_training_rows(catalog)
        if rows is not None:
            dataset = dataset.subset(rows)
        self._loader = hr.Loader(dataset, batch_size=batch_size, shuffle=True, seed=seed)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yields the batches of one epoch."""
        self._loader.set_epoch(number)
        for batch in self._loader:
            yield batch["x"], batch["y"]
