"""The rows of a dataset as columns to be written: as they are stored, whatever layouts show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headrace.column_rows import ColumnRows
from headrace.dataset_rows import Rows
from headrace.schema import Field

_STEP_BYTES = 16 * 10**6


def steps(dataset: Rows) -> Iterator[dict[str, ColumnRows]]:
    """Yields all rows in their order, some megabytes at a time."""
    stored = dataset._as_stored()
    core, total = stored._core, len(stored)
    rows = max(1, _STEP_BYTES * total // max(1, core.nbytes))
    for first in range(0, total, rows):
        count = min(rows, total - first)
        read = core.read_slice(first, count, 1, bfloat16_bits=True)
        yield {
            field.name: _column(field, count, part)
            for field, part in zip(stored.schema.values(), read, strict=True)
        }


def _column(field: Field, count: int, read: Any) -> ColumnRows:
    if field.is_tensor:
        return ColumnRows(field, count, read)
    offsets, values, indices, _ = read
    return ColumnRows(field, count, values, offsets, indices)
