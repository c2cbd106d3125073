"""Sparse columns made of indices: lists of them, padded arrays, or the arrays of CSR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import checks, torch_bridge
from headrace.array_rows import as_rows
from headrace.errors import InvalidError
from headrace.ragged import Ragged, rows_of

_Ints = NDArray[Any]
_UINT16_WIDTH = 1 << 16  # widths up to this have indices that fit in uint16
_INT32_WIDTH = 1 << 31


@dataclass(frozen=True, eq=False)
class SparseColumn:
    """A csr column, made by `csr`; the names are scipy's, and `values` is None where all are 1."""

    indptr: _Ints
    indices: _Ints
    values: Any
    columns: int

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, rows: slice) -> SparseColumn:
        """Returns neighbouring rows over the same arrays."""
        begin, end, step = rows.indices(len(self))
        if step != 1:
            raise InvalidError(f"rows of csr are sliced with a step of 1, not {step}")
        ends = self.indptr[begin : max(begin, end) + 1]
        first, last = int(ends[0]), int(ends[-1])
        values = None if self.values is None else self.values[first:last]
        return SparseColumn(ends - first, self.indices[first:last], values, self.columns)

    def __repr__(self) -> str:
        kind = "binary" if self.values is None else self.values.dtype
        return f"headrace.csr(<{len(self)} rows of csr {kind}[{self.columns}]>)"


def csr(
    rows: object = None,
    *,
    columns: int,
    values: object = None,
    pad: int | None = -1,
    indptr: object = None,
    indices: object = None,
) -> SparseColumn:
    """Makes a sparse column for `from_arrays` and `Writer` from the indices of each row.

    Without values it is binary: a column that a row names is 1, however often it is named, and the
    others are 0. With values, those of an index that a row names several times are summed when the
    row is made dense. Neither order nor repeats are changed.

    Args:
        rows: A list with a list or an array of indices for each row; or an array of shape
            ``(rows, entries)``, filled up with `pad`, of integers or of integral floats; or
            `ragged`. Indices are kept as uint16 where `columns` allows, else int32 or int64.
        columns: How many columns a row has: the width of its dense form.
        values: The same as `rows`, with a value for each index; None for binary.
        pad: What stands in an array where a row has no more indices; None if nothing does.
        indptr: In place of `rows`, the arrays of CSR: row i has the columns
            ``indices[indptr[i]:indptr[i + 1]]``, and the values at the same places. Such arrays
            are used as they are, and checked when a dataset is made of them.
        indices: See `indptr`; int32, int64 or uint16.

    Raises:
        InvalidError: If an index is negative, not integral or not below `columns`, naming the row;
            or if the arguments do not fit together.

    Example:
        >>> import numpy as np, headrace as hr
        >>> x = hr.csr([[3, 1], [], [2]], columns=4)
        >>> x
        headrace.csr(<3 rows of csr binary[4]>)
        >>> hr.from_arrays(x=x)[0]["x"].indices.tolist()
        [3, 1]
        >>> hr.csr(np.array([[3, -1], [0, 2]]), columns=4, values=np.ones((2, 2))).indices.tolist()
        [3, 0, 2]
    """
    columns = checks.check_int("columns", columns, low=1, high=checks.MAX_INT64)
    if rows is None:
        if indptr is None or indices is None:
            raise InvalidError("csr takes the rows, or indptr= and indices=; give one of them")
        return _of_arrays(indptr, indices, values, columns)
    if indptr is not None or indices is not None:
        raise InvalidError("csr takes the rows, or indptr= and indices=; not both")
    if pad is not None:
        pad = checks.check_int("pad", pad, low=-checks.MAX_INT64 - 1, high=checks.MAX_INT64)
    if isinstance(rows, np.ndarray) or torch_bridge.is_tensor(rows):
        return _of_padded(rows, values, columns, pad)
    offsets, found = _flat("rows", _listed(rows, "csr"))
    numbers = _as_indices(found, offsets, columns)
    if values is None:
        return SparseColumn(offsets, numbers, None, columns)
    lengths, weights = _flat("values", _listed(values, "values= of csr"))
    if not np.array_equal(lengths, offsets):
        raise _unequal(offsets, lengths)
    return SparseColumn(offsets, numbers, weights, columns)


def _listed(rows: object, what: str) -> Ragged:
    return rows_of(rows, what=what, instead="an array, filled up with pad=")


