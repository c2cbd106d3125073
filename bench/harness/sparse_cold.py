"""Sparse rows in shards that are not in memory.

The first stored value of row r is its number r, so that a row proves itself without a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import headrace as hr
from harness.cold import ColdRows
from harness.data import WrongAnswerError
from harness.sparse import ValuedRows

_MOST_ROWS = 1 << 24
_CHUNK_ROWS = 8192


@dataclass(frozen=True)
class CsrShards(ColdRows, ValuedRows):
    """Rows of about 600 values in `files` shards, to be delivered as CSR."""

    @property
    def directory(self) -> Path:
        """Where the shards are; made by `write_files`."""
        return self.root / f"shards-csr-{self.rows}x{self.width}-files-{self.files}"

    def row_files(self) -> list[Path]:
        """Returns the shards."""
        return sorted((self.directory / "shards").glob("*.arrow"))

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return self.indptr()

    def numbered(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Returns the rows with these numbers as indptr, indices and values."""
        indices, values = self.part(self._starts, rows)
        stored = self._starts[rows + 1] - self._starts[rows]
        indptr = np.concatenate([[0], np.cumsum(stored)])
        values[indptr[:-1]] = rows
        return indptr, indices, values

    def _write_into(self, folder: Path) -> None:
        if self.rows > _MOST_ROWS:
            raise ValueError(f"float32 numbers {_MOST_ROWS:,} rows at most, found {self.rows:,}")
        start = 0
        for rows in self.file_rows():
            with hr.Writer(folder, shard_bytes="100GB") as writer:
                for first in range(start, start + rows, _CHUNK_ROWS):
                    last = min(first + _CHUNK_ROWS, start + rows)
                    indptr, indices, values = self.numbered(np.arange(first, last))
                    writer.write(
                        x=hr.csr(indptr=indptr, indices=indices, values=values, columns=self.width)
                    )
            start += rows

    def proofs(self, x: Any) -> NDArray[np.float32]:
        """Returns of each row its number, its last value and the column of that."""
        ends = x.crow_indices().numpy()
        values, columns = x.values().numpy(), x.col_indices().numpy()
        return np.stack([values[ends[:-1]], values[ends[1:] - 1], columns[ends[1:] - 1]], axis=1)

    def check_proofs(self, proofs: NDArray[np.float32]) -> None:
        """Checks these three values."""
        numbers = proofs[:, 0].astype(np.int64)
        ends = self._starts[numbers + 1]
        stored = ends - self._starts[numbers]
        columns, values = self.entries(ends - 1, stored - 1, stored)
        if not np.array_equal(proofs[:, 1], values) or not np.array_equal(proofs[:, 2], columns):
            raise WrongAnswerError("the last entry of a row is wrong")

    def check_kept(self, x: Any) -> None:
        """Checks kind, shape and every entry of a batch."""
        if not isinstance(x, torch.Tensor) or x.layout != torch.sparse_csr:
            raise WrongAnswerError(f"expected sparse_csr tensors, found {type(x)}")
        found = [part.numpy() for part in (x.crow_indices(), x.col_indices(), x.values())]
        expected = self.numbered(found[2][found[0][:-1]].astype(np.int64))
        if x.shape[1] != self.width or found[2].dtype != np.float32:
            raise WrongAnswerError(f"found {found[2].dtype} of shape {tuple(x.shape)}")
        for name, part, want in zip(("indptr", "indices", "values"), found, expected, strict=True):
            if not np.array_equal(part, want):
                raise WrongAnswerError(f"wrong {name} in a batch that was kept")
