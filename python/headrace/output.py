"""What batches are made of: torch tensors, numpy arrays or DLPack objects."""

from __future__ import annotations

import warnings
from typing import Literal, get_args

from headrace import dtypes, torch_bridge
from headrace.errors import InvalidError
from headrace.schema import Schema

Output = Literal["torch", "numpy", "dlpack"]

# The smallest signed dtype that holds the values (uint64: the values below 2**63).
_WIDER = {"uint16": "int32", "uint32": "int64", "uint64": "int64"}


def check_output(output: object, schema: Schema) -> None:
    """Raises if batches of these columns cannot be had as `output`; warns where they are of no use.

    The warning points at the caller of the caller.

    Raises:
        InvalidError: If there is no such output.
        MissingDependencyError: If torch is needed and missing.
        UnsupportedError: If numpy does not have the dtype of a column.
    """
    if output not in get_args(Output):
        raise InvalidError(f'output={output!r}: outputs are "torch", "numpy" and "dlpack"')
    if output == "numpy":
        for field in schema.values():
            dtypes.numpy_dtype(field.dtype, column=field.name)
    if output == "torch":
        torch_bridge.require_torch()
        weak = [field for field in schema.values() if field.dtype in _WIDER]
        if weak:
            casts = ", ".join(f"{field.name!r}: {_WIDER[field.dtype]!r}" for field in weak)
            warnings.warn(
                f"torch computes little with {weak[0].dtype} (column {weak[0].name!r}); "
                f"use ds.cast({{{casts}}})",
                UserWarning,
                stacklevel=3,
            )
