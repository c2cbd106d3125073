"""Arrays, tensors and lists as the rows of a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headrace import dtypes, torch_bridge
from headrace.errors import InvalidError, UnsupportedError


def as_rows(name: str, value: object) -> Any:
    """Returns `value` as an array or a tensor that the core reads, with at least one dimension."""
    if torch_bridge.is_tensor(value):
        array = torch_bridge.to_cpu_strided(value, column=name)
        dtypes.dtype_name(array.dtype, column=name)
    elif isinstance(value, np.ma.MaskedArray):
        raise UnsupportedError(
            f"column {name!r} is a masked array, whose mask would be lost; pass x.filled(...)",
            column=name,
        )
    elif isinstance(value, np.ndarray):
        array = value
        dtypes.numpy_dtype_name(array.dtype, column=name)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        raise _parts(name, value)
    elif isinstance(value, (list, tuple)):
        array = _stack_rows(name, value)
    else:
        raise _refusal(name, value)
    if array.ndim == 0:
        raise InvalidError(
            f"column {name!r} is a single number without rows; a column needs a first dimension, "
            "one element per row",
            column=name,
        )
    return array


def _stack_rows(name: str, rows: Sequence[Any]) -> Any:
    """Returns a list of equally shaped rows as one array, or as one tensor if it holds tensors."""
    if not rows:
        raise InvalidError(f"column {name!r} is an empty list; a column needs rows", column=name)
    shapes = [np.shape(row) for row in rows] if hasattr(rows[0], "shape") else []
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise _unequal(name, f"row 0 has shape {shapes[0]} and row {index} has {shape}")
    if torch_bridge.is_tensor(rows[0]):
        tensors = [torch_bridge.to_cpu_strided(row, column=name) for row in rows]
        array = torch_bridge.stack(tensors)
        dtypes.dtype_name(array.dtype, column=name)
        return array
    try:
        stacked = np.array(rows)
    except ValueError as error:
        raise _unequal(name, str(error)) from error
    if stacked.dtype == object:
        raise _no_row(name, rows)
    dtypes.numpy_dtype_name(stacked.dtype, column=name)
    return stacked


def _no_row(name: str, rows: Sequence[Any]) -> UnsupportedError:
    kinds = (int, float, bool, np.generic, np.ndarray)
    index = next((k for k, row in enumerate(rows) if not isinstance(row, kinds)), 0)
    return UnsupportedError(
        f"column {name!r}: row {index} is of the type {type(rows[index]).__qualname__}, which is "
        "no row of numbers of up to 64 bits; give numbers, arrays, str or bytes, and each part of "
        "a dict or an object as a column of its own",
        column=name,
    )


def _parts(name: str, value: tuple[Any, ...]) -> UnsupportedError:
    names = ", ".join(getattr(value, "_fields", ()))
    return UnsupportedError(
        f"column {name!r} is a {type(value).__name__} ({names}), the parts of rows and not one row "
        "each; make a column of them, such as "
        "hr.ragged(rows.values, offsets=rows.offsets)",
        column=name,
    )


def _unequal(name: str, found: str) -> InvalidError:
    return InvalidError(
        f"column {name!r} is a list whose rows have different shapes ({found}); a list is one "
        "element per row, all of one shape: pad them, or give them as hr.ragged(rows)",
        column=name,
    )


def _refusal(name: str, value: object) -> InvalidError | UnsupportedError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return InvalidError(
            f"column {name!r} is a single number without rows; a column needs a first dimension, "
            "one element per row",
            column=name,
        )
    if isinstance(value, Mapping):
        advice = "pass a dict of columns as keywords: hr.from_arrays(**columns)"
    elif hasattr(value, "to_numpy"):
        advice = "pass .to_numpy() of it"
    elif hasattr(value, "to_memory"):
        advice = "pass .to_memory() of it"
    elif hasattr(value, "toarray") or hasattr(value, "todense"):
        advice = "sparse columns are matrices of scipy.sparse or torch, or hr.csr(...)"
    elif hasattr(value, "__array__"):
        advice = "pass np.asarray(...) of it"
    else:
        advice = "convert it to a numpy array first"
    return UnsupportedError(
        f"column {name!r} is a {kind}; headrace takes numpy arrays, CPU torch tensors, "
        f"sparse matrices and lists: {advice}",
        column=name,
    )
