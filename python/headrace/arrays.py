"""Datasets over memory that the program already has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace import _core, checks, column_input, dtypes, recipe, sparse_input, torch_bridge
from headrace.array_rows import as_rows
from headrace.column_rows import ColumnRows
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.held_arrays import GivenRows
from headrace.ragged import is_ragged
from headrace.row_chunks import Chunks
from headrace.schema import Field


def from_arrays(*arrays: object, **columns: object) -> Dataset:
    """Returns a dataset over arrays in memory, without copying them.

    Positional arrays give tuple rows and tuple batches, as torch's TensorDataset does; keywords
    give dict rows and dict batches. All arrays have one row per element of their first dimension.

    Args:
        *arrays: numpy arrays, CPU torch tensors, lists, sparse matrices of scipy or torch,
            `ragged`, `csr` or `chunks`; not together with keywords.
        **columns: The same, by column name.

    numpy arrays and torch tensors are read where they are: change one, and the rows change. The
    rows may be strided (``x[::2]``, ``x[:, :10]``). A tensor that requires grad is detached. A
    numpy.memmap works as an array, but headrace does not know its file: open files with `memmap` or
    `open`, which say which file was truncated while it is read, and notice cuts inside a page. A
    list has one element per row and is copied into one array: of str it is text, of bytes it is
    bytes, and other elements must have equal shapes (`ragged` takes unequal ones). A list of
    columns of many rows each is given as ``hr.chunks(columns)``.

    Sparse matrices and tensors (``adata.X`` of AnnData) become csr columns, see
    `Dataset.with_layout`. What is in CSR layout is read where it is, too: its structure is checked
    once, now, and must not change; indices may be in any order and may repeat. Other sparse
    layouts are converted, which sums repeats.

    Raises:
        InvalidError: If the columns have different lengths, or no rows; or a row cannot be: an
            index beyond the width, an end before its begin, text that is no Unicode.
        UnsupportedError: If an array is of a kind or dtype that headrace cannot read.

    Example:
        >>> import numpy as np, headrace as hr
        >>> features, targets = np.zeros((4, 2), np.float32), np.arange(4)
        >>> hr.from_arrays(features, targets)[1]
        (array([0., 0.], dtype=float32), np.int64(1))
        >>> hr.from_arrays(x=features, y=targets)[1:3]["y"].tolist()
        [1, 2]
        >>> hr.from_arrays(w=hr.csr([[2], [], [0, 1]], columns=3), t=["to", "be", "or"])[2]["t"]
        'or'
    """
    if arrays and columns:
        raise InvalidError(
            f"{len(arrays)} positional arrays and the keywords {', '.join(columns)} are mixed; "
            "give all arrays by position (tuple rows) or all by keyword (dict rows)"
        )
    if not arrays and not columns:
        raise InvalidError("no arrays were given; pass at least one, by position or by keyword")
    given = columns or {str(position): array for position, array in enumerate(arrays)}
    for name in given:
        checks.check_column_name(name)
    ready = {name: _as_chunks(name, value) for name, value in given.items()}
    _check_lengths({name: sum(map(_rows, parts)) for name, parts in ready.items()})
    return Dataset(_join(ready), as_tuple=bool(arrays))


def from_rows(columns: Mapping[str, list[ColumnRows]], *, as_tuple: bool) -> Dataset:
    """Returns the dataset of columns in chunks that are read already.

    They have equally many rows in all, not none, and the chunks of a column equal fields.

    Raises:
        InvalidError: If a row cannot be, as `from_arrays` says.
    """
    return Dataset(_join(dict(columns)), as_tuple=as_tuple)


def _as_chunks(name: str, value: object) -> list[Any]:
    """Returns the arrays that make up a column; those without rows only if there is no other."""
    if not isinstance(value, Chunks):
        return [_as_part(name, value)]
    ready = [_as_part(name, part) for part in value.arrays]
    first = _describe(name, ready[0])
    for number, part in enumerate(ready):
        if _describe(name, part) != first:
            raise InvalidError(
                f"column {name!r}: the arrays of chunks need equal kinds, dtypes and row shapes; "
                f"array 0 has {_facts(first)} and array {number} has "
                f"{_facts(_describe(name, part))}",
                column=name,
            )
    return [part for part in ready if _rows(part)] or ready[:1]


def _as_part(name: str, value: object) -> Any:
    """Returns a tensor column as an array or a tensor, and any other as its rows."""
    if _holds_text(value):
        _refuse_nulls(name, value)
    elif not is_ragged(value) and not sparse_input.is_sparse(value):
        return as_rows(name, value)
    return column_input.read_column(name, value)


def _holds_text(value: object) -> bool:
    """Whether it is a list or an array of str or bytes."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "UST":
            return True
        if value.dtype != object or value.ndim != 1:
            return False
    elif not isinstance(value, list | tuple):
        return False
    return len(value) > 0 and isinstance(value[0], str | bytes | bytearray | memoryview)


def _refuse_nulls(name: str, rows: Any) -> None:
    nulls = sum(row is None for row in rows)
    if nulls:
        raise InvalidError(
            f"column {name!r} has {nulls} None in {len(rows)} rows, and columns hold none; put a "
            "str in their place, or drop these rows",
            column=name,
        )


def _rows(part: Any) -> int:
    return part.rows if isinstance(part, ColumnRows) else len(part)


def _describe(name: str, part: Any) -> Field:
    if isinstance(part, ColumnRows):
        return part.field
    return Field(name, dtypes.dtype_name(part.dtype, column=name), tuple(part.shape[1:]))


def _facts(field: Field) -> str:
    return repr(field).partition(": ")[2]


def _join(columns: dict[str, list[Any]]) -> recipe.Made:
    """Returns the dataset of columns in chunks; they have equally many rows in all."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, parts in columns.items():
        groups.setdefault(tuple(map(_rows, parts)), []).append(name)
    made = []
    for lengths, names in groups.items():
        # Columns with the same boundaries lie in the same sources, whose rows are found once.
        pieces = [
            recipe.from_arrays(names, [_as_given(columns[name][k]) for name in names])
            for k in range(len(lengths))
        ]
        made.append(recipe.concat(pieces) if len(pieces) > 1 else pieces[0])
    if len(made) == 1:
        return made[0]
    found = [name for names in groups.values() for name in names]
    order = [found.index(name) for name in columns]
    return recipe.zip_columns(made).view(_core.Dataset.select, order)


def _as_given(part: Any) -> Any:
    if not isinstance(part, ColumnRows):
        return part
    if part.offsets is None:
        bits = part.field.dtype == "bfloat16"
        return torch_bridge.bfloat16_from_bits(part.values) if bits else part.values
    return GivenRows(part.field.to_core(), *part.to_core(), checked=part.checked)


def _check_lengths(lengths: dict[str, int]) -> None:
    first, rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != rows:
            raise InvalidError(
                f"column {first!r} has {rows} rows and column {name!r} has {length}; "
                "all columns need equally many rows",
                column=name,
            )
    if rows == 0:
        raise InvalidError(f"column {first!r} has zero rows; a dataset needs at least one row")
