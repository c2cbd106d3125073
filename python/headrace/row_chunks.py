"""Columns that are given as several arrays of many rows each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from headrace import torch_bridge
from headrace.errors import InvalidError


class Chunks:
    """A column in several arrays, made by `chunks`."""

    __slots__ = ("arrays",)

    def __init__(self, arrays: list[Any]) -> None:
        self.arrays = arrays

    def __repr__(self) -> str:
        return f"headrace.chunks(<{len(self.arrays)} arrays>)"


def chunks(arrays: Iterable[Any]) -> Chunks:
    """Marks a list of arrays as one column for `from_arrays`: their rows one after the other.

    Without it, a list has one element per row. Nothing is copied. The arrays need equal dtypes and
    row shapes; arrays without rows are passed over. Columns may be cut in different places, as long
    as they have equally many rows in all.

    Example:
        >>> import numpy as np, headrace as hr
        >>> x = [np.zeros((2, 5)), np.ones((3, 5))]
        >>> ds = hr.from_arrays(x=hr.chunks(x), y=np.arange(5))
        >>> ds["x"].shape, ds[2]["y"], ds[2]["x"][0]
        ((5, 5), np.int64(2), np.float64(1.0))
    """
    single = isinstance(arrays, np.ndarray) or torch_bridge.is_tensor(arrays)
    if single or isinstance(arrays, str | bytes | Chunks) or not isinstance(arrays, Iterable):
        raise InvalidError(
            f"chunks takes a list of arrays of many rows each, not a {type(arrays).__name__}"
        )
    found = list(arrays)
    if not found:
        raise InvalidError("chunks got an empty list; a column needs rows")
    return Chunks(found)
