"""Datasets as Arrow record batches: the way out, `Dataset.to_arrow`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace import arrow_values, checks, row_values
from headrace.errors import CorruptError
from headrace.optional_packages import require
from headrace.schema import Field

if TYPE_CHECKING:
    from headrace.dataset_rows import Rows

_BATCH_BYTES = 16 * 10**6


def reader(dataset: Rows, batch_rows: int | None) -> Any:
    """Returns all rows, as they are stored and not as layouts show them, as a RecordBatchReader.

    Raises:
        MissingDependencyError: If pyarrow is not installed.
    """
    pa = require("pyarrow", to="make Arrow record batches")
    dataset = dataset._as_stored()
    if batch_rows is None:
        batch_rows = max(1, _BATCH_BYTES * len(dataset) // max(1, dataset._core.nbytes))
    else:
        batch_rows = checks.check_int("batch_rows", batch_rows, low=1, high=checks.MAX_INT64)
    schema = pa.schema([_arrow_field(pa, field) for field in dataset.schema.values()])
    return pa.RecordBatchReader.from_batches(schema, _batches(pa, dataset, schema, batch_rows))


def _batches(pa: Any, dataset: Rows, schema: Any, batch_rows: int) -> Iterator[Any]:
    for first in range(0, len(dataset), batch_rows):
        rows = range(first, min(first + batch_rows, len(dataset)))
        arrays = [
            _array(pa, field, kind, read, rows)
            for field, kind, read in zip(
                dataset.schema.values(), schema.types, _read(dataset, rows), strict=True
            )
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _read(dataset: Rows, rows: range) -> list[Any]:
    return list(dataset._core.read_slice(rows.start, len(rows), rows.step, bfloat16_bits=True))


def _arrow_field(pa: Any, field: Field) -> Any:
    """Returns the field as shards have it, but that bool is Arrow's own."""
    metadata = {}
    if field.kind == "csr":
        metadata[arrow_values.WIDTH] = str(field.width)
    if field.dtype == "bfloat16":
        metadata[arrow_values.DTYPE] = field.dtype
    return pa.field(field.name, _arrow_type(pa, field), nullable=False, metadata=metadata or None)


def _arrow_type(pa: Any, field: Field) -> Any:
    if field.kind == "text":
        return pa.large_utf8()
    if field.kind == "bytes":
        return pa.large_binary()
    stored = "uint16" if field.dtype == "bfloat16" else field.dtype  # its bits
    value = pa.from_numpy_dtype(np.dtype(stored))
    if field.kind == "csr":
        index = pa.field("indices", pa.from_numpy_dtype(np.dtype(field.index_dtype)), False)
        entry = index.type if field.binary else pa.struct([index, pa.field("values", value, False)])
        return pa.large_list(pa.field("item", entry, False))
    for extent in reversed(field.row_shape):
        value = pa.list_(pa.field("item", value, False), extent)
    return value if field.is_tensor else pa.large_list(pa.field("item", value, False))


def _array(pa: Any, field: Field, kind: Any, read: Any, rows: range) -> Any:
    if field.is_tensor:
        return _elements(pa, kind, read)
    offsets, values, indices, _ = read
    if field.kind in ("text", "bytes"):
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
        array = pa.Array.from_buffers(kind, len(rows), buffers)
        _check_text(pa, field, array, read, rows)
        return array
    if field.kind == "csr":
        row_values.check_indices(field, read, rows)
        elements = _entries(pa, kind.value_type, indices, values)
    else:
        elements = _elements(pa, kind.value_type, values)
    return pa.LargeListArray.from_arrays(pa.array(offsets), elements, type=kind)


def _elements(pa: Any, kind: Any, values: Any) -> Any:
    """Returns an array of numbers, or of tensors, as nested lists of fixed size."""
    flat = pa.array(values.reshape(-1))
    levels = []
    while pa.types.is_fixed_size_list(kind):
        levels.append(kind)
        kind = kind.value_type
    for level in reversed(levels):
        flat = pa.FixedSizeListArray.from_arrays(flat, type=level)
    return flat


def _entries(pa: Any, kind: Any, indices: Any, values: Any) -> Any:
    if values is None:
        return pa.array(indices)
    parts = [pa.array(indices), pa.array(values)]
    return pa.StructArray.from_arrays(parts, fields=list(kind))


def _check_text(pa: Any, field: Field, array: Any, read: Any, rows: range) -> None:
    """Raises CorruptError for text that is not UTF-8, which Arrow's readers take on trust."""
    if field.kind != "text":
        return
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        row_values.rows(field, read, rows)  # names the row
        raise CorruptError(f"column {field.name!r}: {error}", column=field.name) from error
