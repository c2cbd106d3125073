"""What users get of the rows that native code wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace import _core, row_values
from headrace.csr import SparseColumn
from headrace.errors import UnsupportedError
from headrace.ragged import Ragged
from headrace.schema import Field

_MOST_INT32 = np.iinfo(np.int32).max

Presenter = Callable[[Any, Any, Any], Any]  # of offsets, values, indices


def presenter(field: Field) -> Presenter | None:
    """Returns what makes a column of its arrays, as `Writer` takes it; None for a tensor.

    Raises:
        UnsupportedError: If numpy has no dtype for it.
    """
    if field.dtype == "bfloat16":
        raise UnsupportedError(
            f"column {field.name!r} is bfloat16, which numpy does not have; declare float32, and "
            f'cast what is stored: ds.cast({field.name}="bfloat16")',
            column=field.name,
        )
    match field.kind:
        case "ragged":
            return _ragged
        case "text":
            return _text
        case "bytes":
            return _bytes
        case "csr":
            return _binary_csr(field.width) if field.binary else _csr(field.width)
    return None


def _ragged(offsets: Any, values: Any, indices: Any) -> Ragged:
    return Ragged(values, offsets)


def _text(offsets: Any, values: Any, indices: Any) -> list[str]:
    return _core.text_rows(offsets, values)


def _bytes(offsets: Any, values: Any, indices: Any) -> list[bytes]:
    return _core.bytes_rows(offsets, values)


def _csr(width: int) -> Presenter:
    def present(offsets: Any, values: Any, indices: Any) -> Any:
        # scipy has one dtype for both, and would copy the indices to make it so.
        if indices.dtype == np.int32 and offsets[-1] <= _MOST_INT32:
            offsets = offsets.astype(np.int32)
        return row_values.csr_rows(values, indices, offsets, (len(offsets) - 1, width))

    return present


def _binary_csr(width: int) -> Presenter:
    def present(offsets: Any, values: Any, indices: Any) -> SparseColumn:
        return SparseColumn(offsets, indices, None, width)

    return present