def _of_arrays(indptr: object, indices: object, values: object, columns: int) -> SparseColumn:
    offsets, numbers = _integers("indptr", indptr), _integers("indices", indices)
    if len(offsets) == 0:
        raise InvalidError("indptr has one more number than there are rows; found none")
    if offsets.dtype not in (np.int32, np.int64):
        offsets = offsets.astype(np.int64)
    if numbers.dtype not in (np.uint16, np.int32, np.int64) or columns - 1 > _highest(numbers):
        smallest = np.int32 if columns <= _INT32_WIDTH and numbers.itemsize < 4 else np.int64
        numbers = numbers.astype(smallest)
    _check_ends(offsets, len(numbers))
    if values is None:
        return SparseColumn(offsets, numbers, None, columns)
    none = isinstance(values, list) and not values  # an empty list has no dtype of its own
    weights = np.empty(0) if none else as_rows("values", values)
    if weights.ndim != 1 or len(weights) != len(numbers):
        raise InvalidError(
            f"csr needs a value for each of {len(numbers)} indices; values= has the shape "
            f"{tuple(weights.shape)}"
        )
    return SparseColumn(offsets, numbers, weights, columns)


def _check_ends(offsets: _Ints, entries: int) -> None:
    """Raises InvalidError where entries belong to no row: arrays that do not belong together."""
    first, last = int(offsets[0]), int(offsets[-1])
    if first != 0 or last < entries:
        raise InvalidError(
            f"indptr goes from {first} to {last}, and there are {entries} indices; it begins with "
            "0 and ends with their number, as indptr of scipy does"
        )


def _of_padded(rows: Any, values: object, columns: int, pad: int | None) -> SparseColumn:
    array = np.asarray(as_rows("rows", rows))
    if array.ndim > 2:
        raise InvalidError(
            f"the indices of csr are an array of shape (rows, entries); found {array.shape}"
        )
    table = array.reshape(len(array), -1)
    present = np.ones(table.shape, np.bool_) if pad is None else table != pad
    offsets = np.zeros(len(table) + 1, np.int64)
    np.cumsum(np.count_nonzero(present, axis=1), out=offsets[1:])
    numbers = _as_indices(table[present], offsets, columns)
    if values is None:
        return SparseColumn(offsets, numbers, None, columns)
    weights = np.asarray(as_rows("values", values))
    if weights.shape != array.shape:
        raise InvalidError(
            f"csr needs a value for each index; the indices have the shape {array.shape} and "
            f"values= has {weights.shape}"
        )
    return SparseColumn(offsets, numbers, weights.reshape(table.shape)[present], columns)


def _flat(name: str, rows: Ragged) -> tuple[_Ints, Any]:
    """Returns offsets from 0 on, and the elements that they name."""
    if rows.values.ndim != 1:
        raise InvalidError(
            f"the rows of csr are lists of numbers; {name} has elements of the shape "
            f"{tuple(rows.values.shape[1:])}"
        )
    first, last = int(rows.offsets[0]), int(rows.offsets[-1])
    return rows.offsets - first if first else rows.offsets, rows.values[first:last]


def _integers(name: str, given: object) -> _Ints:
    array = np.asarray(given)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InvalidError(
            f"{name} is an array of integers of one dimension; found {array.dtype} of shape "
            f"{array.shape}"
        )
    return array if array.size else array.astype(np.int64)


def _highest(numbers: _Ints) -> int:
    return int(np.iinfo(numbers.dtype).max)


def _as_indices(found: Any, offsets: _Ints, columns: int) -> _Ints:
    """Returns indices in the smallest dtype that holds them; they are checked first."""
    array = np.asarray(found)
    numbers = array
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # NaN and what is too large are found below
            numbers = array.astype(np.int64)
    elif array.dtype.kind not in "iu":
        raise InvalidError(
            f"the indices of csr are integers, or integral floats, not {array.dtype}"
        )
    wrong = (array < 0) | (array >= columns) | (numbers != array)
    if wrong.any():
        place = int(np.argmax(wrong))
        row = int(np.searchsorted(offsets, place, side="right")) - 1
        raise InvalidError(
            f"row {row} of csr has the index {array[place]}, and indices are whole numbers from 0 "
            f"to {columns - 1}; give columns= as wide as the largest index needs, and in an array "
            "pad= for what is no index",
            row=row,
        )
    dtype = np.uint16 if columns <= _UINT16_WIDTH else np.int32
    return numbers.astype(dtype if columns <= _INT32_WIDTH else np.int64, copy=False)


def _unequal(offsets: _Ints, given: _Ints) -> InvalidError:
    if len(offsets) != len(given):
        return InvalidError(f"csr has {len(offsets) - 1} rows and values= has {len(given) - 1}")
    row = int(np.argmax(np.diff(offsets) != np.diff(given)))
    return InvalidError(
        f"row {row} of csr has {np.diff(offsets)[row]} indices and {np.diff(given)[row]} values; "
        "each index needs one",
        row=row,
    )
