"""Arrays of a dataset as its recipe holds them, and as a pickle does."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headrace import torch_bridge
from headrace.schema import CoreField, Field


class GivenRows(NamedTuple):
    """Rows of a column with offsets in Python's memory, as the core takes them.

    Unless they are checked, the core looks at each row. A pickle forgets that they were.
    """

    field: CoreField
    rows: int
    values: NDArray[Any] | None
    offsets: NDArray[Any] | None
    indices: NDArray[Any] | None
    checked: bool = False


def hold_all(values: Iterable[Any]) -> tuple[Any, ...]:
    """Returns arrays, tensors and `GivenRows` as a recipe holds them; anything else as it is."""
    return tuple(map(_hold, values))


def _hold(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return HeldArray(value)
    if isinstance(value, GivenRows):
        return HeldRows(value)
    return HeldBfloat16(value) if torch_bridge.is_tensor(value) else value


class HeldArray:
    """An array that the core reads in place.

    A weak reference: the core keeps its arrays alive as long as one of its rows may be read, and a
    recipe that names an array of columns or rows since dropped must not keep it longer. Such an
    array is pickled as its shape alone, since nothing reads it.
    """

    __slots__ = ("_dtype", "_reference", "_shape")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._reference: Callable[[], Any] = weakref.ref(array)
        self._dtype = array.dtype.str
        self._shape = array.shape

    def without_values(self) -> HeldShape:
        """Returns what is pickled where no row shows the array."""
        return HeldShape(self._dtype, self._shape)

    @property
    def gone(self) -> bool:
        """Whether the core has let go of the array."""
        return self._reference() is None

    @property
    def nbytes(self) -> int:
        """Bytes that a pickle holds."""
        array = self._reference()
        return 0 if array is None else array.nbytes

    def __reduce__(self) -> tuple[Any, ...]:
        array = self._reference()
        if array is None:
            return self.without_values().__reduce__()
        # Not as a numpy.memmap or another subclass.
        return np.ascontiguousarray, (np.asarray(array),)


class HeldShape:
    """An array that no row shows any more."""

    __slots__ = ("_dtype", "_shape")

    def __init__(self, dtype: str, shape: tuple[int, ...]) -> None:
        self._dtype = dtype
        self._shape = shape

    def without_values(self) -> HeldShape:
        """Returns itself."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _one_row, (self._dtype, self._shape)


class HeldBfloat16:
    """A tensor that numpy has no dtype for, pickled as its bits."""

    __slots__ = ("_tensor",)
    gone = False

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def without_values(self) -> HeldBfloat16:
        """Returns itself: an array without memory would be numpy's, which lacks the dtype."""
        return self

    @property
    def nbytes(self) -> int:
        """Bytes that a pickle holds."""
        return int(self._tensor.numel()) * 2

    def __reduce__(self) -> tuple[Any, ...]:
        bits = torch_bridge.bfloat16_to_bits(self._tensor)
        return torch_bridge.bfloat16_from_bits, (np.ascontiguousarray(bits),)


class HeldRows:
    """The rows of a column with offsets, each of their arrays held by itself."""

    __slots__ = ("_field", "_parts", "_rows")

    def __init__(self, given: GivenRows) -> None:
        self._field = given.field
        self._rows = given.rows
        self._parts = hold_all((given.values, given.offsets, given.indices))

    @property
    def arrays(self) -> list[HeldArray]:
        """The arrays of the parts that there are."""
        return [part for part in self._parts if part is not None]

    def without_values(self) -> HeldEmptyRows:
        """Returns what is pickled where no row shows the column."""
        return HeldEmptyRows(self._field, self._rows)

    def __reduce__(self) -> tuple[Any, ...]:
        if any(array.gone for array in self.arrays):
            return self.without_values().__reduce__()
        return GivenRows, (self._field, self._rows, *self._parts)


class HeldEmptyRows:
    """Rows of a column with offsets that no row shows any more."""

    __slots__ = ("_field", "_rows")

    def __init__(self, field: CoreField, rows: int) -> None:
        self._field = field
        self._rows = rows

    def without_values(self) -> HeldEmptyRows:
        """Returns itself."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _empty_rows, (self._field, self._rows)


def _empty_rows(core_field: CoreField, rows: int) -> GivenRows:
    field = Field.from_core(core_field)
    dtype = "int16" if field.dtype == "bfloat16" else field.dtype
    values = None if field.binary else np.empty((0, *field.row_shape), dtype)
    indices = np.empty(0, field.index_dtype) if field.kind == "csr" else None
    return GivenRows(core_field, rows, values, np.zeros(rows + 1, np.int32), indices)


def _one_row(dtype: str, shape: tuple[int, ...]) -> Any:
    """Returns an array whose rows are all the same memory."""
    return np.broadcast_to(np.zeros(shape[1:], dtype), shape)
