"""What exports Arrow data (pyarrow, Polars, pandas, DuckDB, ...), as columns; through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import advice, arrow_values
from headrace.column_rows import ColumnRows, null_error
from headrace.errors import InvalidError, UnsupportedError
from headrace.optional_packages import require


@dataclass(frozen=True)
class ArrowColumn:
    """A column of a record batch, with what its field says about it."""

    array: Any  # pyarrow.Array
    metadata: dict[str, str]


def exports_arrow(value: object) -> bool:
    """Whether `value` is a table or a column that speaks Arrow's PyCapsule protocol."""
    return (
        isinstance(value, ArrowColumn)
        or hasattr(value, "__arrow_c_stream__")
        or hasattr(value, "__arrow_c_array__")
    )


def record_batches(table: Any) -> Iterator[dict[str, ArrowColumn]]:
    """Yields the columns of each record batch of a table, as the table hands them out.

    Raises:
        InvalidError: If two columns have one name, or `table` is a single column.
    """
    pa = require("pyarrow", to="read Arrow data")
    if hasattr(table, "__arrow_c_stream__"):
        try:
            reader = pa.RecordBatchReader.from_stream(table)
        except (TypeError, pa.ArrowInvalid) as error:
            raise InvalidError(
                f"a {type(table).__name__} is no table of columns ({error}); pass columns by name: "
                "write(x=...)"
            ) from error
    else:
        batch = pa.record_batch(table)
        reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
    names = reader.schema.names
    for name in names:
        if names.count(name) > 1:
            raise InvalidError(f"the table has two columns named {name!r}", column=name)
    for batch in reader:
        yield {
            field.name: ArrowColumn(batch.column(k), _texts(field.metadata))
            for k, field in enumerate(batch.schema)
        }


def _texts(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    return {k.decode(errors="replace"): v.decode(errors="replace")
            for k, v in (metadata or {}).items()}  # fmt: skip


def read_column(name: str, value: Any, *, fill: object = None) -> ColumnRows:
    """Returns the rows of a column, over the memory of the exporter where its form allows it.

    Args:
        name: The column's name.
        value: A column that exports Arrow data, or an ArrowColumn.
        fill: What stands in for nulls; None refuses them.

    Raises:
        InvalidError: If there are nulls and no `fill`, or a `fill` that does not fit.
        UnsupportedError: If columns cannot hold the type; it says what to do.
    """
    pa = require("pyarrow", to="read Arrow data")
    column = value if isinstance(value, ArrowColumn) else ArrowColumn(one_array(name, value), {})
    array = arrow_values.plain(pa, name, column.array)
    nulls = array.null_count
    if nulls == 0:
        return arrow_values.rows_of(pa, name, array, column.metadata)
    if fill is None:
        raise null_error(name, nulls, len(array))
    valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False))
    if pa.types.is_null(array.type):
        raise UnsupportedError(
            f"column {name!r} has nothing but nulls, so its type is not known; give it one: "
            "column.cast(...)",
            column=name,
        )
    if arrow_values.is_text(pa, array.type) or arrow_values.is_bytes(pa, array.type):
        filled = _fill_scalars(pa, name, array, fill)
        rows = arrow_values.rows_of(pa, name, filled, column.metadata)
        return rows.with_validity(valid)
    present = arrow_values.rows_of(pa, name, array.drop_null(), column.metadata)
    return _spread(present, valid, fill)


def one_array(name: str, value: Any) -> Any:
    """Returns a column that exports Arrow data as one pyarrow.Array, nulls and all."""
    pa = require("pyarrow", to="read Arrow data")
    if isinstance(value, pa.Array):
        return value
    if not hasattr(value, "__arrow_c_stream__"):
        return pa.array(value)
    chunked = value if isinstance(value, pa.ChunkedArray) else pa.chunked_array(value)
    # Empty ones that come from elsewhere cannot be joined (pyarrow 26: "exceed buffer length").
    chunks = [arrow_values.plain(pa, name, chunk) for chunk in chunked.chunks if len(chunk)]
    if not chunks:
        return pa.array([], chunked.type)
    if len(chunks) == 1:
        return chunks[0]
    # Chunks with 32-bit offsets may not fit into one array of that type.
    return pa.concat_arrays(
        [chunk.cast(arrow_values.wide_type(pa, chunk.type)) for chunk in chunks]
    )


def _fill_scalars(pa: Any, name: str, array: Any, fill: object) -> Any:
    if not isinstance(fill, str if arrow_values.is_text(pa, array.type) else bytes):
        raise _bad_fill(name, fill, str(array.type))
    return require("pyarrow.compute", to="fill nulls").fill_null(array, fill)


def _bad_fill(name: str, fill: object, kind: str) -> InvalidError:
    return InvalidError(
        f"{fill!r} cannot stand in for nulls of column {name!r}, which is {kind}",
        advice=advice.fill(name).within("give a fitting value: {}"),
        column=name,
    )


def _spread(present: ColumnRows, valid: NDArray[np.bool_], fill: object) -> ColumnRows:
    """Puts rows into the places of `valid`, and `fill` into the others."""
    field = present.field
    if present.offsets is None:
        assert present.values is not None
        stored, kind = present.values, repr(field).partition(": ")[2]
        if field.dtype == "bfloat16":
            raise _bad_fill(field.name, fill, kind)
        try:
            with np.errstate(invalid="raise", over="raise"):
                filled = np.full((len(valid), *field.row_shape), fill, stored.dtype)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise _bad_fill(field.name, fill, kind) from error
        if stored.dtype.kind in "biu" and not np.all(filled[0] == fill):  # 0.5 became 0
            raise _bad_fill(field.name, fill, kind)
        filled[valid] = stored
        return ColumnRows(field, len(valid), filled, valid=valid)
    if not isinstance(fill, list | tuple) or len(fill) > 0:
        raise InvalidError(
            f"nulls of column {field.name!r}, which is {field.kind}, can only become empty rows",
            advice=advice.fill(field.name, "[]").within("pass {}"),
            column=field.name,
        )
    lengths = np.zeros(len(valid) + 1, np.int64)
    lengths[1:][valid] = np.diff(present.offsets)
    lengths[0] = present.offsets[0]
    return ColumnRows(
        *(field, len(valid), present.values, np.cumsum(lengths)),
        indices=present.indices,
        valid=valid,
    )
