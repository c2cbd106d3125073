"""Columns as users give them: arrays, tensors, lists, sparse matrices, anything of Arrow's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import arrow_input, dtypes, sparse_input, torch_bridge
from headrace.array_rows import as_rows
from headrace.column_rows import ColumnRows, null_error
from headrace.errors import InvalidError, UnsupportedError
from headrace.ragged import Ragged, is_ragged, ragged
from headrace.row_chunks import Chunks
from headrace.schema import Field, Kind


def read_column(name: str, value: object, *, fill: object = None) -> ColumnRows:
    """Returns what was given for column `name` as rows for the core; numpy arrays without a copy.

    Args:
        name: The column's name.
        value: A numpy array, a CPU torch tensor, a list with one element per row (numbers, arrays
            of one shape, str or bytes), `ragged`, `csr`, a sparse matrix of scipy or torch, an
            object that exports Arrow data (pyarrow, Polars, pandas, DuckDB, ...), or rows that
            were read already.
        fill: What stands in for nulls; None refuses them.

    Raises:
        InvalidError: If there are nulls and no `fill`, or the rows do not fit together.
        UnsupportedError: If it is of a kind or dtype that columns cannot have; it says what to do.

    Example:
        >>> read_column("t", ["to", "be"]).field, read_column("x", np.zeros((2, 3), "f4")).field
        (t: text, x: float32[3])
    """
    if isinstance(value, ColumnRows):
        return replace(value, field=replace(value.field, name=name))
    if is_ragged(value):
        return _read_ragged(name, ragged(value))
    if isinstance(value, Chunks):
        raise UnsupportedError(
            f"column {name!r} is hr.chunks; write each of its arrays by itself", column=name
        )
    if sparse_input.is_sparse(value):
        return sparse_input.read_sparse(name, value)
    if arrow_input.exports_arrow(value):
        return arrow_input.read_column(name, value, fill=fill)
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUST":
        value = _to_list(name, value)
    if isinstance(value, list | tuple):
        return _read_list(name, value, fill)
    return tensor_rows(name, as_rows(name, value))


def tensor_rows(name: str, array: Any) -> ColumnRows:
    """Returns the rows of a numpy array or a torch tensor of a dtype that columns can have."""
    field = Field(name, dtypes.dtype_name(array.dtype, column=name), tuple(array.shape[1:]))
    return ColumnRows(field, len(array), torch_bridge.as_stored(array))


def _read_ragged(name: str, given: Ragged) -> ColumnRows:
    elements = tensor_rows(name, as_rows(name, given.values))
    field = Field(name, elements.field.dtype, elements.field.row_shape, kind="ragged")
    values = elements.values
    assert values is not None
    # The core checks that offsets lie within the elements; it is told how many by their size.
    return ColumnRows(field, len(given), np.ascontiguousarray(values), offsets=given.offsets)


def _to_list(name: str, array: NDArray[Any]) -> list[Any]:
    """Returns the elements of a 1-d array of str, bytes or objects."""
    if array.ndim != 1:
        raise UnsupportedError(
            f"column {name!r} is an array of {array.dtype} with shape {array.shape}; text and "
            "bytes have one value per row: pass a column for each",
            column=name,
        )
    return list(array.tolist())


def _read_list(name: str, rows: Sequence[Any], fill: object) -> ColumnRows:
    nulls = sum(row is None for row in rows)
    valid: NDArray[np.bool_] | None = None
    if nulls:
        if fill is None:
            raise null_error(name, nulls, len(rows))
        valid = np.array([row is not None for row in rows])
        rows = [fill if row is None else row for row in rows]
    if rows and isinstance(rows[0], str):
        found = _read_ascii(name, rows) or _read_sized(name, rows, str, "text", _encode)
    elif rows and isinstance(rows[0], bytes | bytearray | memoryview):
        found = _read_sized(name, rows, (bytes, bytearray, memoryview), "bytes", _as_bytes)
    else:
        found = tensor_rows(name, as_rows(name, rows))
    return found if valid is None else found.with_validity(valid)


def _read_ascii(name: str, rows: Sequence[Any]) -> ColumnRows | None:
    """Returns text at the speed of one join; None where it is not ASCII, or not all of it text."""
    try:
        joined = "".join(rows)
    except TypeError:
        return None
    return _sized_rows(name, "text", rows, joined.encode()) if joined.isascii() else None


def _sized_rows(name: str, kind: Kind, parts: Sequence[Any], joined: bytes) -> ColumnRows:
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
    values = np.frombuffer(joined, np.uint8)
    return ColumnRows(Field(name, "uint8", kind=kind), len(parts), values, offsets)


def _read_sized(
    name: str,
    rows: Sequence[Any],
    kind: type | tuple[type, ...],
    column_kind: Kind,
    convert: Callable[[str, int, Any], bytes],
) -> ColumnRows:
    for number, row in enumerate(rows):
        if not isinstance(row, kind):
            raise InvalidError(
                f"column {name!r} began as {column_kind}, and row {number} of the batch is a "
                f"{type(row).__name__}: {row!r:.60}",
                column=name,
                row=number,
            )
    parts = [convert(name, number, row) for number, row in enumerate(rows)]
    return _sized_rows(name, column_kind, parts, b"".join(parts))


def _encode(name: str, number: int, row: str) -> bytes:
    try:
        return row.encode()
    except UnicodeEncodeError as error:
        raise InvalidError(
            f"column {name!r}, row {number} of the batch: the text is not Unicode ({error}); "
            'write it as bytes: text.encode(errors="surrogateescape")',
            column=name,
            row=number,
        ) from error


def _as_bytes(name: str, number: int, row: Any) -> bytes:
    return bytes(row)
