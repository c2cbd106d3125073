"""Columns as JSON, and single values of their rows: as short text for a table, and as JSON."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.dataset import Dataset
from headrace.errors import UnsupportedError
from headrace.schema import Field

_SHOWN_NUMBERS = 6
_SHOWN_CHARACTERS = 60


def readable(dataset: Dataset) -> Dataset:
    """Returns the dataset as numpy can hold it.

    bfloat16, which numpy has not, becomes float32, which holds all of its numbers; where rows have
    any length, so that nothing is converted, such a column is left out.
    """
    wide = {name: f for name, f in dataset.schema.items() if f.dtype == "bfloat16"}
    kept = [name for name in dataset.schema if name not in wide or wide[name].is_tensor]
    if not kept:
        raise UnsupportedError("no column is left to show: numpy has no bfloat16 of any length")
    shown = dataset if len(kept) == len(dataset.schema) else dataset.select_columns(kept)
    to_cast = [name for name in wide if name in kept]
    return shown.cast(dict.fromkeys(to_cast, "float32")) if to_cast else shown


def column_as_json(field: Field) -> dict[str, Any]:
    """Returns what a column is for `json.dumps`."""
    described: dict[str, Any] = {"name": field.name, "kind": field.kind, "dtype": field.dtype}
    described["type"] = repr(field)[len(field.name) + 2 :]
    if field.kind in ("tensor", "ragged"):
        described["row_shape"] = list(field.row_shape)
    if field.kind == "csr":
        described |= {"index_dtype": field.index_dtype, "width": field.width}
        described["binary"] = field.binary
    return described


def column_values(batch: Any) -> list[Any]:
    """Returns the columns of a batch in their order, whether it is a dict or a tuple."""
    return list(batch.values() if isinstance(batch, dict) else batch)


def rows_of(field: Field, values: Any) -> Iterator[Any]:
    """Yields the rows of a column of a batch; a row of csr as (indices, values)."""
    if field.kind != "csr":
        yield from values
        return
    for begin, end in itertools.pairwise(values.indptr.tolist()):
        yield values.indices[begin:end], values.data[begin:end]


def shown(field: Field, value: Any) -> str:
    """Returns one row of a column as short text."""
    if field.kind == "text":
        return _shortened(repr(value)[1:-1], len(value))
    if field.kind == "bytes":
        return _shortened(repr(bytes(value)), len(value))
    if field.kind == "csr":
        return _shown_entries(field, *value)
    array = np.asarray(value)
    return _number(array[()]) if array.ndim == 0 else _shown_array(array)


def _shortened(text: str, size: int) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[: _SHOWN_CHARACTERS - 3]}... ({size:,})"


def _shown_entries(field: Field, indices: Any, numbers: Any) -> str:
    entries = [
        str(index) if field.binary else f"{index}: {_number(number)}"
        for index, number in zip(
            indices[:_SHOWN_NUMBERS].tolist(), numbers[:_SHOWN_NUMBERS], strict=True
        )
    ]
    more = len(indices) - len(entries)
    return "{" + ", ".join(entries) + (f", ... {more:,} more" if more else "") + "}"


def _shown_array(array: Any) -> str:
    flat = array.reshape(-1)
    few = " ".join(_number(number) for number in flat[:_SHOWN_NUMBERS])
    if flat.size <= _SHOWN_NUMBERS and array.ndim == 1:
        return f"[{few}]"
    shape = " x ".join(map(str, array.shape))
    return f"[{few}{' ...' if flat.size > _SHOWN_NUMBERS else ''}] ({shape})"


def _number(number: Any) -> str:
    return f"{number:.4g}" if isinstance(number, np.floating) else str(number)


def as_json(field: Field, value: Any) -> Any:
    """Returns one row of a column for `json.dumps`: numbers and lists of them, text, base64."""
    if field.kind == "text":
        return value
    if field.kind == "bytes":
        return base64.b64encode(bytes(value)).decode()
    if field.kind == "csr":
        indices, numbers = value
        entries = {"indices": indices.tolist()}
        return entries if field.binary else {**entries, "values": numbers.tolist()}
    return np.asarray(value).tolist()
