"""One column as a virtual array."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from headrace import _core, dtypes, indexing, presentation, row_values
from headrace.errors import CorruptError, InvalidError, UnsupportedError
from headrace.layouts import Padded

if TYPE_CHECKING:
    from headrace.dataset_rows import Rows
    from headrace.schema import Field


class Column(NDArrayOperatorsMixin):
    """A column of a dataset, read like a numpy array that spans all its files.

    Only the rows that are asked for are read, each time anew: ``ds["x"][10:20]`` reads ten rows.
    Indexing follows numpy, and numpy functions and operators take a column as an array, which
    reads all its rows. Columns of text, bytes and ragged are arrays of objects: a row is a str,
    bytes or an array, several rows are a list of them, and ``ds["t"] == "cat"`` is a mask. Rows of
    csr are a `scipy.sparse.csr_array` (`SparseRows` without scipy), and one row is a `SparseRow`.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(x=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2)
        >>> ds["x"]
        headrace.Column(x: float64[2], rows=6)
        >>> ds["x"].shape, ds["x"][-1], ds["x"][::3, 0]
        ((6, 2), array([10., 11.]), array([0., 6.]))
        >>> float(np.mean(ds["x"]))
        5.5
        >>> len(ds.subset(ds["y"] == 1))
        3
    """

    def __init__(self, dataset: Rows, *, position: int, field: Field) -> None:
        """Made by ``ds["name"]``, not by users."""
        self._dataset = dataset
        self._core = dataset._core
        self._position = position
        self._field = field

    @property
    def name(self) -> str:
        """The column's name."""
        return self._field.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, then the shape of a row, if all rows have the same."""
        return (len(self), *self._row_shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions, the rows included."""
        return 1 + len(self._row_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype; raises UnsupportedError for bfloat16, which numpy does not have.

        That of the values for csr; object where rows are text, bytes or ragged.
        """
        if self._field.is_tensor or self._field.kind == "csr":
            return dtypes.numpy_dtype(self._field.dtype, column=self.name)
        return np.dtype(object)

    def __len__(self) -> int:
        return self._core.rows

    def __repr__(self) -> str:
        return f"headrace.Column({self._field!r}, rows={len(self)})"

    def __getitem__(self, key: Any) -> Any:
        if not self._field.is_tensor:
            return self._variable_rows(key)
        first, *rest = key if isinstance(key, tuple) and key else (key,)
        rows = len(self)
        head: Any
        if indexing.is_row_number(first):
            head, values = 0, self._range(indexing.row_number(first, rows), 1, 1)
        elif isinstance(first, slice):
            head, values = slice(None), self._range(*indexing.row_range(first, rows))
        elif indexing.is_row_list(first):
            indices = indexing.row_numbers(first, rows)
            values = self._rows(indices.ravel())
            if not rest:
                return values.reshape(indices.shape + self._field.row_shape)
            # An index array in the place of an index array: numpy's rules for mixing them hold.
            head = np.arange(indices.size).reshape(indices.shape)
        elif first is Ellipsis or first is None:
            return np.asarray(self)[key]
        else:
            raise InvalidError(
                f"column {self.name!r} is indexed by an int, a slice, a list or array of ints, or "
                f"a mask, not by {first!r}",
                column=self.name,
            )
        index = (head, *rest)
        return values[index]

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Reads all rows, as numpy's array protocol asks."""
        if copy is False:
            raise ValueError(
                f"column {self.name!r} is read from its source, which always makes a copy; "
                "use np.asarray(column) or copy=None"
            )
        if self._field.kind == "csr":
            raise UnsupportedError(
                f"column {self.name!r} is csr, which numpy would expand; read it in parts, "
                f"ds[{self.name!r}][0:1000], as scipy.sparse arrays, which have .toarray()",
                column=self.name,
            )
        if isinstance(self._field.layout, Padded):
            raise UnsupportedError(
                f"column {self.name!r} is padded rows and their lengths, which are not one array; "
                f"read both, ds[{self.name!r}][:]",
                column=self.name,
            )
        if self._field.is_tensor:
            values = self._range(0, len(self), 1)
        else:
            values = row_values.as_objects(self._rows_one_by_one(range(len(self))))
        return values if dtype is None else values.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        arrays = (np.asarray(x) if isinstance(x, Column) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the dataset that the column belongs to, without its other columns."""
        alone = self._dataset._view(_core.Dataset.select, [self._position])
        return operator.getitem, (alone, self.name)

    def __copy__(self) -> Column:
        return self

    @property
    def _row_shape(self) -> tuple[int, ...]:
        if self._field.kind == "csr":
            return (self._field.width,)
        return self._field.row_shape if self._field.is_tensor else ()

    def _variable_rows(self, key: Any) -> Any:
        rows, one = len(self), indexing.is_row_number(key)
        wanted: row_values.RowNumbers
        if one:
            number = indexing.row_number(key, rows)
            wanted = range(number, number + 1)
        elif isinstance(key, slice):
            wanted = indexing.row_span(key, rows)
        elif indexing.is_row_list(key):
            wanted = indexing.row_numbers(key, rows)
        else:
            wanted = np.empty((0, 0), np.int64)
        if isinstance(wanted, np.ndarray) and wanted.ndim != 1:
            raise InvalidError(
                f"the rows of column {self.name!r} ({self._field.kind}) are chosen by an int, a "
                f"slice, a mask or a list of ints of one dimension, not by {key!r}",
                column=self.name,
            )
        if one:
            return self._rows_one_by_one(wanted)[0]
        try:
            return presentation.batch(self._field, self._parts(wanted), wanted)
        except CorruptError as error:
            raise row_values.in_file(error, self._core, self._position) from None

    def _rows_one_by_one(self, wanted: row_values.RowNumbers) -> list[Any]:
        try:
            return presentation.rows(self._field, self._parts(wanted), wanted)
        except CorruptError as error:
            raise row_values.in_file(error, self._core, self._position) from None

    def _parts(self, wanted: row_values.RowNumbers) -> row_values.CoreArrays:
        row_values.check(self._field)
        core = self._core.select([self._position])
        if isinstance(wanted, range):
            (parts,) = core.read_slice(wanted.start, len(wanted), wanted.step)
        else:
            (parts,) = core.read(wanted)
        return cast(row_values.CoreArrays, parts)

    def _range(self, start: int, count: int, step: int) -> Any:
        dtypes.numpy_dtype(self._field.dtype, column=self.name)
        return self._core.select([self._position]).read_slice(start, count, step)[0]

    def _rows(self, rows: indexing.IndexArray) -> Any:
        dtypes.numpy_dtype(self._field.dtype, column=self.name)
        return self._core.select([self._position]).read(rows)[0]
