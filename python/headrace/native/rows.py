"""What Python gets of the rows that native code wrote."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from headrace import _core, row_values, torch_bridge
from headrace.column_rows import ColumnRows
from headrace.csr import SparseColumn
from headrace.ragged import Ragged
from headrace.schema import Field

_MOST_INT32 = np.iinfo(np.int32).max

Presenter = Callable[[Any, Any, Any], Any]  # of offsets, values, indices


def presenter(field: Field) -> Presenter | None:
    """Returns what makes a column of its arrays, as users see it; None for an array as it is.

    numpy has no bfloat16: such a column is a tensor of torch, or has one as its values.

    Raises:
        MissingDependencyError: If a column is bfloat16, and torch is not installed.
    """
    if field.dtype == "bfloat16":
        torch_bridge.require_for(f"hold column {field.name!r}, which is bfloat16")
    match field.kind:
        case "ragged":
            return partial(_ragged, field)
        case "text":
            return _text
        case "bytes":
            return _bytes
        case "csr":
            return partial(_csr, field)
    return _bfloat16 if field.dtype == "bfloat16" else None


def storer(field: Field) -> Presenter | None:
    """Returns the same for rows that are stored, and seen by nobody: text stays as it is."""
    if field.kind in ("text", "bytes"):
        return partial(_undecoded, field)
    return presenter(field)


def _bfloat16(offsets: Any, bits: Any, indices: Any) -> Any:
    return torch_bridge.bfloat16_from_bits(bits)


def _values(field: Field, values: Any) -> Any:
    return torch_bridge.bfloat16_from_bits(values) if field.dtype == "bfloat16" else values


def _ragged(field: Field, offsets: Any, values: Any, indices: Any) -> Ragged:
    return Ragged(_values(field, values), offsets)


def _text(offsets: Any, values: Any, indices: Any) -> list[str]:
    return _core.text_rows(offsets, values)


def _bytes(offsets: Any, values: Any, indices: Any) -> list[bytes]:
    return _core.bytes_rows(offsets, values)


def _undecoded(field: Field, offsets: Any, values: Any, indices: Any) -> ColumnRows:
    return ColumnRows(field, len(offsets) - 1, values, offsets)


def _csr(field: Field, offsets: Any, values: Any, indices: Any) -> Any:
    # scipy has neither binary matrices nor bfloat16.
    if field.binary or field.dtype == "bfloat16":
        weights = None if field.binary else _values(field, values)
        return SparseColumn(offsets, indices, weights, field.width)
    # scipy has one dtype for both, and would copy the indices to make it so.
    if indices.dtype == np.int32 and offsets[-1] <= _MOST_INT32:
        offsets = offsets.astype(np.int32)
    return row_values.csr_rows(values, indices, offsets, (len(offsets) - 1, field.width))
