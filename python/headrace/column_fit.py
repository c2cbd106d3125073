"""Whether rows of a column fit what the column was said to be, or began as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from headrace import advice, checks
from headrace.column_rows import ColumnRows
from headrace.dtypes import dtype_name
from headrace.errors import InvalidError
from headrace.schema import Field, Kind

Facts: TypeAlias = dict[str, Any]
_FACTS = tuple(f.name for f in fields(Field) if f.name not in ("name", "layout"))


def declared_facts(
    columns: Mapping[str, Field | Mapping[str, object]] | None,
) -> dict[str, Facts]:
    """Returns what `columns=` says about columns, checked.

    Raises:
        InvalidError: If it is not a dict of `Field` or of dicts of their attributes.

    Example:
        >>> declared_facts({"w": {"width": 30000}})
        {'w': {'width': 30000}}
    """
    if not isinstance(columns, Mapping | None):
        raise InvalidError(
            'columns= is a dict by column name: columns={"w": {"width": 30000}} or '
            'columns={"x": hr.Field("x", "float32", (64,))}'
        )
    return {name: _facts_of(name, facts) for name, facts in (columns or {}).items()}


def _facts_of(name: str, given: object) -> Facts:
    checks.check_column_name(name)
    if isinstance(given, Field):
        found = {fact: getattr(given, fact) for fact in _FACTS}
        if given.kind != "csr":
            del found["index_dtype"], found["width"], found["binary"]
        return found
    if not isinstance(given, Mapping):
        raise InvalidError(
            f"columns={{{name!r}: ...}} is an hr.Field or a dict of {', '.join(_FACTS)}, not "
            f"{given!r}",
            column=name,
        )
    facts = dict(given)
    for fact in facts:
        if fact not in _FACTS:
            raise InvalidError(
                f"columns={{{name!r}: ...}} has no {fact!r}; there are {', '.join(_FACTS)}",
                column=name,
            )
    for fact in ("dtype", "index_dtype"):
        if fact in facts:
            facts[fact] = dtype_name(facts[fact], column=name)
    if "width" in facts:
        facts["width"] = checks.check_int(
            f"the width of column {name!r}", facts["width"], low=1, high=checks.MAX_INT64
        )
    if "row_shape" in facts:
        facts["row_shape"] = _row_shape(name, facts["row_shape"])
    if "binary" in facts:
        facts["binary"] = checks.check_bool("binary", facts["binary"])
    if facts.get("kind", "tensor") not in get_args(Kind):
        raise InvalidError(
            f"columns={{{name!r}: ...}}: there is no kind {facts['kind']!r}; the kinds are "
            f"{', '.join(get_args(Kind))}",
            column=name,
        )
    return facts


def _row_shape(name: str, given: object) -> tuple[int, ...]:
    if not isinstance(given, list | tuple):
        raise InvalidError(
            f"columns={{{name!r}: ...}}: row_shape is a tuple of ints such as (28, 28), not "
            f"{given!r}",
            column=name,
        )
    return tuple(
        checks.check_int("row_shape", extent, low=1, high=checks.MAX_INT64) for extent in given
    )


def declare(found: Field, facts: Facts | None) -> Field:
    """Returns what a column is, of which `facts` were declared and a first batch gives the rest.

    Raises:
        InvalidError: If what was declared of csr is no csr.
    """
    if not facts:
        return found
    if found.kind != "csr" and (facts.get("kind") == "csr" or "width" in facts):
        raise InvalidError(
            f"columns= says that {found.name!r} is csr or has a width, and the first batch has "
            f"{_type(found)}, which is neither; give a sparse matrix of scipy, or lists of "
            "{indices, values} of Arrow, or drop it from columns=",
            column=found.name,
        )
    declared = replace(found, **facts)
    if declared.kind == "csr":
        return replace(declared, dtype="uint8") if declared.binary else declared
    if declared.kind in ("bytes", "text"):
        return Field(declared.name, "uint8", kind=declared.kind)
    return Field(declared.name, declared.dtype, declared.row_shape, declared.kind)


def fit(field: Field, rows: ColumnRows, declared: Facts | None, *, lossless: bool) -> ColumnRows:
    """Returns rows as the column has them, with what `field` says; csr stays as wide as it began.

    Args:
        field: What the column began as.
        rows: What came.
        declared: What was said of it.
        lossless: Whether the values have no dtype of their own (a list of Python's numbers), so
            that they become that of the column if it holds them.

    Raises:
        InvalidError: If they are something else; it says what the column began as and what came.
    """
    if field.kind == "csr" and rows.field.kind == "csr":
        return _fit_csr(field, rows)
    if field.kind == "bytes" and rows.field.kind == "text":
        return replace(rows, field=field)
    same = replace(rows.field, dtype=field.dtype) == field
    if same and lossless and rows.field.dtype != field.dtype:
        values = _without_loss(rows.values, field.dtype)
        if values is not None:
            return replace(rows, field=field, values=values)
    if rows.field != field:
        raise _other(field, rows.field, declared)
    return rows


def _other(field: Field, came: Field, declared: Facts | None = None) -> InvalidError:
    what_to_do = "convert it"
    if field.kind == came.kind and field.row_shape == came.row_shape:
        what_to_do = f"convert it with .astype({field.dtype!r})"
    elif "ragged" in (field.kind, came.kind):
        what_to_do = "mark the lists of every batch with hr.ragged(rows)"
    elif field.kind == "csr":
        what_to_do = "make a sparse matrix of it: scipy.sparse.csr_array(x)"
    if declared and came == replace(field, dtype=came.dtype):
        return InvalidError(
            f"column {field.name!r} is {_type(field)}, by columns= or in the dataset, and comes as "
            f"{_type(came)}: what has a dtype is not cast as it is written; {what_to_do} (in a "
            "conversion: in a transform), or keep its dtype and cast what is read, by ds.cast",
            column=field.name,
        )
    return InvalidError(
        f"column {field.name!r} is {_type(field)}, and this batch has {_type(came)}; {what_to_do}, "
        "or write it to another dataset",
        column=field.name,
    )


def _type(field: Field) -> str:
    return repr(field).partition(": ")[2]


def _without_loss(values: NDArray[Any] | None, dtype: str) -> NDArray[Any] | None:
    """Returns Python's numbers in a dtype that holds them; None where it does not."""
    if values is None or dtype == "bfloat16" or values.dtype.kind not in "iuf":
        return None
    wanted = np.dtype(dtype)
    if wanted.kind == "f":
        return _as_floats(values, wanted)
    if wanted.kind not in "iu" or values.dtype.kind == "f":
        return None
    limits = np.iinfo(wanted)
    if values.size and not limits.min <= int(values.min()) <= int(values.max()) <= limits.max:
        return None
    return values.astype(wanted)


def _as_floats(values: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[Any] | None:
    """Returns numbers rounded to a dtype; None for one that is too large, or an int it rounds."""
    with np.errstate(over="ignore"):
        rounded = values.astype(wanted)
    if not np.array_equal(np.isfinite(rounded), np.isfinite(values)):
        return None
    if values.dtype.kind in "iu" and rounded.tolist() != values.tolist():
        return None
    return rounded


def _fit_csr(field: Field, rows: ColumnRows) -> ColumnRows:
    came = rows.field
    # By the indices, since a width need not be given with them. And always, not only once some rows
    # are committed: what is accepted must not depend on when that is.
    if came.width > field.width:
        _check_width(field, rows)
    if field.binary and not came.binary:
        if rows.values is not None and not np.all(rows.values == 1):
            raise InvalidError(
                f"column {field.name!r} is binary, and this batch has values other than 1",
                advice=_made_with(field.name, "or drop the values", binary=False),
                column=field.name,
            )
        came = replace(came, binary=True, dtype="uint8")
        rows = replace(rows, values=None)
    if (came.binary, came.dtype) != (field.binary, field.dtype):
        raise _other(field, came)
    indices = rows.indices
    assert indices is not None
    if came.index_dtype != field.index_dtype:
        indices = _fit_indices(field, rows, indices)
    return replace(rows, field=field, indices=indices)


def _fit_indices(field: Field, rows: ColumnRows, indices: NDArray[Any]) -> NDArray[Any]:
    """Returns indices in the dtype of a column."""
    outside = (indices < 0) | (indices > np.iinfo(field.index_dtype).max)
    if not outside.any():
        return indices.astype(field.index_dtype)
    place = int(np.argmax(outside))
    row, index = _row_of(rows, place), int(indices[place])
    if index < 0:
        raise InvalidError(
            f"column {field.name!r}, row {row} of the batch: the index {index} is negative; "
            "correct it: indices count from 0",
            column=field.name,
            row=row,
        )
    raise InvalidError(
        f"column {field.name!r} has {field.index_dtype} indices, and row {row} of this batch has "
        f"the index {index}",
        advice=_made_with(field.name, "or leave these rows out", index_dtype="int64"),
        column=field.name,
        row=row,
    )


def _check_width(field: Field, rows: ColumnRows) -> None:
    """Raises InvalidError for an index beyond the width of the column."""
    assert rows.indices is not None
    place = int(np.argmax(rows.indices)) if rows.indices.size else 0
    needed = int(rows.indices[place]) + 1 if rows.indices.size else 1
    if needed > field.width:
        row = _row_of(rows, place)
        raise InvalidError(
            f"column {field.name!r} is {field.width} wide, and row {row} of this batch has the "
            f"index {needed - 1}",
            advice=_made_with(
                field.name, "or leave these rows out", width=max(needed, rows.field.width)
            ),
            column=field.name,
            row=row,
        )


def _row_of(rows: ColumnRows, place: int) -> int:
    """Returns the row that has the index at `place`."""
    assert rows.offsets is not None
    return int(np.searchsorted(rows.offsets, place, side="right")) - 1


def _made_with(name: str, otherwise: str, **facts: object) -> advice.Advice:
    """Returns the advice to declare what a dataset that exists does not change any more."""
    return advice.columns(name, **facts).within(
        f"a dataset keeps what it is made with: make a new one with {{}}, {otherwise}"
    )
