"""Rows of columns whose rows have any size, as users see them: text, bytes, ragged and csr.

The core reads such a column as arrays (offsets, values, indices). One row becomes a str, bytes, a
numpy array or a `SparseRow`; several become a list of these, or for csr a scipy.sparse.csr_array,
which is a `SparseRows` where scipy is not installed.
"""

from __future__ import annotations

import importlib
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headrace import dtypes
from headrace.errors import CorruptError

if TYPE_CHECKING:
    from headrace.schema import Field

Array = NDArray[Any]
CoreArrays = tuple[Array, Array | None, Array | None]
RowNumbers = range | NDArray[np.int64]


class SparseRow(NamedTuple):
    """One row of a csr column: ``row[indices[k]] = values[k]`` and zero elsewhere.

    Of a binary column all values are 1.
    """

    indices: Array
    values: Array


class SparseRows(NamedTuple):
    """Rows of a csr column, in the arrays and with the names of scipy.sparse.csr_array.

    Row i has the values ``data[indptr[i]:indptr[i + 1]]`` in the columns `indices` of the same
    places.
    """

    data: Array
    indices: Array
    indptr: NDArray[np.int64]
    shape: tuple[int, int]


def check(field: Field) -> None:
    """Raises UnsupportedError where numpy has no dtype for the values of a column."""
    dtypes.numpy_dtype(field.dtype, column=field.name)


def batch(field: Field, read: CoreArrays, numbers: RowNumbers) -> Any:
    """Returns several rows; `numbers` are theirs, for messages.

    Raises:
        CorruptError: If text is not UTF-8, or an index is not below the width.
    """
    return _sparse_rows(field, read, numbers) if field.kind == "csr" else rows(field, read, numbers)


def rows(field: Field, read: CoreArrays, numbers: RowNumbers) -> list[Any]:
    """Returns each row by itself, as ``ds[i]`` gives it.

    Raises:
        CorruptError: As `batch`.
    """
    offsets, values, indices = read
    bounds = list(itertools.pairwise(offsets.tolist()))
    if field.kind == "csr":
        assert indices is not None
        check_indices(field, read, numbers)
        numbers_of = _values(values, indices)
        return [SparseRow(indices[a:b], numbers_of[a:b]) for a, b in bounds]
    assert values is not None
    if field.kind == "ragged":
        return [values[a:b] for a, b in bounds]
    data = values.tobytes()
    if field.kind == "bytes":
        return [data[a:b] for a, b in bounds]
    try:
        return [data[a:b].decode() for a, b in bounds]
    except UnicodeDecodeError:
        raise _not_utf8(field, data, bounds, numbers) from None


def as_objects(values: list[Any]) -> Array:
    """Returns a list of rows as a numpy array of one dimension that holds them as objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _not_utf8(
    field: Field, data: bytes, bounds: list[tuple[int, int]], numbers: RowNumbers
) -> CorruptError:
    for (begin, end), number in zip(bounds, numbers, strict=True):
        try:
            data[begin:end].decode()
        except UnicodeDecodeError as error:
            return CorruptError(
                f"column {field.name!r}: row {number} is no UTF-8 text: {error}; the file is "
                "damaged, or was written as text without being it: see headrace verify",
                column=field.name,
                row=int(number),
            )
    raise AssertionError("each row is UTF-8, but not all of them")


def _sparse_rows(field: Field, read: CoreArrays, numbers: RowNumbers) -> Any:
    offsets, values, indices = read
    assert indices is not None
    # scipy does not look, and would write beyond its arrays.
    check_indices(field, read, numbers)
    shape = (len(offsets) - 1, field.width)
    data = _values(values, indices)
    try:
        sparse = importlib.import_module("scipy.sparse")
    except ImportError:
        return SparseRows(data, indices, offsets, shape)
    return sparse.csr_array((data, indices, offsets), shape=shape)


def _values(values: Array | None, indices: Array) -> Array:
    return np.ones(len(indices), np.uint8) if values is None else values


def check_indices(field: Field, read: CoreArrays, numbers: RowNumbers) -> None:
    """Raises CorruptError for a row of csr with an index outside the width."""
    offsets, _, indices = read
    assert indices is not None
    wrong = (indices < 0) | (indices >= field.width)
    if wrong.any():
        place = int(np.argmax(wrong))
        row = int(np.searchsorted(offsets, place, side="right")) - 1
        raise CorruptError(
            f"column {field.name!r}: row {numbers[row]} has the index {indices[place]}, outside "
            f"its width {field.width} (0 to {field.width - 1}): the file is damaged, or was "
            "written with too small a width; headrace verify lists all such rows",
            column=field.name,
            row=int(numbers[row]),
        )
