"""The same training rows in three places, and for each the three ways to read them there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import Dataset, TensorDataset

import headrace as hr
from arrow_rows import Array
from dask_rows import joined
from loaders import AsUsuallyWritten, Batch, BestByHand, Gather, Headrace, Rows
from shards import Catalog

_FILES = 8


@dataclass(frozen=True)
class Situation:
    """Where the rows are, and what reads them.

    Attributes:
        usual: A row at a time, as usually written; `usual_is` says how.
        by_hand: A batch at a time, the best that a few lines do; `by_hand_is` says how.
        ours: The dataset of headrace.
    """

    rows: int
    usual: Dataset[Batch]
    usual_is: str
    by_hand: Gather
    by_hand_is: str
    ours: hr.Dataset

    def load_usually(self, rows: Rows, *, batch_size: int, seed: int) -> AsUsuallyWritten:
        """Returns the loader as usually written, of some of the rows."""
        return AsUsuallyWritten(self.usual, batch_size=batch_size, seed=seed, rows=rows)

    def load_by_hand(self, *, batch_size: int, seed: int) -> BestByHand:
        """Returns the best loader by hand."""
        return BestByHand(self.by_hand, self.rows, batch_size=batch_size, seed=seed)

    def load(self, *, batch_size: int, seed: int) -> Headrace:
        """Returns headrace's loader."""
        return Headrace(self.ours, batch_size=batch_size, seed=seed)


def open_training_rows(folder: Path) -> hr.Dataset:
    """Opens the shards to train on: what the model needs of sparse rows is said once, here."""
    return hr.open(folder / "train").with_layout(x="dense")


class SparseRows(Dataset[Batch]):
    """Rows of a matrix of scipy, made dense one by one."""

    def __init__(self, matrix: sparse.csr_matrix, targets: Array) -> None:
        self._matrix, self._targets = matrix, targets

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, row: int) -> Batch:
        return (
            torch.from_numpy(self._matrix[row].toarray()[0]),
            torch.tensor(self._targets[row]),
        )


def sparse_shards(catalog: Catalog) -> Situation:
    """Returns the shards as they were written; by hand, the same as one matrix in memory."""
    matrix, targets = catalog.matrix("train"), catalog.targets("train")

    def gather(rows: Rows) -> Batch:
        return torch.from_numpy(matrix[rows].toarray()), torch.from_numpy(targets[rows])

    return Situation(
        rows=len(targets),
        usual=SparseRows(matrix, targets),
        usual_is="a Dataset of scipy rows, each made dense",
        by_hand=gather,
        by_hand_is="scipy rows of a batch at once",
        ours=open_training_rows(catalog.folder),
    )


class MemmapDataset(Dataset[Batch]):
    """The widely read tutorial's dataset, repaired where it does not run.

    Repaired: `.compute()`, since torch.tensor() of a dask array raises TypeError.
    """

    def __init__(self, features: list[Array], targets: list[Array]) -> None:
        self.features: Any = joined(features)
        self.targets: Any = joined(targets)

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def __getitem__(self, idx: int) -> Batch:
        return (
            torch.tensor(self.features[idx].compute()),
            torch.tensor(self.targets[idx].compute()),
        )


def write_files(dataset: hr.Dataset, folder: Path) -> None:
    """Writes rows as dense .npy files: x/0.npy, y/0.npy, ..."""
    for name in ("x", "y"):
        (folder / name).mkdir(parents=True)
    cuts = np.linspace(0, len(dataset), _FILES + 1).astype(int).tolist()
    for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
        rows = dataset[begin:end]
        for name in ("x", "y"):
            np.save(folder / name / f"{number}.npy", rows[name])


def mapped_files(folder: Path) -> Situation:
    """Returns the rows in the files of a folder, memory-mapped."""
    features, targets = (
        [np.load(folder / name / f"{number}.npy", mmap_mode="r") for number in range(_FILES)]
        for name in ("x", "y")
    )
    starts = np.cumsum([0, *map(len, targets)])

    def gather(rows: Rows) -> Batch:
        # Sorted, a batch is one run for each file; its inner order changes nothing in training.
        rows = np.sort(rows)
        x = np.empty((len(rows), features[0].shape[1]), dtype=np.float32)
        y = np.empty(len(rows), dtype=np.int64)
        cuts = np.searchsorted(rows, starts)
        for file in np.flatnonzero(np.diff(cuts)):
            part = slice(cuts[file], cuts[file + 1])
            local = rows[part] - starts[file]
            x[part] = features[file][local]
            y[part] = targets[file][local]
        return torch.from_numpy(x), torch.from_numpy(y)

    return Situation(
        rows=int(starts[-1]),
        usual=MemmapDataset(features, targets),
        usual_is="np.memmap, dask, DataLoader: the tutorial's",
        by_hand=gather,
        by_hand_is="np.memmap, a batch at once",
        ours=hr.open({name: str(folder / name / "*.npy") for name in ("x", "y")}),
    )


def in_memory(folder: Path) -> Situation:
    """Returns the rows of the same files, in arrays."""
    x, y = (
        torch.from_numpy(
            np.concatenate([np.load(folder / name / f"{number}.npy") for number in range(_FILES)])
        )
        for name in ("x", "y")
    )

    def gather(rows: Rows) -> Batch:
        chosen = torch.from_numpy(rows)
        return x.index_select(0, chosen), y.index_select(0, chosen)

    return Situation(
        rows=len(y),
        usual=cast("Dataset[Batch]", TensorDataset(x, y)),
        usual_is="DataLoader(TensorDataset(x, y), shuffle=True)",
        by_hand=gather,
        by_hand_is="torch.randperm and index_select",
        ours=hr.from_arrays(x=x, y=y),
    )
