"""Files that are not in memory: rows of one column that carry their number, and a timed pass.

Row r is `width` float32 values: first its number r, exact up to 2^24, then features as in
harness/data.py. There is no second column, so that a row costs one read of the device.
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import cache
from harness.data import (
    Batch,
    Data,
    WrongAnswerError,
    check_dense,
    check_labels,
    features_of,
)
from harness.hold import available_bytes
from harness.library import Library, Measurement

_MOST_ROWS = 1 << 24
_CHUNK_ROWS = 8192
_FIRST_SECONDS = 2.0
# One batch of so many is kept and compared in full after the pass.
_KEPT_EVERY = 512
_PROOFS = 3
_WARM_ROWS = 2048


@dataclass(frozen=True)
class ColdRows(Data, ABC):
    """Rows of one column, "x", in files, that carry their numbers."""

    @abstractmethod
    def row_files(self) -> list[Path]:
        """Returns the files, in order."""

    @abstractmethod
    def proofs(self, x: Any) -> NDArray[np.float32]:
        """Returns of each row of a batch its number and two values that depend on it."""

    @abstractmethod
    def check_proofs(self, proofs: NDArray[np.float32]) -> None:
        """Checks what `proofs` gave; the numbers are those of rows.

        Raises:
            WrongAnswerError: a value is not that of the row with this number.
        """

    @abstractmethod
    def check_kept(self, x: Any) -> None:
        """Checks kind, shape and every value of a batch.

        Raises:
            WrongAnswerError: it is not what it should be.
        """


class NumberedRows(ColdRows):
    """Rows of float32 in raw files."""

    @property
    def directory(self) -> Path:
        """Where the files of this shape are; made by `write_files`."""
        return self.root / f"numbered-{self.rows}x{self.width}-files-{self.files}"

    def row_files(self) -> list[Path]:
        """Returns the files, in order."""
        return [self.directory / f"{number:06d}.memmap" for number in range(self.files)]

    def proofs(self, x: Any) -> NDArray[np.float32]:
        """Returns of each row its number, a value in its middle and its last one."""
        proofs: NDArray[np.float32] = x.numpy()[:, self._proof_columns()]
        return proofs

    def _proof_columns(self) -> list[int]:
        return [0, self.width // 2, self.width - 1]

    def check_proofs(self, proofs: NDArray[np.float32]) -> None:
        """Checks these three values."""
        numbers = proofs[:, 0].astype(np.int64)
        for place, column in enumerate(self._proof_columns()):
            if not np.array_equal(proofs[:, place], _column_of(numbers, column, self.width)):
                raise WrongAnswerError(f"wrong values in column {column}")

    def check_kept(self, x: Any) -> None:
        """Checks kind, shape and every value of a batch."""
        check_dense(x, len(x), self.width)
        found = x.numpy()
        if not np.array_equal(found, numbered_rows(found[:, 0].astype(np.int64), self.width)):
            raise WrongAnswerError("wrong values in a batch that was kept")

    def _write_into(self, folder: Path) -> None:
        if self.rows > _MOST_ROWS:
            raise ValueError(f"float32 numbers {_MOST_ROWS:,} rows at most, found {self.rows:,}")
        start = 0
        for path, rows in zip(self.row_files(), self.file_rows(), strict=True):
            with open(folder / path.name, "wb") as file:
                for first in range(start, start + rows, _CHUNK_ROWS):
                    last = min(first + _CHUNK_ROWS, start + rows)
                    numbered_rows(np.arange(first, last), self.width).tofile(file)
            start += rows


def numbered_rows(numbers: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """Returns the rows with these numbers, of shape (len(numbers), width)."""
    rows = features_of(numbers, width)
    rows[:, 0] = numbers
    return rows


class Watch:
    """A consumer that times a pass and copies of each row what proves it.

    Copied are its number, a value in its middle and its last one; a batch now and then is kept.
    That costs microseconds per batch, and the answer is checked when time no longer counts.
    """

    def __init__(self, data: ColdRows) -> None:
        self._data = data
        # A batch more than is due, so that a row too many is seen and reported.
        self._proofs = np.zeros((data.rows + data.batch_size, _PROOFS), np.float32)
        self._kept: list[Any] = []
        self.rows = 0
        self.first_rows = 0
        self.seconds = 0.0
        self.complete = True

    def consume(self, batches: Iterable[Batch], start: float, limit: float) -> None:
        """Takes batches until they end or `limit` seconds have gone by since `start`."""
        for number, batch in enumerate(batches):
            x = batch["x"]
            proofs = self._data.proofs(x)
            end = self.rows + len(proofs)
            self._proofs[self.rows : end] = proofs
            self.rows = end
            if number % _KEPT_EVERY == 0:
                self._kept.append(x)
            self.seconds = time.perf_counter() - start
            if self.seconds <= _FIRST_SECONDS:
                self.first_rows = end
            if limit and self.seconds >= limit:
                self.complete = False
                return

    def check(self, *, mixed: bool) -> int:
        """Checks what came and returns the checksum.

        Raises:
            WrongAnswerError: a row is wrong, missing, repeated, or batches do not mix the data.
        """
        proofs = self._proofs[: self.rows]
        numbers = proofs[:, 0].astype(np.int64)
        checksum = check_labels(numbers, self._data, complete=self.complete, mixed=mixed)
        self._data.check_proofs(proofs)
        for x in self._kept:
            self._data.check_kept(x)
        return checksum


def _column_of(numbers: NDArray[np.int64], column: int, width: int) -> NDArray[np.float32]:
    if column == 0:
        return numbers.astype(np.float32)
    position = numbers.astype(np.uint32) * np.uint32(width) + np.uint32(column)
    return ((position * np.uint32(2654435761)) >> np.uint32(8)).astype(np.float32)


def measure_cold(
    library: Library, data: ColdRows, *, pass_seconds: float, limit_seconds: float
) -> Measurement:
    """Runs one pass, or the limit of the device, from a page cache without the files.

    The clock runs from before `setup`. Before that a pass over a few rows of other files has
    imported what is imported late.
    """
    if library.limit is None:
        _warm(library, data)
    data.write_files()
    cache.drop(data.row_files())
    available = {"available_gib": available_bytes() / 2**30}
    if library.limit is not None:
        return Measurement(data.rows, False, 0, {**library.limit(data, limit_seconds), **available})
    watch = Watch(data)
    start = time.perf_counter()
    state = library.setup(data)
    watch.consume(library.epoch(state, 0), start, library.pass_seconds or pass_seconds)
    library.close(state)
    checksum = watch.check(mixed=library.mixed)
    metrics = {
        "rows_per_s": watch.rows / watch.seconds,
        "first_rows_per_s": watch.first_rows / min(watch.seconds, _FIRST_SECONDS),
        **available,
    }
    if watch.complete:
        metrics["seconds"] = watch.seconds
    else:
        print(f"stopped after {watch.rows:,} of {data.rows:,} rows", file=sys.stderr)
    return Measurement(watch.rows, watch.complete, checksum, metrics)


def _warm(library: Library, data: ColdRows) -> None:
    few = replace(data, rows=min(_WARM_ROWS, data.rows))
    few.write_files()
    watch = Watch(few)
    state = library.setup(few)
    watch.consume(library.epoch(state, 0), time.perf_counter(), 0.0)
    library.close(state)
    watch.check(mixed=library.mixed)
