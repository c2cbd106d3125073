"""Three loaders over a user's own files: as usually written, the best by hand, headrace.

Each has `epoch(number)`, which yields batches of one column, shuffled anew for each number.
"""

from __future__ import annotations

import glob
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

import headrace as hr
from arrow_rows import mapped_column
from dask_rows import joined
from loaders import Rows, ShuffledBatches
from turns import Deadline

Array = np.ndarray[Any, np.dtype[Any]]

# More rows than this the loaders by hand draw from a random part of all: a permutation as a list
# of Python integers, which torch's sampler makes, takes 36 bytes per row.
MOST_ROWS_BY_HAND = 1_000_000
_COMPARED = 64
_COMPARING_S = 3.0


class DataError(Exception):
    """DATA is nothing that can be measured."""


@dataclass(frozen=True)
class OwnFiles:
    """The user's files: .npy, raw with a dtype and the shape of a row, or a column of shards."""

    files: tuple[Path, ...]
    dtype: str | None = None
    row_shape: tuple[int, ...] = ()
    folder: Path | None = None  # of the shards
    column: str = ""

    def dataset(self) -> hr.Dataset:
        """Opens the files with headrace, which checks that they fit together."""
        if self.folder is not None:
            return hr.open(self.folder).select_columns([self.column]).rename({self.column: "x"})
        columns = {"x": [str(file) for file in self.files]}
        if self.dtype is None:
            return hr.open(columns)
        return hr.memmap(columns, dtype=self.dtype, row_shape=self.row_shape)

    def maps(self) -> list[Any]:
        """Maps the files with numpy (shards with pyarrow), read-only."""
        if self.folder is not None:
            return mapped_column(self.files, self.column)
        if self.dtype is None:
            return [np.load(file, mmap_mode="r") for file in self.files]
        return [
            np.memmap(file, dtype=self.dtype, mode="r").reshape(-1, *self.row_shape)
            for file in self.files
        ]


def find_files(data: str, *, dtype: str | None, row_shape: tuple[int, ...]) -> OwnFiles:
    """Returns the files that `data`, a glob, a folder or a file, names.

    Raises:
        DataError: There are none, or they are of a kind that cannot be read.
    """
    pattern = Path(data).expanduser()
    if (pattern / "manifests").is_dir():
        if dtype is not None:
            raise DataError(f"{pattern} is a dataset of shards, which say their dtypes; drop DTYPE")
        return find_shards(pattern)
    if pattern.is_dir():
        pattern = pattern / ("*.npy" if dtype is None else "*")
    found = sorted(Path(path) for path in glob.glob(str(pattern), recursive=True))
    files = tuple(path for path in found if path.is_file())
    if not files:
        raise DataError(
            f"no file matches {str(pattern)!r}; DATA is a glob in quotes, as in "
            "make demo DATA='/my/features/*.npy'"
        )
    foreign = [file for file in files if file.suffix != ".npy"]
    if dtype is None and foreign:
        raise DataError(
            f"{foreign[0]} is no .npy file ({len(foreign)} of {len(files)} are not); for raw files "
            "say what they hold: DTYPE=float32 ROW_SHAPE=128 (one number per row without "
            "ROW_SHAPE). Text, images and tables must be made into arrays first"
        )
    if dtype is not None and len(foreign) < len(files):
        npy = next(file for file in files if file.suffix == ".npy")
        raise DataError(f"{npy} is an .npy file, which says its dtype itself; drop DTYPE")
    return OwnFiles(files, dtype, row_shape)


def find_shards(folder: Path) -> OwnFiles:
    """Returns the shards of a dataset, and the largest column that numpy can map.

    Raises:
        DataError: There is no such column.
        hr.HeadraceError: The dataset cannot be opened.
    """
    dataset = hr.open(folder)
    fitting = [f for f in dataset.schema.values() if f.is_tensor and f.dtype != "bfloat16"]
    if not fitting:
        raise DataError(
            f"{folder} has no column whose rows have one shape and a dtype of numpy; that is what "
            f"the loaders by hand can read. Its columns: {dataset.schema}"
        )
    largest = max(fitting, key=lambda f: math.prod(f.row_shape) * np.dtype(f.dtype).itemsize)
    files = tuple(folder / "shards" / f"{sid}.arrow" for sid in dataset.shard_ids)
    return OwnFiles(files, folder=folder, column=largest.name)


def _rows_by_hand(rows: int, seed: int) -> Rows | None:
    if rows <= MOST_ROWS_BY_HAND:
        return None
    return np.random.default_rng(seed).choice(rows, MOST_ROWS_BY_HAND, replace=False)


