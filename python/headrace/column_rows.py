"""The rows of one column as the core takes them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headrace import advice
from headrace.errors import InvalidError
from headrace.schema import Field

CoreRows: TypeAlias = tuple[
    int, NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None
]  # rows, values, offsets, indices


@dataclass(frozen=True)
class ColumnRows:
    """Rows of one column in arrays that are the user's own wherever that was possible.

    Attributes:
        field: What a row is.
        rows: How many there are.
        values: Of a tensor, one row after another, perhaps strided; of the other kinds, all
            elements; None of binary csr. bfloat16 is held as its bits.
        offsets: Where rows begin and end in `values` or `indices`, int32 or int64; of tensors None.
        indices: Of csr.
        valid: Which rows are no nulls, where nulls were filled.
        checked: Whether the core made these arrays itself and nobody else has them, so that a
            dataset of them need not look at every row again.
    """

    field: Field
    rows: int
    values: NDArray[Any] | None
    offsets: NDArray[Any] | None = None
    indices: NDArray[Any] | None = None
    valid: NDArray[np.bool_] | None = None
    checked: bool = False

    def with_validity(self, valid: NDArray[np.bool_]) -> ColumnRows:
        """Returns the rows, of which those that are not `valid` were nulls."""
        return replace(self, valid=valid)

    def slice(self, start: int, stop: int) -> ColumnRows:
        """Returns rows [start, stop), over the same memory."""
        rows = stop - start
        if self.offsets is not None:
            return replace(self, rows=rows, offsets=self.offsets[start : stop + 1])
        values = None if self.values is None else self.values[start:stop]
        return replace(self, rows=rows, values=values)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows; what else the arrays hold, before and behind them, does not count."""
        elements = (self.values, self.indices)
        parts = [part for part in elements if part is not None]
        if self.offsets is None:
            return sum(part.nbytes for part in parts)
        used = int(self.offsets[-1]) - int(self.offsets[0])
        sizes = [part.itemsize * math.prod(part.shape[1:]) for part in parts]
        return self.offsets.nbytes + used * sum(sizes)

    @property
    def in_place(self) -> bool:
        """Whether to_core copies nothing."""
        parts = (self.values, self.offsets, self.indices)
        return all(part is None or part.flags.c_contiguous for part in parts)

    def to_core(self) -> CoreRows:
        """Returns the rows as the core takes them."""
        values, offsets, indices = (
            None if part is None else np.ascontiguousarray(part)
            for part in (self.values, self.offsets, self.indices)
        )
        return self.rows, values, offsets, indices


def null_error(name: str, nulls: int, rows: int) -> InvalidError:
    """Returns the error for nulls that nothing stands in for."""
    return InvalidError(
        f"column {name!r} has {nulls} null value{'s' if nulls > 1 else ''} in {rows} rows, and "
        "columns hold none",
        advice=advice.fill(name).within(
            f"pass {{}}, which also writes which rows are valid as column {name + '_valid'!r}, or "
            "drop these rows"
        ),
        column=name,
    )
