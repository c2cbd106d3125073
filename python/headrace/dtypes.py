"""The element types of columns, and their names."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace import torch_bridge
from headrace.errors import UnsupportedError

# Every dtype that a column can have. bfloat16 exists in torch only.
DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
)

_ADVICE = {
    "O": "convert it with .astype(...), for example .astype(np.float32)",
    "U": "encode the text as integers first, for example with np.unique(..., return_inverse=True)",
    "S": "view the bytes as integers first, for example .view(np.uint8).reshape(rows, -1)",
    "T": "encode the text as integers first, for example with np.unique(..., return_inverse=True)",
    "M": 'convert it to integers first, for example .astype("int64")',
    "m": 'convert it to integers first, for example .astype("int64")',
    "c": "give the real and the imaginary part as two columns",
    "V": "give each field of the structure as a column of its own",
}


def dtype_name(dtype: object, *, column: str) -> str:
    """Returns headrace's name of `dtype`: a name, a numpy dtype or scalar type, or a torch dtype.

    Raises:
        UnsupportedError: If columns cannot have this dtype. The message says what to do.
    """
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    if torch_bridge.is_dtype(dtype):
        name = str(dtype).removeprefix("torch.")
        if name in DTYPES:
            return name
        raise UnsupportedError(
            f"column {column!r}: torch dtype {name} is not supported; convert it with .to(...) "
            f"to one of {', '.join(DTYPES)}",
            column=column,
        )
    found: np.dtype[Any] | None = None
    if dtype is not None:  # numpy takes None for float64; here it is a mistake
        try:
            found = np.dtype(dtype)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            found = None
    if found is None:
        raise UnsupportedError(
            f"column {column!r}: {dtype!r} is no dtype; the dtypes are {', '.join(DTYPES)}",
            column=column,
        )
    return numpy_dtype_name(found, column=column)


def numpy_dtype_name(dtype: np.dtype[Any], *, column: str) -> str:
    """Returns headrace's name of a numpy dtype; raises UnsupportedError where there is none."""
    if dtype.name in DTYPES and dtype.isnative and dtype.subdtype is None:
        return dtype.name
    if dtype.name in DTYPES and not dtype.isnative:
        raise UnsupportedError(
            f"column {column!r}: dtype {dtype.str!r} has foreign byte order; convert it with "
            f".astype({dtype.name!r})",
            column=column,
        )
    kind = dtype.kind if dtype.fields is None else "V"
    advice = _ADVICE.get(kind, "convert it with .astype(...), for example to float64")
    raise UnsupportedError(
        f"column {column!r}: dtype {dtype} is not supported; {advice}", column=column
    )


def numpy_dtype(name: str, *, column: str) -> np.dtype[Any]:
    """Returns the numpy dtype named `name`; raises UnsupportedError for bfloat16."""
    if name == "bfloat16":
        raise UnsupportedError(
            f"column {column!r} is bfloat16, which numpy does not have; read it through "
            f'hr.Loader(..., output="torch"), or use ds.cast({{{column!r}: "float32"}})',
            column=column,
        )
    return np.dtype(name)
