"""Sparse columns as users give them: of scipy, of torch, `csr`, `SparseRows`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from headrace import dtypes, torch_bridge
from headrace.column_rows import ColumnRows
from headrace.csr import SparseColumn
from headrace.errors import InvalidError
from headrace.row_values import SparseRows
from headrace.schema import Field


def is_sparse(value: object) -> bool:
    """Whether it is a sparse column. Only a program that imported scipy.sparse can own one."""
    return (
        isinstance(value, SparseColumn | SparseRows)
        or _is_scipy(value)
        or torch_bridge.sparse_layout(value) is not None
    )


def read_sparse(name: str, value: Any) -> ColumnRows:
    """Returns a sparse column as rows; what is in CSR layout is not copied, repeats are kept.

    Raises:
        InvalidError: If it has not two dimensions, or no columns.
        UnsupportedError: If its values are of a dtype that columns cannot have.
    """
    if isinstance(value, SparseColumn):
        return _rows(name, value)
    if isinstance(value, SparseRows):
        return _rows(name, SparseColumn(value.indptr, value.indices, value.data, value.shape[1]))
    if not _is_scipy(value):
        return _rows(name, SparseColumn(*torch_bridge.csr_parts(value, column=name)))
    if value.ndim != 2:
        raise InvalidError(
            f"column {name!r} is sparse with {value.ndim} dimensions; it needs two: rows and width",
            column=name,
        )
    matrix = value.tocsr()
    stored = slice(0, int(matrix.indptr[-1]))  # scipy may have room for more
    arrays = (matrix.indptr, matrix.indices[stored], matrix.data[stored])
    return _rows(name, SparseColumn(*arrays, columns=int(matrix.shape[1])))


def without_repeats(value: Any) -> Any:
    """Returns a matrix of scipy with repeated entries summed; anything else as it is."""
    if not _is_scipy(value) or value.ndim != 2:
        return value
    matrix = value.tocsr()
    if matrix.has_canonical_format:
        return matrix
    matrix = matrix.copy() if matrix is value else matrix
    matrix.sum_duplicates()
    return matrix


def _is_scipy(value: object) -> bool:
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def _rows(name: str, given: SparseColumn) -> ColumnRows:
    if given.columns == 0:
        raise InvalidError(
            f"column {name!r} is sparse of shape {(len(given), 0)}, without columns; give it "
            "the shape (rows, width), as wide as the rows of all batches",
            column=name,
        )
    values = None if given.values is None else torch_bridge.as_stored(given.values)
    binary = given.values is None
    field = Field(
        *(name, "uint8" if binary else dtypes.dtype_name(given.values.dtype, column=name)),
        kind="csr",
        index_dtype=given.indices.dtype.name,
        width=given.columns,
        binary=binary,
    )
    offsets = np.ascontiguousarray(given.indptr)
    return ColumnRows(field, len(given), values, offsets, given.indices)
