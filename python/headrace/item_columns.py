"""Results of many rows each whose columns are not all arrays: ragged, sparse, text, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from headrace import checks, column_input, sparse_input
from headrace.arrays import from_rows
from headrace.column_rows import ColumnRows
from headrace.dataset import Dataset
from headrace.errors import HeadraceError, InvalidError
from headrace.naming import positional_names
from headrace.ordered_map import name_item
from headrace.ragged import is_ragged


def holds_columns(result: object) -> bool:
    """Whether a result has a column that is no array: whose rows have any length."""
    if isinstance(result, Mapping):
        return any(map(_is_column, result.values()))
    return any(map(_is_column, result if type(result) is tuple else (result,)))


def _is_column(value: object) -> bool:
    if isinstance(value, ColumnRows) or is_ragged(value) or sparse_input.is_sparse(value):
        return True
    return isinstance(value, list) and bool(value) and isinstance(value[0], str | bytes)


class ItemColumns:
    """Keeps the columns of each result, which become one dataset in the end.

    As for arrays, dtypes are never promoted. A result without rows is not looked at closely: a list
    of no text has no kind, and ragged lists without a number have no dtype.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[ColumnRows]] = {}
        self._as_tuple = False
        self._first = ""

    def add(self, index: int, item: object, result: Any) -> None:
        """Takes the columns of an item; copies what has memory of its own no more than it must.

        Raises:
            InvalidError, UnsupportedError: If they are none, or not like the first.
        """
        try:
            columns, as_tuple = _named(result)
            read = {name: column_input.read_column(name, value) for name, value in columns.items()}
            self._check(read, as_tuple)
            read = {name: _own(name, rows) for name, rows in read.items()}
        except HeadraceError as error:
            raise error.about(f"fn's result for {name_item(index, item)}") from error.__cause__
        if not self._parts:
            self._parts = {name: [] for name in read}
            self._as_tuple, self._first = as_tuple, name_item(index, item)
        for name, rows in read.items():
            if rows.rows or not self._parts[name]:
                self._parts[name].append(rows)

    def dataset(self) -> Dataset:
        """Returns the dataset of all rows.

        Raises:
            InvalidError: If there are none.
        """
        columns = {name: [_join(parts)] for name, parts in self._parts.items()}
        if not any(rows.rows for (rows,) in columns.values()):
            raise InvalidError("all results have zero rows; a dataset needs at least one row")
        return from_rows(columns, as_tuple=self._as_tuple)

    def _check(self, read: dict[str, ColumnRows], as_tuple: bool) -> None:
        first_name, first = next(iter(read.items()))
        for name, rows in read.items():
            if rows.rows != first.rows:
                raise InvalidError(
                    f"column {first_name!r} has {first.rows} rows and column {name!r} has "
                    f"{rows.rows}; the columns of an item need equally many",
                    column=name,
                )
        if not self._parts:
            return
        if read.keys() != self._parts.keys() or as_tuple != self._as_tuple:
            raise InvalidError(
                f"it has the columns {', '.join(read)}, and that of {self._first} has "
                f"{', '.join(self._parts)}; return the same for every item"
            )
        for name, rows in read.items():
            expected = next(filter(_has_elements, self._parts[name]), rows)
            if _has_elements(rows) and _has_elements(expected) and _kind(rows) != _kind(expected):
                raise InvalidError(
                    f"column {name!r} is {rows.field!r}, and that of {self._first} is "
                    f"{expected.field!r}; return the same for every item",
                    column=name,
                )


def _named(result: Any) -> tuple[dict[str, Any], bool]:
    if isinstance(result, Mapping) and result:
        for name in result:
            checks.check_column_name(name)
        return dict(result), False
    values = result if isinstance(result, tuple) and not hasattr(result, "_fields") else (result,)
    if result is None or not values:
        raise InvalidError("it has no columns; is a return missing?")
    return dict(zip(positional_names(len(values)), values, strict=True)), True


def _has_elements(rows: ColumnRows) -> bool:
    """Whether the dtype counts: lists without any number have none of their own."""
    if rows.field.kind == "ragged":
        return rows.values is not None and len(rows.values) > 0
    return rows.rows > 0


def _kind(rows: ColumnRows) -> object:
    # scipy chooses the dtype of indices by what they are: it may differ from item to item.
    return replace(rows.field, index_dtype="int64")


def _own(name: str, rows: ColumnRows) -> ColumnRows:
    """Returns the rows with copies of what the function may write to again, and of no more."""
    if rows.offsets is None:
        return replace(rows, values=np.array(rows.values))
    parts = [part for part in (rows.values, rows.indices) if part is not None]
    first, last = int(rows.offsets[0]), int(rows.offsets[-1])
    if not 0 <= first <= last <= min(map(len, parts)):
        raise InvalidError(
            f"column {name!r} has offsets from {first} to {last}, and {min(map(len, parts))} "
            "elements",
            column=name,
        )
    values, indices = (
        None if part is None else np.array(part[first:last]) for part in (rows.values, rows.indices)
    )
    return replace(rows, values=values, offsets=rows.offsets - first, indices=indices)


def _join(parts: list[ColumnRows]) -> ColumnRows:
    filled = [part for part in parts if _has_elements(part)] or parts[:1]
    first, rows = filled[0], sum(part.rows for part in parts)
    values = None if first.values is None else np.concatenate([part.values for part in filled])
    if first.offsets is None:
        return replace(first, rows=rows, values=values)
    field, indices = first.field, None
    if first.indices is not None:
        indices = np.concatenate([part.indices for part in filled])
        field = replace(field, index_dtype=indices.dtype.name)
    lengths = [np.diff(part.offsets) for part in parts if part.offsets is not None]
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return replace(first, field=field, rows=rows, values=values, offsets=offsets, indices=indices)
