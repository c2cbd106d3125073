"""What a function returns for an item, checked to be of one kind for all items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from headrace import checks, dtypes, sparse_input, torch_bridge
from headrace.errors import HeadraceError, InvalidError, UnsupportedError
from headrace.ordered_map import name_item
from headrace.ragged import Ragged
from headrace.schema import Field

Rows = Literal["one", "many"]

_NUMBERS = frozenset({bool, int, float})


class ItemResults:
    """Turns each result into one array per column; the first result says what the others must be.

    Dtypes are never promoted: a result of another dtype is an error. A Python int is an int64, a
    float a float64, a bool a bool, and a list what ``np.asarray`` makes of it.
    """

    def __init__(self, rows: Rows) -> None:
        self._many = rows == "many"
        self.names: list[str] | None = None  # None: one array, neither tuple nor dict
        self.as_tuple = True
        self.fields: list[Field] = []
        self._dtypes: list[Any] = []  # that hold the columns
        self._plain: list[Any] = []  # the same, but None where an array of it is not the column's
        self._shapes: list[tuple[int, ...]] = []
        self._first = ""

    @property
    def storage(self) -> list[tuple[Any, tuple[int, ...]]]:
        """The numpy dtype that holds each column, and the shape of a row."""
        return list(zip(self._dtypes, self._shapes, strict=True))

    def arrays(self, index: int, item: object, result: object) -> list[Any]:
        """Returns the arrays of `result`: rows of the columns, or with "many" several rows each.

        Raises:
            InvalidError, UnsupportedError: If it is no result, or not like the first.
        """
        try:
            values = self._values(result)
            if not self.fields:
                return self._set_up(index, item, values)
            arrays: list[Any] = []
            for k, value in enumerate(values):
                array = np.asarray(value) if type(value) in _NUMBERS else value
                # Most values are what they should be, and looking closer costs microseconds.
                if type(array) is not np.ndarray or array.dtype is not self._plain[k]:
                    array = self._converted(k, value)
                if self._many:
                    self._check_many(k, array, arrays)
                elif array.shape != self._shapes[k]:
                    raise self._unlike(k, self._field(k, array))
                arrays.append(array)
        except HeadraceError as error:
            raise error.about(f"fn's result for {name_item(index, item)}") from error.__cause__
        return arrays

    def _set_up(self, index: int, item: object, values: list[Any]) -> list[Any]:
        arrays = []
        for k, value in enumerate(values):
            array, dtype = _as_array(self._name(k), value)
            arrays.append(array)
            self._dtypes.append(array.dtype)
            self._plain.append(None if dtype == "bfloat16" else array.dtype)
            self._shapes.append(array.shape[1:] if self._many else array.shape)
            self.fields.append(Field(self._name(k), dtype, self._shapes[k]))
            if self._many:
                self._check_many(k, array, arrays[:k])
        self._first = name_item(index, item)
        return arrays

    def _values(self, result: Any) -> list[Any]:
        """Returns the values of the columns, in the order of the first result."""
        if result is None:
            raise InvalidError("it is None; is a return missing?")
        if not self.fields:
            if isinstance(result, Mapping):
                self.names, self.as_tuple = list(result), False
                for name in self.names:
                    checks.check_column_name(name)
            elif isinstance(result, tuple):
                self.names = [str(k) for k in range(len(result))]
            if self.names == []:
                raise InvalidError(f"it is an empty {type(result).__name__}, without columns")
        if self.names is None:
            if not isinstance(result, Mapping | tuple):
                return [result]
        elif self.as_tuple:
            if isinstance(result, tuple) and len(result) == len(self.names):
                return list(result)
        elif isinstance(result, Mapping) and len(result) == len(self.names):
            try:
                return [result[name] for name in self.names]
            except KeyError:
                pass
        raise InvalidError(
            f"it is {_describe(result)}, and that of {self._first} is {self._describe_first()}; "
            "return the same for every item"
        )

    def _converted(self, k: int, value: object) -> Any:
        array, dtype = _as_array(self._name(k), value)
        if dtype != self.fields[k].dtype:
            raise self._unlike(k, self._field(k, array, dtype))
        return array

    def _field(self, k: int, array: Any, dtype: str = "") -> Field:
        shape = array.shape[1:] if self._many else array.shape
        return Field(self._name(k), dtype or self.fields[k].dtype, shape)

    def _name(self, k: int) -> str:
        return "0" if self.names is None else self.names[k]

    def _unlike(self, k: int, found: Field) -> InvalidError:
        expected = self.fields[k]
        if found.dtype != expected.dtype:
            advice = f"convert it in fn, for example with np.asarray(x, {expected.dtype!r})"
        elif self._many:
            advice = "make the rows of all items equal in shape"
        else:
            advice = 'pad or crop it in fn; if an item has several rows, pass rows="many"'
        return InvalidError(
            f"column {expected.name!r} is {_kind(found)}, and that of {self._first} is "
            f"{_kind(expected)}; {advice}",
            column=expected.name,
        )

    def _check_many(self, k: int, array: Any, before: list[Any]) -> None:
        """Checks the rows of column k against what they must be, and the columns before it."""
        if array.ndim == 0:
            raise InvalidError(
                f'column {self._name(k)!r} is a single number; with rows="many" the first '
                'dimension counts the rows, and rows="one" takes a result as one row',
                column=self._name(k),
            )
        if array.shape[1:] != self._shapes[k]:
            raise self._unlike(k, self._field(k, array))
        if before and len(array) != len(before[0]):
            raise InvalidError(
                f"column {self._name(0)!r} has {len(before[0])} rows and column "
                f"{self._name(k)!r} has {len(array)}; the columns of an item need equally many",
                column=self._name(k),
            )

    def _describe_first(self) -> str:
        if self.names is None:
            return "an array or a number"
        what = f"of {len(self.names)}" if self.as_tuple else f"with {', '.join(self.names)}"
        return f"a {'tuple' if self.as_tuple else 'dict'} {what}"


def _kind(field: Field) -> str:
    return repr(Field("", field.dtype, field.row_shape)).removeprefix(": ")


def _describe(result: object) -> str:
    if isinstance(result, Mapping):
        return f"a dict with {', '.join(map(str, result))}"
    return f"a tuple of {len(result)}" if isinstance(result, tuple) else _type_name(result)


def _type_name(value: object) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return f"a {kind.removeprefix('builtins.')}"


def _as_array(name: str, value: Any) -> tuple[Any, str]:
    """Returns `value` as a numpy array, and its dtype; bfloat16 is an array of its bits."""
    if torch_bridge.is_tensor(value):
        tensor = torch_bridge.to_cpu_strided(value, column=name)
        dtype = dtypes.dtype_name(tensor.dtype, column=name)
        plain = torch_bridge.to_numpy(tensor)
        return (torch_bridge.bfloat16_to_bits(plain) if plain is tensor else plain), dtype
    if isinstance(value, np.ma.MaskedArray):
        raise UnsupportedError(
            f"column {name!r} is a masked array, whose mask would be lost; return x.filled(...)",
            column=name,
        )
    if value is None:
        raise InvalidError(f"column {name!r} is None", column=name)
    if not isinstance(value, np.ndarray | np.generic | bool | int | float | list):
        several = isinstance(value, str | bytes | Ragged) or sparse_input.is_sparse(value)
        hint = (
            '; with rows="many" columns may also be sparse (one row: a matrix of one), ragged, '
            "text or bytes (one row: a list of one)"
        )
        raise UnsupportedError(
            f"column {name!r} is {_type_name(value)}; fn returns numpy arrays, CPU torch tensors "
            f"or numbers, one of them or a tuple or a dict of them{hint if several else ''}",
            column=name,
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidError(f"column {name!r} is a list that is no array: {error}") from error
    return array, dtypes.numpy_dtype_name(array.dtype, column=name)
