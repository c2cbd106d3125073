"""Rows of columns whose rows have any size, as users see them: text, bytes, ragged and csr.

The core reads such a column as arrays (offsets, values, indices, lengths). One row becomes a str,
bytes, a numpy array or a `SparseRow`; several become a list of these, or for csr a
scipy.sparse.csr_array, which is a `SparseRows` where scipy is not installed.
"""

from __future__ import annotations

import importlib
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headrace import _core, dtypes
from headrace.errors import CorruptError

if TYPE_CHECKING:
    from headrace.schema import Field

Array = NDArray[Any]
CoreArrays = tuple[Array, Array | None, Array | None, Array | None]
RowNumbers = range | NDArray[np.int64]


class RaggedList(list[Any]):
    """Several rows of a ragged column: a list that says so, as equal lengths do not.

    What takes columns takes it as ragged, so that rows of a dataset can be written again.
    """

    __slots__ = ()


class _Entries(NamedTuple):
    indices: Array
    values: Array


class SparseRow(_Entries):
    """One row of a csr column: the tuple of its ``indices`` and their ``values``.

    Of a binary column all values are 1.

    Attributes:
        shape: That of the dense row, ``(columns,)``.

    Example:
        >>> import headrace as hr
        >>> row = hr.from_arrays(x=hr.csr([[3, 0]], columns=4))[0]["x"]
        >>> row.shape, row.toarray().tolist()
        ((4,), [1, 0, 0, 1])
    """

    shape: tuple[int]

    @classmethod
    def of(cls, indices: Array, values: Array, width: int) -> SparseRow:
        """Returns a row of `width` columns."""
        row = cls(indices, values)
        row.shape = (width,)
        return row

    def toarray(self) -> Array:
        """Returns the dense row; values of an index that is repeated are summed, as by scipy."""
        dense = np.zeros(self.shape, self.values.dtype)
        np.add.at(dense, self.indices, self.values)
        return dense


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
    offsets, values, indices, _ = read
    if field.kind == "text":
        return _strings(field, read, numbers)
    if field.kind == "bytes":
        return list(_core.bytes_rows(offsets, values))
    bounds = list(itertools.pairwise(offsets.tolist()))
    if field.kind == "csr":
        assert indices is not None
        check_indices(field, read, numbers)
        numbers_of = _values(values, indices)
        return [SparseRow.of(indices[a:b], numbers_of[a:b], field.width) for a, b in bounds]
    assert values is not None
    return RaggedList(values[a:b] for a, b in bounds)


def as_objects(values: list[Any]) -> Array:
    """Returns a list of rows as a numpy array of one dimension that holds them as objects."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _strings(field: Field, read: CoreArrays, numbers: RowNumbers) -> list[str]:
    offsets, values, *_ = read
    try:
        return _core.text_rows(offsets, values)
    except UnicodeDecodeError as error:
        # Python's error holds the bytes of the row, and not which one it is.
        row = next(
            i for i, (a, b) in enumerate(itertools.pairwise(offsets)) if _broken(values, a, b)
        )
        raise CorruptError(
            f"column {field.name!r}: row {numbers[row]} is no UTF-8 text: {error}; the file is "
            "damaged, or was written as text without being it: see headrace verify",
            column=field.name,
            row=int(numbers[row]),
        ) from None


def _broken(values: Any, begin: int, end: int) -> bool:
    try:
        _core.text_rows(np.array([0, end - begin]), values[begin:end])
    except UnicodeDecodeError:
        return True
    return False


def _sparse_rows(field: Field, read: CoreArrays, numbers: RowNumbers) -> Any:
    offsets, values, indices, _ = read
    assert indices is not None
    # scipy does not look, and would write beyond its arrays.
    check_indices(field, read, numbers)
    return csr_rows(_values(values, indices), indices, offsets, (len(offsets) - 1, field.width))


def csr_rows(values: Any, indices: Any, offsets: Any, shape: tuple[int, int]) -> Any:
    """Returns a scipy.sparse.csr_array over the parts, a SparseRows where scipy is missing."""
    sparse = scipy_sparse()
    if sparse is None:
        return SparseRows(values, indices, offsets, shape)
    return sparse.csr_array((values, indices, offsets), shape=shape)


def scipy_sparse() -> Any:
    """Returns scipy.sparse, None where scipy is not installed."""
    try:
        return importlib.import_module("scipy.sparse")
    except ImportError:
        return None


def _values(values: Array | None, indices: Array) -> Array:
    return np.ones(len(indices), np.uint8) if values is None else values


def check_indices(field: Field, read: CoreArrays, numbers: RowNumbers) -> None:
    """Raises CorruptError for a row of csr with an index outside the width."""
    offsets, _, indices, _ = read
    assert indices is not None
    wrong = (indices < 0) | (indices >= field.width)
    if wrong.any():
        place = int(np.argmax(wrong))
        row = int(np.searchsorted(offsets, place, side="right")) - 1
        raise CorruptError(
            f"column {field.name!r}: row {numbers[row]} has the index {indices[place]}, outside "
            f"its width {field.width} (0 to {field.width - 1}): the file is damaged, or the width "
            "is too small",
            column=field.name,
            row=int(numbers[row]),
        )


def in_file(error: CorruptError, core: _core.Dataset, column: int) -> CorruptError:
    """Returns an error of `check_indices` with the file of the row, and how to find all such rows.

    Args:
        error: Also one of another kind, which is returned as it is.
        core: The dataset.
        column: The position of its column.
    """
    if error.file or error.row is None:
        return error
    file = core.file_with_index(column, error.row)
    located = error.about(file) if file else error
    located.file = file
    return located
