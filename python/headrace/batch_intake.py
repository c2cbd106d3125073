"""Batches of columns as users give them, held to one schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized

import numpy as np

from headrace import advice, arrow_input, checks, sparse_input, stored_rows
from headrace.column_fit import declare, declared_facts, fit
from headrace.column_input import read_column
from headrace.column_rows import ColumnRows
from headrace.dataset_rows import Rows
from headrace.errors import InvalidError
from headrace.ragged import ragged
from headrace.schema import Field, Schema

_VALID = "_valid"


class BatchIntake:
    """Reads batches; the first one with rows says what the columns are, as far as nobody did.

    Args:
        columns: What is known of columns beforehand: by name a `Field`, or a dict of some of its
            facts, such as ``{"w": {"width": 30000}}``.
        fill: What stands in for nulls: one value for all columns, or by column name.
        schema: All columns, where they are known; the batches must have these.

    Example:
        >>> intake = BatchIntake(columns={"w": {"dtype": "int64"}})
        >>> [batch] = intake.read({"w": [1, 2], "t": ["to", "be"]})
        >>> intake.schema
        Schema(w: int64, t: text)
    """

    def __init__(
        self,
        *,
        columns: Mapping[str, Field | Mapping[str, object]] | None = None,
        fill: object = None,
        schema: Schema | None = None,
    ) -> None:
        self._declared = declared_facts(columns)
        self._fill = fill
        self._validated: set[str] | None = None  # columns that have one of their validity
        self._schema: Schema | None = None
        if schema is not None:
            self._schema = schema
            # What a dataset is was said when it was made.
            self._declared = {name: {"width": schema[name].width} for name in schema}
            self._validated = {name for name in schema if name + _VALID in schema}

    @property
    def schema(self) -> Schema | None:
        """The columns; None before there were any rows."""
        return self._schema

    def read(self, data: object) -> Iterator[list[ColumnRows]]:
        """Yields the rows of a dict of columns, of a dataset, or of a table, batch by batch.

        The columns are in the schema's order and equally long. Batches without rows are left out.

        Raises:
            InvalidError: If the columns are not those of the schema, or unequally long; it names
                the column, what it began as and what came.
            UnsupportedError: If a column is of a kind or dtype that there is none for.
        """
        if isinstance(data, Mapping):
            batches: Iterable[Mapping[str, object]] = [data]
        elif isinstance(data, Rows):
            batches = stored_rows.steps(data)
        elif arrow_input.exports_arrow(data):
            batches = arrow_input.record_batches(data)
        else:
            raise InvalidError(
                f"rows are given as columns by name or as a table, not as a {type(data).__name__}: "
                "pass write(x=...), a dict, a dataset, or what exports Arrow data"
            )
        for batch in batches:
            rows = self._read_batch(batch)
            if rows is not None:
                yield rows

    def _read_batch(self, given: Mapping[str, object]) -> list[ColumnRows] | None:
        if not given:
            raise InvalidError("a batch needs at least one column; pass write(x=...)")
        for name in given:
            checks.check_column_name(name)
        if all(map(_is_empty, given.values())):
            return None
        found = {name: self._read_column(name, value) for name, value in given.items()}
        if not _count_rows(found):
            return None
        self._add_validity(found)
        if self._schema is None:
            known = Schema(
                declare(f.field, self._declared.get(f.field.name)) for f in found.values()
            )
            missing = [name for name in self._declared if name not in known]
            if missing:
                raise InvalidError(
                    f"columns names {missing[0]!r}, which the first batch does not have; its "
                    f"columns are {', '.join(map(repr, known))}",
                    column=missing[0],
                )
        else:
            known = self._schema
        if isinstance(self._fill, Mapping):
            _check_fill(known, self._fill)
        _check_names(known, found)
        weak = {name for name, value in given.items() if isinstance(value, list | tuple)}
        fitted = [
            fit(known[name], found[name], self._declared.get(name), lossless=name in weak)
            for name in known
        ]
        self._schema = Schema(column.field for column in fitted)
        return fitted

    def _read_column(self, name: str, value: object) -> ColumnRows:
        kind = self._declared.get(name, {}).get("kind")
        if self._schema is not None and name in self._schema:
            kind = self._schema[name].kind
        if kind == "ragged" and isinstance(value, list | tuple):
            value = ragged(value)
        fill = self._fill.get(name) if isinstance(self._fill, Mapping) else self._fill
        # What is written once is read often: an entry given twice is stored as its sum.
        return read_column(name, sparse_input.without_repeats(value), fill=fill)

    def _add_validity(self, found: dict[str, ColumnRows]) -> None:
        """Adds the columns that say which rows were no nulls."""
        if self._fill is None:
            return
        if self._validated is None:
            named = set(self._fill) if isinstance(self._fill, Mapping) else set()
            self._validated = {n for n, c in found.items() if n in named or c.valid is not None}
        for name, column in list(found.items()):
            valid = column.valid
            if name not in self._validated:
                if valid is not None:
                    raise InvalidError(
                        f"column {name!r} has nulls in this batch and had none in the first",
                        advice=advice.fill(name).within("say beforehand that it may: {}"),
                        column=name,
                    )
                continue
            beside = name + _VALID
            if beside in found:
                raise InvalidError(
                    f"column {beside!r} is given, and fill makes one of that name; rename it",
                    column=beside,
                )
            found[beside] = ColumnRows(
                Field(beside, "bool"),
                column.rows,
                np.ones(column.rows, np.bool_) if valid is None else valid,
            )


def _is_empty(value: object) -> bool:
    """Whether it is a column without rows; an empty list does not even say of what dtype."""
    if isinstance(value, Mapping) or hasattr(value, "tocsr"):
        return False
    return isinstance(value, Sized) and len(value) == 0


def _count_rows(found: Mapping[str, ColumnRows]) -> int:
    first, *others = found.items()
    for name, column in others:
        if column.rows != first[1].rows:
            raise InvalidError(
                f"column {first[0]!r} has {first[1].rows} rows and column {name!r} has "
                f"{column.rows}; all columns of a batch need equally many",
                column=name,
            )
    return first[1].rows


def _check_fill(schema: Schema, fill: Mapping[str, object]) -> None:
    for name in fill:
        if name not in schema:
            raise InvalidError(
                f"fill names {name!r}, and the columns are {', '.join(map(repr, schema))}",
                column=str(name),
            )


def _check_names(schema: Schema, found: Mapping[str, ColumnRows]) -> None:
    columns = ", ".join(map(repr, schema))
    for name in schema:
        if name not in found:
            raise InvalidError(
                f"the batch lacks column {name!r}; every batch has the columns {columns}",
                column=name,
            )
    for name in found:
        if name not in schema:
            raise InvalidError(
                f"the batch has a column {name!r} that there was not before; the columns are "
                f"{columns}",
                column=name,
            )