class OneRow(Dataset[torch.Tensor]):
    """A row by its number: np.memmap, with dask to join several files, as tutorials have it."""

    def __init__(self, own: OwnFiles, rows: Rows | None, deadline: Deadline) -> None:
        maps = own.maps()
        self._lazy = len(maps) > 1
        self._rows = rows
        self._deadline = deadline
        self._data: Any = joined(maps) if self._lazy else maps[0]

    def __len__(self) -> int:
        return len(self._data if self._rows is None else self._rows)

    def __getitem__(self, idx: int) -> torch.Tensor:
        row = self._data[idx if self._rows is None else int(self._rows[idx])]
        found = torch.tensor(row.compute() if self._lazy else row)
        self._deadline.rows += 1
        self._deadline.check()
        return found


class AsUsuallyWritten:
    """A Dataset of rows and DataLoader(shuffle=True)."""

    def __init__(
        self, own: OwnFiles, deadline: Deadline, *, rows: int, batch_size: int, seed: int
    ) -> None:
        self._generator = torch.Generator()
        self._seed = seed
        self._loader = DataLoader(
            OneRow(own, _rows_by_hand(rows, seed), deadline),
            batch_size=batch_size,
            shuffle=True,
            generator=self._generator,
        )

    def epoch(self, number: int) -> Iterator[torch.Tensor]:
        """Yields the batches of one epoch."""
        self._generator.manual_seed(self._seed * 1_000_003 + number)
        yield from self._loader


class WholeBatch(Dataset[torch.Tensor]):
    """A batch by its rows: one gather for each file that it touches."""

    def __init__(self, own: OwnFiles, rows: Rows | None, deadline: Deadline) -> None:
        # Plain arrays over the maps: indexing np.memmap itself pays for a subclass each time.
        self._parts: list[Array] = [np.asarray(part) for part in own.maps()]
        self._starts = np.cumsum([0, *(len(part) for part in self._parts)])
        self._rows = rows
        self._deadline = deadline

    def __len__(self) -> int:
        return int(self._starts[-1]) if self._rows is None else len(self._rows)

    def __getitem__(self, indices: Rows) -> torch.Tensor:
        rows = np.sort(indices if self._rows is None else self._rows[indices])
        first = self._parts[0]
        batch = np.empty((len(rows), *first.shape[1:]), dtype=first.dtype)
        cuts = np.searchsorted(rows, self._starts)
        for file in np.flatnonzero(np.diff(cuts)):
            part = slice(cuts[file], cuts[file + 1])
            batch[part] = self._parts[file][rows[part] - self._starts[file]]
            self._deadline.check()
        return torch.from_numpy(batch)


class BestByHand:
    """Memory maps, a batch sampler, batch_size=None: whole batches, nothing to collate."""

    def __init__(
        self, own: OwnFiles, deadline: Deadline, *, rows: int, batch_size: int, seed: int
    ) -> None:
        dataset = WholeBatch(own, _rows_by_hand(rows, seed), deadline)
        self._generator = torch.Generator()
        self._seed = seed
        sampler: Sampler[Rows] = ShuffledBatches(
            len(dataset), batch_size=batch_size, generator=self._generator
        )
        self._loader = DataLoader(dataset, sampler=sampler, batch_size=None)

    def epoch(self, number: int) -> Iterator[torch.Tensor]:
        """Yields the batches of one epoch."""
        self._generator.manual_seed(self._seed * 1_000_003 + number)
        yield from self._loader


class Headrace:
    """hr.open (hr.memmap for raw files) and hr.Loader."""

    def __init__(
        self, own: OwnFiles, deadline: Deadline, *, rows: int, batch_size: int, seed: int
    ) -> None:
        self._loader = hr.Loader(own.dataset(), batch_size=batch_size, shuffle=True, seed=seed)

    def epoch(self, number: int) -> Iterator[torch.Tensor]:
        """Yields the batches of one epoch."""
        self._loader.set_epoch(number)
        for batch in self._loader:
            yield batch["x"]


def compare_rows(own: OwnFiles, *, rows: int, seed: int) -> int:
    """Compares random rows, bit by bit, as headrace and as numpy read them; returns how many.

    At most 64, and no more than a few seconds take: numpy's way to a cold row can be long.

    Raises:
        DataError: One differs.
    """
    maps, dataset = own.maps(), own.dataset()
    starts = np.cumsum([0, *(len(part) for part in maps)])
    begin = time.monotonic()
    for count, row in enumerate(np.random.default_rng(seed).integers(0, rows, _COMPARED).tolist()):
        if count and time.monotonic() - begin > _COMPARING_S:
            return count
        file = int(np.searchsorted(starts, row, side="right")) - 1
        ours = np.asarray(dataset[row]["x"])
        if ours.tobytes() != np.asarray(maps[file][row - starts[file]]).tobytes():
            raise DataError(f"row {row} differs between numpy and headrace; please report this")
    return _COMPARED
