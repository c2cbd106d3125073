"""Columns whose rows have any number of elements, as they are given to a writer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import torch_bridge
from headrace.array_rows import as_rows
from headrace.errors import HeadraceError, InvalidError
from headrace.row_values import RaggedList


class Ragged:
    """A ragged column, made by `ragged`: all elements, and where each row begins and ends."""

    __slots__ = ("offsets", "values")

    def __init__(self, values: Any, offsets: NDArray[np.int64] | NDArray[np.int32]) -> None:
        self.values = values
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"headrace.ragged(<{len(self)} rows of {self.values.dtype}>)"


def is_ragged(value: object) -> bool:
    """Whether it is a ragged column: marked by `ragged`, or several rows of a dataset."""
    return isinstance(value, Ragged | RaggedList)


def ragged(rows: object, *, offsets: object = None) -> Ragged:
    """Marks a column as ragged for `Writer`: its rows have any number of elements.

    Args:
        rows: One array or list per row; or, with `offsets`, all elements in one array. An element
            is a number, or a tensor of one shape.
        offsets: Row i is ``rows[offsets[i]:offsets[i + 1]]``; one more than there are rows.

    Raises:
        InvalidError: If the elements differ in dtype or shape, or the offsets are no offsets.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.ragged([[1, 2, 3], [], [4]]).offsets.tolist()
        [0, 3, 3, 4]
        >>> hr.ragged(np.arange(4.0), offsets=[0, 3, 3, 4])
        headrace.ragged(<3 rows of float64>)
    """
    if offsets is not None and not isinstance(rows, Ragged):
        return Ragged(as_rows("values", rows), _as_offsets(offsets))
    return rows_of(rows, what="ragged", instead="all elements in one array, and offsets=")


def rows_of(rows: object, *, what: str, instead: str) -> Ragged:
    """Returns a list of rows as `ragged` does; `what` takes it, or `instead`, say messages."""
    if isinstance(rows, Ragged):
        return rows
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise InvalidError(
            f"{what} takes a list with an array or a list for each row, not a "
            f"{type(rows).__name__}; or {instead}"
        )
    return _join(rows, what)


def _as_offsets(offsets: object) -> NDArray[np.int64] | NDArray[np.int32]:
    array: NDArray[Any] = np.asarray(offsets)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InvalidError(
            "the offsets of ragged are a list of integers, one more than there are rows; found "
            f"{array.dtype} of shape {array.shape}"
        )
    if array.dtype == np.int32:
        return np.ascontiguousarray(array, np.int32)
    return np.ascontiguousarray(array, np.int64)


def _join(rows: Sequence[Any], what: str) -> Ragged:
    values = _join_lists(rows)
    if values is not None:
        return Ragged(values, _offsets_of(rows))
    if not all(torch_bridge.is_tensor(row) for row in rows):
        lists = all(isinstance(row, list | tuple) for row in rows)
        rows = [
            row if type(row) is np.ndarray and row.ndim else _as_row(number, row, what)
            for number, row in enumerate(rows)
        ]
        filled = [row for row in rows if len(row)]
        if lists and filled:  # Python's numbers have no dtype of their own
            dtype = np.result_type(*filled)
            rows = [row.astype(dtype) for row in rows]
    numbered = [(number, row) for number, row in enumerate(rows) if len(row)]
    if not numbered:
        first = rows[0] if len(rows) else np.empty(0, np.float64)
        return Ragged(first, np.zeros(len(rows) + 1, np.int64))
    number, first = numbered[0]
    for other, row in numbered:
        if row.dtype != first.dtype or row.shape[1:] != first.shape[1:]:
            raise InvalidError(
                f"the rows of {what} need elements of one dtype and shape; row {number} has "
                f"{first.dtype}{list(first.shape[1:])} and row {other} has "
                f"{row.dtype}{list(row.shape[1:])}; give arrays of one dtype"
            )
    parts = [row for _, row in numbered]
    values = torch_bridge.join(parts) if torch_bridge.is_tensor(first) else np.concatenate(parts)
    return Ragged(values, _offsets_of(rows))


def _offsets_of(rows: Sequence[Any]) -> NDArray[np.int64]:
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
    return offsets


def _join_lists(rows: Sequence[Any]) -> NDArray[Any] | None:
    """Returns the elements of lists of numbers at once; None for other rows, and wrong ones."""
    if not all(type(row) is list or type(row) is tuple for row in rows):
        return None
    elements = list(itertools.chain.from_iterable(rows))
    if not elements or torch_bridge.is_tensor(elements[0]):
        return None
    try:
        values = np.array(elements)
    except ValueError:
        return None
    return values if values.dtype.kind in "biuf" else None


def _as_row(number: int, row: object, what: str) -> NDArray[Any]:
    if isinstance(row, list | tuple) and not row:
        return np.empty(0)
    if isinstance(row, list | tuple) and any(isinstance(one, str | bytes) for one in row):
        raise InvalidError(
            f"row {number} of {what} has text among its elements, which are numbers; "
            "hr.text.Hasher makes sparse rows of numbers of texts",
            row=number,
        )
    name = f"row {number}"
    try:
        return np.asarray(as_rows(name, row))
    except HeadraceError as error:
        raise error.not_of_a_column(f"row {number} of {what}") from None
