"""Sparse rows as text: a file in svmlight format, and how fast it is read.

A library of this kind has `read(path) -> (x, y)`, a matrix of scipy in CSR layout and labels, of
which every number is checked; or `count(path) -> (rows, columns, stored values)`, where it keeps
its own form and only these are.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness import process
from harness.data import WrongAnswerError, checksum_of, write_once
from harness.library import Library, Measurement
from harness.sparse import CsrRows

_CHUNK_ROWS = 8192


@dataclass(frozen=True)
class SvmlightRows(CsrRows):
    """Rows of 60 to 90 values of six decimals, columns counted from 1, labels of -1 and 1."""

    least: ClassVar[int] = 60
    most: ClassVar[int] = 90

    @property
    def directory(self) -> Path:
        """Where the file is; made by `write_files`."""
        return self.root / f"csr-{self.rows}x{self.width}-svmlight"

    @property
    def path(self) -> Path:
        """The file."""
        return self.directory / "rows.svm"

    def values_of(self, bits: NDArray[np.uint64]) -> NDArray[Any]:
        """Returns the values: millionths, as the nearest float64."""
        return (bits & np.uint64(0xFFFFF)).astype(np.float64) / 1e6

    def labels(self) -> NDArray[np.int64]:
        """Returns the label of each row: -1 or 1."""
        return np.arange(self.rows, dtype=np.int64) % 2 * 2 - 1

    def write_files(self) -> None:
        """Writes the file, once."""
        write_once(self.directory, self._write_text)

    def _write_text(self, folder: Path) -> None:
        indptr, labels = self.indptr(), self.labels()
        with open(folder / "rows.svm", "w") as file:
            for start in range(0, self.rows, _CHUNK_ROWS):
                rows = np.arange(start, min(start + _CHUNK_ROWS, self.rows))
                indices, values = self.part(indptr, rows)
                numbers = np.stack([indices + 1.0, values], axis=1).ravel().tolist()
                at = 0
                for row in rows.tolist():
                    stored = int(indptr[row + 1] - indptr[row])
                    pairs = " %d:%.6f" * stored % tuple(numbers[at : at + 2 * stored])
                    file.write(f"{labels[row]}{pairs}\n")
                    at += 2 * stored

    def shape(self) -> tuple[int, int]:
        """Returns how many rows the file has, and how wide its largest index makes them."""
        indptr, width = self.indptr(), 0
        for start in range(0, self.rows, _CHUNK_ROWS):
            rows = np.arange(start, min(start + _CHUNK_ROWS, self.rows))
            width = max(width, int(self.part(indptr, rows)[0].max()) + 1)
        return self.rows, width

    def check(self, x: Any, y: Any) -> None:
        """Checks every number.

        Raises:
            WrongAnswerError: something else was read.
        """
        indptr = self.indptr()
        if x.shape != self.shape() or not np.array_equal(x.indptr, indptr):
            raise WrongAnswerError(f"expected a shape of {self.shape()}, found {x.shape}")
        if not np.array_equal(y, self.labels()):
            raise WrongAnswerError("a label is wrong")
        for start in range(0, self.rows, _CHUNK_ROWS):
            rows = np.arange(start, min(start + _CHUNK_ROWS, self.rows))
            indices, values = self.part(indptr, rows)
            inside = slice(indptr[rows[0]], indptr[rows[-1] + 1])
            same = np.array_equal(x.data[inside], values.astype(x.data.dtype))
            if not same or not np.array_equal(x.indices[inside], indices):
                raise WrongAnswerError(f"a number in the rows from {start} on is wrong")


def measure_svmlight(library: Library, data: Any) -> Measurement:
    """Times one read of the file, in the page cache, and checks what was read."""
    assert isinstance(data, SvmlightRows)
    data.write_files()
    size = os.stat(data.path).st_size
    with open(data.path, "rb") as file:
        while file.read(1 << 24):
            pass
    count = getattr(library.module, "count", None)
    process.back_memory(2 * size)
    start = time.perf_counter()
    found = library.module.read(data.path) if count is None else count(data.path)
    seconds = time.perf_counter() - start
    if count is None:
        x, y = library.module.as_scipy(found) if hasattr(library.module, "as_scipy") else found
        data.check(x, y)
    elif found != (*data.shape(), int(data.indptr()[-1])):
        raise WrongAnswerError(f"found (rows, columns, stored values) of {found}")
    metrics = {"mb_per_s": size / 1e6 / seconds, "seconds": seconds}
    return Measurement(data.rows, True, checksum_of(np.arange(data.rows)), metrics)
