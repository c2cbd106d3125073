"""What stands between the brackets of a dataset or a column, turned into row numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import torch_bridge
from headrace.errors import InvalidError, RowIndexError

IndexArray = NDArray[np.int64]


def is_row_number(key: object) -> bool:
    """Whether `key` is one row number: an int, a numpy integer or a 0-d integer array."""
    if isinstance(key, (bool, np.bool_)):
        return False
    if isinstance(key, np.ndarray) or torch_bridge.is_tensor(key):
        return key.ndim == 0 and np.asarray(key).dtype.kind in "iu"
    return hasattr(key, "__index__")


def is_row_list(key: object) -> bool:
    """Whether `key` is a list or an array of row numbers, or a mask."""
    return isinstance(key, (list, range, np.ndarray)) or torch_bridge.is_tensor(key)


def row_number(key: Any, rows: int) -> int:
    """Returns the row that `key` names, negative numbers counting from the end.

    Raises:
        RowIndexError: If there is no such row.
    """
    index = operator.index(key)
    if not -rows <= index < rows:
        raise RowIndexError(
            f"row {index} is out of range for {rows} rows; rows are 0 to {rows - 1}, "
            f"or -{rows} to -1 from the end",
            row=index,
        )
    return index + rows if index < 0 else index


def row_range(key: slice, rows: int) -> tuple[int, int, int]:
    """Returns a slice as (start, count, step), with start = 0 and step = 1 where it is empty."""
    try:
        start, stop, step = key.indices(rows)
    except (TypeError, ValueError) as error:
        raise InvalidError(f"{key} is no slice of rows: {error}") from error
    count = len(range(start, stop, step))
    return (start, count, step) if count else (0, 0, 1)


def row_span(key: slice, rows: int) -> range:
    """Returns a slice as the range of its rows, which is range(0, 0) where it is empty."""
    start, count, step = row_range(key, rows)
    return range(start, start + count * step, step)


def row_numbers(key: Any, rows: int) -> IndexArray:
    """Returns the rows that a list, an index array or a mask names, in an array of its own.

    The result keeps the shape of an index array; a mask gives one dimension.

    Raises:
        InvalidError: If `key` holds no integers, or is a mask of another length.
        RowIndexError: If a row does not exist.
    """
    try:
        array = np.asarray(key)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidError(
            f"rows are named by a list of integers or a mask, not by {key!r}: {error}"
        ) from error
    if array.dtype == np.bool_:
        if array.shape != (rows,):
            raise InvalidError(
                f"the mask has shape {array.shape}; a mask needs one bool per row: ({rows},)"
            )
        return np.flatnonzero(array).astype(np.int64, copy=False)
    if array.size == 0:
        return np.empty(array.shape, np.int64)
    if array.dtype.kind == "U":
        raise InvalidError(
            f"rows are named by integers or a mask, not by {key!r}; for some columns use "
            "ds.select_columns([...])"
        )
    if array.dtype.kind not in "iu":
        raise InvalidError(
            f"rows are named by integers or a mask, not by {array.dtype} values; "
            "convert them with .astype(np.int64)"
        )
    low, high = int(array.min()), int(array.max())
    if low < -rows or high >= rows:
        row_number(low if low < -rows else high, rows)
    indices = array.astype(np.int64)
    if low < 0:
        indices[indices < 0] += rows
    return indices
