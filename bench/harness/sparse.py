"""Rows of a sparse matrix: what they are, as CSR arrays and files, and the check of a batch.

Row r has label r. Its stored columns ascend, one in each of as many equal strata as the row has
stored values, at a place drawn by splitmix64 of the value's position in the matrix. So no column
repeats, and a batch's expected content is scipy's `matrix[labels]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from harness.data import Data, WrongAnswerError, check_dense, splitmix64

_CHUNK_ROWS = 8192

Part = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Indices and values of some stored entries."""


@dataclass(frozen=True)
class CsrRows(Data):
    """The rows of one run as CSR: int64 indptr, int32 indices, float32 values.

    Attributes:
        least, most: stored values in a row.
        batch_layout: what a batch must hold, "dense" or "csr".
    """

    least: ClassVar[int]
    most: ClassVar[int]
    batch_layout: ClassVar[str] = "dense"

    @property
    def directory(self) -> Path:
        """Where the files of this shape are; made by `write_files`."""
        return self.root / f"csr-{self.rows}x{self.width}-stored-{self.least}-{self.most}"

    def indptr(self) -> NDArray[np.int64]:
        """Returns where each row starts, and the end."""
        spread = np.uint64(self.most - self.least + 1)
        stored = splitmix64(np.arange(self.rows)) % spread + np.uint64(self.least)
        return np.concatenate([[0], np.cumsum(stored)]).astype(np.int64)

    def entries(
        self, positions: NDArray[np.int64], numbers: NDArray[np.int64], stored: NDArray[np.int64]
    ) -> Part:
        """Returns indices and values at these positions of the matrix.

        Args:
            positions: counted from the first stored value of row 0.
            numbers: the same, counted within the row.
            stored: how many values the row has.
        """
        bits = splitmix64(positions)
        stratum = self.width // stored
        place = (bits >> np.uint64(16)).astype(np.int64) % stratum
        return (numbers * stratum + place).astype(np.int32), self.values_of(bits)

    def part(self, indptr: NDArray[np.int64], rows: NDArray[np.int64]) -> Part:
        """Returns indices and values of these rows."""
        stored = indptr[rows + 1] - indptr[rows]
        ends = np.cumsum(stored)
        numbers = np.arange(ends[-1]) - np.repeat(ends - stored, stored)
        positions = np.repeat(indptr[rows], stored) + numbers
        return self.entries(positions, numbers, np.repeat(stored, stored))

    def values_of(self, bits: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Returns the stored values whose mixed positions these are: 1 to 65,536."""
        return (bits & np.uint64(0xFFFF)).astype(np.float32) + np.float32(1)

    def _write_into(self, folder: Path) -> None:
        indptr = self.indptr()
        np.save(folder / "indptr.npy", indptr)
        arrays = {
            name: np.lib.format.open_memmap(
                folder / f"{name}.npy", mode="w+", dtype=dtype, shape=(int(indptr[-1]),)
            )
            for name, dtype in (("indices", np.int32), ("values", np.float32))
        }
        for start in range(0, self.rows, _CHUNK_ROWS):
            end = min(start + _CHUNK_ROWS, self.rows)
            inside = slice(indptr[start], indptr[end])
            part = self.part(indptr, np.arange(start, end))
            arrays["indices"][inside], arrays["values"][inside] = part

    @cached_property
    def matrix(self) -> csr_matrix:
        """The rows in memory; made once, so that a library and the check share them."""
        self.write_files()
        values, indices, indptr = (
            np.load(self.directory / f"{name}.npy") for name in ("values", "indices", "indptr")
        )
        matrix = csr_matrix((values, indices, indptr), shape=(self.rows, self.width))
        matrix.has_canonical_format = True
        return matrix

    def labels(self) -> NDArray[np.int64]:
        """Returns the label of each row."""
        return np.arange(self.rows, dtype=np.int64)

    def arrays(self) -> tuple[Any, NDArray[np.int64]]:
        """Returns the matrix and the labels."""
        return self.matrix, self.labels()

    def warm_files(self) -> None:
        """Does nothing: what is read is in memory."""

    def check_x(self, x: Any, labels: NDArray[np.int64]) -> None:
        """Checks a batch against scipy's rows: every stored value, and that there is no other.

        Raises:
            WrongAnswerError: something else was delivered.
        """
        expected = self.matrix[labels]
        if self.batch_layout == "csr":
            _check_csr(x, expected)
            return
        check_dense(x, len(labels), self.width)
        rows = np.repeat(np.arange(len(labels)), np.diff(expected.indptr))
        if not np.array_equal(x.numpy()[rows, expected.indices], expected.data):
            raise WrongAnswerError("a stored value is wrong or missing in a dense batch")
        if int(torch.count_nonzero(x)) != expected.nnz:
            raise WrongAnswerError("a dense batch has a value where none is stored")


def _check_csr(x: Any, expected: csr_matrix) -> None:
    if isinstance(x, torch.Tensor):
        if x.layout != torch.sparse_csr:
            raise WrongAnswerError(f"expected a sparse_csr tensor, found {x.layout}")
        parts = [part.numpy() for part in (x.crow_indices(), x.col_indices(), x.values())]
    else:
        if getattr(x, "format", None) != "csr":
            raise WrongAnswerError(f"expected a csr matrix, found {type(x)}")
        parts = [x.indptr, x.indices, x.data]
    if tuple(x.shape) != expected.shape or parts[2].dtype != np.float32:
        raise WrongAnswerError(f"found {parts[2].dtype} of shape {tuple(x.shape)}")
    wanted = (expected.indptr, expected.indices, expected.data)
    for name, part, want in zip(("indptr", "indices", "values"), parts, wanted, strict=True):
        if not np.array_equal(part, want):
            raise WrongAnswerError(f"wrong {name} in a csr batch")


class ValuedRows(CsrRows):
    """About 600 values in a row, as counts of genes in cells have them."""

    least, most = 400, 800


class ValuedRowsAsCsr(ValuedRows):
    """The same, delivered as CSR."""

    batch_layout = "csr"


def padded_rows(
    indices: NDArray[Any], stored: NDArray[Any], width: int, dtype: Any, pad: int
) -> NDArray[Any]:
    """Returns rows of so many stored indices each as an array, filled up with `pad`."""
    inside = np.arange(width) < stored[:, None]
    padded = np.full(inside.shape, pad, dtype)
    padded[inside] = indices
    return padded


class BinaryRows(CsrRows):
    """The tutorial's rows: 16 nonzero columns on average, all of value 1; also as padded indices.

    `padded_file` holds them as the tutorial would: float64, 24 places in a row, of which those
    that the row does not need hold -1.
    """

    least, most = 8, 24

    def values_of(self, bits: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Returns ones."""
        return np.ones(len(bits), np.float32)

    def padded_file(self) -> Path:
        """Returns the file of padded indices, of shape (rows, most)."""
        return self.directory / "padded.memmap"

    def _write_into(self, folder: Path) -> None:
        super()._write_into(folder)
        indptr = self.indptr()
        with open(folder / self.padded_file().name, "wb") as file:
            for start in range(0, self.rows, _CHUNK_ROWS):
                rows = np.arange(start, min(start + _CHUNK_ROWS, self.rows))
                indices, _ = self.part(indptr, rows)
                stored = indptr[rows + 1] - indptr[rows]
                padded_rows(indices, stored, self.most, np.float64, -1).tofile(file)


def torch_zeros(rows: int, width: int) -> torch.Tensor:
    """Returns zeros in torch's memory: pages of 4 KiB, fresh for every batch of this size."""
    return torch.zeros(rows, width)


def numpy_zeros(rows: int, width: int) -> torch.Tensor:
    """Returns zeros in numpy's memory, for which it asks the kernel for huge pages."""
    return torch.from_numpy(np.zeros((rows, width), np.float32))
