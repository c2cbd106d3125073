"""Columns that grow by rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_FIRST_BYTES = 2**20
_LARGEST_BYTES = 2**26


class RowBlocks:
    """Rows copied one after the other into blocks of memory, equally cut in all columns.

    A full block is followed by another instead of being copied into a larger one: there is never
    more memory than the rows and one block. Where the number of rows is known, they are one block.
    """

    def __init__(
        self, columns: Sequence[tuple[Any, tuple[int, ...]]], *, rows: int | None = None
    ) -> None:
        """Takes the dtype and the row shape of each column, and how many rows are expected."""
        self._columns = columns
        self._row_bytes = max(1, sum(_row_bytes(dtype, shape) for dtype, shape in columns))
        self._full: list[list[Any]] = []
        self._next_bytes = _FIRST_BYTES
        self._start(rows if rows is not None else self._next_capacity())

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(len(block[0]) for block in self._full) + self._filled

    def append_row(self, values: Sequence[Any]) -> None:
        """Copies one row: for each column an array of its dtype and row shape."""
        if self._filled == self._capacity:
            self._finish()
        for column, value in zip(self._block, values, strict=True):
            column[self._filled] = value
        self._filled += 1

    def append_rows(self, values: Sequence[Any]) -> None:
        """Copies equally many rows of each column."""
        taken, count = 0, len(values[0])
        while taken < count:
            if self._filled == self._capacity:
                self._finish()
            more = min(count - taken, self._capacity - self._filled)
            for column, value in zip(self._block, values, strict=True):
                column[self._filled : self._filled + more] = value[taken : taken + more]
            self._filled += more
            taken += more

    def columns(self) -> list[list[Any]]:
        """Returns the blocks of each column; the rows must be complete."""
        last = [column[: self._filled] for column in self._block]
        blocks = [*self._full, last] if self._filled or not self._full else self._full
        return [[block[c] for block in blocks] for c in range(len(self._columns))]

    def _start(self, capacity: int) -> None:
        self._capacity, self._filled = capacity, 0
        self._block = [np.empty((capacity, *shape), dtype) for dtype, shape in self._columns]

    def _finish(self) -> None:
        if self._filled:
            self._full.append(self._block)
        self._start(self._next_capacity())

    def _next_capacity(self) -> int:
        capacity = max(1, self._next_bytes // self._row_bytes)
        self._next_bytes = min(2 * self._next_bytes, _LARGEST_BYTES)
        return capacity


def _row_bytes(dtype: Any, shape: tuple[int, ...]) -> int:
    return int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))
