"""Rows and batches of a dataset: how they are counted, read and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from headrace import _core, checks, indexing, presentation, recipe, row_values
from headrace.byte_sizes import format_bytes
from headrace.column import Column
from headrace.errors import CorruptError, InvalidError
from headrace.schema import Field, Schema
from headrace.shard_table import ShardTable

_P = ParamSpec("_P")
_Self = TypeVar("_Self", bound="Rows")
_CHUNK_BYTES = 4 * 10**6


class Rows:
    """The part of `Dataset` that reads rows."""

    __slots__ = ("__weakref__", "_as_tuple", "_core", "_made", "_schema", "_shards")

    def __init__(self, made: recipe.Made, *, as_tuple: bool) -> None:
        """Made by functions of headrace, not by users."""
        self._made = made
        self._core = made.core
        self._as_tuple = as_tuple
        self._shards: ShardTable | None = None  # made when it is first asked for
        self._schema = Schema(map(Field.from_core, made.core.columns, made.core.layouts))

    @property
    def schema(self) -> Schema:
        """The columns in their order: names, dtypes and row shapes."""
        return self._schema

    def __len__(self) -> int:
        return self._core.rows

    def __repr__(self) -> str:
        columns = ", ".join(map(repr, self._schema.values()))
        files = self._core.file_count
        where = f"{files:,} file{'s' if files > 1 else ''}" if files else "in memory"
        return (
            f"headrace.Dataset(rows={len(self)}, columns=({columns}), {where}, "
            f"{format_bytes(self._core.nbytes)})"
        )

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: object) -> Any: ...
    def __getitem__(self, key: object) -> Any:
        if isinstance(key, str):
            position = self._schema.position(key)
            return Column(self, position=position, field=self._schema[key])
        rows = len(self)
        if indexing.is_row_number(key):
            row = indexing.row_number(key, rows)
            return self._pack([values[0] for values in self._each_row(range(row, row + 1))])
        if isinstance(key, slice):
            return self._pack(self._batch(indexing.row_span(key, rows)))
        if indexing.is_row_list(key):
            indices = indexing.row_numbers(key, rows)
            if indices.ndim != 1:
                raise InvalidError(
                    f"rows are chosen by a list of one dimension; the array has {indices.ndim}"
                )
            return self._pack(self._batch(indices))
        hint = f"; for several rows use ds[{list(key)!r}]" if isinstance(key, tuple) else ""
        raise InvalidError(
            "a dataset is indexed by an int, a slice, a list or array of ints, a mask, or a "
            f"column's name, not by {key!r}{hint}"
        )

    def __contains__(self, name: object) -> bool:
        """Whether there is a column of this name."""
        return isinstance(name, str) and name in self._schema

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __getitems__(self, rows: Sequence[int]) -> list[Any]:
        """Returns single rows, all read at once: what torch's DataLoader asks for."""
        numbers = indexing.row_numbers(list(rows), len(self))
        return [self._pack(list(row)) for row in zip(*self._each_row(numbers), strict=True)]

    def head(self, n: int = 5) -> Any:
        """Returns the first `n` rows as a batch, or all rows if there are fewer.

        Example:
            >>> import numpy as np, headrace as hr
            >>> hr.from_arrays(y=np.arange(1000)).head(3)
            {'y': array([0, 1, 2])}
        """
        return self[: checks.check_int("n", n, low=0, high=checks.MAX_INT64)]

    def chunks(self, rows: int | None = None) -> Iterator[Any]:
        """Iterates over all rows in their order as batches of numpy arrays.

        For statistics and exports; for training use `Loader`.

        Args:
            rows: Rows per batch; None makes batches of about 4 MB. The last may be shorter.

        Example:
            >>> import numpy as np, headrace as hr
            >>> [batch["y"].sum() for batch in hr.from_arrays(y=np.arange(10)).chunks(4)]
            [np.int64(6), np.int64(22), np.int64(17)]
        """
        if rows is None:
            rows = max(1, _CHUNK_BYTES * len(self) // max(1, self._core.nbytes))
        else:
            rows = checks.check_int("rows", rows, low=1, high=checks.MAX_INT64)
        return (self[first : first + rows] for first in range(0, len(self), rows))

    def _view(
        self: _Self,
        make: Callable[Concatenate[_core.Dataset, _P], _core.Dataset],
        *arguments: _P.args,
        **none: _P.kwargs,
    ) -> _Self:
        """Returns ``make(core, *arguments)``, a method of the core's Dataset, with its recipe."""
        return self._with(self._made.view(make, *arguments, **none))

    def _with(self: _Self, made: recipe.Made) -> _Self:
        return type(self)(made, as_tuple=self._as_tuple)

    def _as_stored(self: _Self) -> _Self:
        """Returns the rows without layouts, as what writes them wants them."""
        made = self._made
        for position, field in enumerate(self._schema.values()):
            if field.layout is not None:
                made = made.view(_core.Dataset.with_layout, position, None)
        return self if made is self._made else self._with(made)

    def _pack(self, values: list[Any]) -> Any:
        """Returns one value per column as the user's kind of row or batch."""
        return tuple(values) if self._as_tuple else dict(zip(self._schema, values, strict=True))

    def _batch(self, rows: row_values.RowNumbers) -> list[Any]:
        """Returns the rows as one value for each column."""
        return self._presented(presentation.batch, rows)

    def _each_row(self, rows: row_values.RowNumbers) -> list[Any]:
        """Returns for each column the rows one by one."""
        return self._presented(presentation.rows, rows)

    def _presented(
        self,
        present: Callable[[Field, row_values.CoreArrays, row_values.RowNumbers], Any],
        rows: row_values.RowNumbers,
    ) -> list[Any]:
        presented = []
        read = self._read(rows)
        for position, (field, values) in enumerate(zip(self._schema.values(), read, strict=True)):
            try:
                shown = values if field.is_tensor else present(field, values, rows)
            except CorruptError as error:
                raise row_values.in_file(error, self._core, position) from None
            presented.append(shown)
        return presented

    def _read(self, rows: row_values.RowNumbers) -> list[Any]:
        for field in self._schema.values():
            row_values.check(field)
        if isinstance(rows, range):
            return list(self._core.read_slice(rows.start, len(rows), rows.step))
        return list(self._core.read(rows))
