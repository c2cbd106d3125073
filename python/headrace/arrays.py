"""Datasets over memory that the program already has."""

from __future__ import annotations

from typing import Any

from headrace import _core, checks, dtypes, recipe
from headrace.array_rows import as_rows
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.row_chunks import Chunks
from headrace.schema import Field


def from_arrays(*arrays: object, **columns: object) -> Dataset:
    """Returns a dataset over arrays in memory, without copying them.

    Positional arrays give tuple rows and tuple batches, as torch's TensorDataset does; keywords
    give dict rows and dict batches. All arrays have one row per element of their first dimension.

    Args:
        *arrays: numpy arrays, CPU torch tensors, lists or `chunks`; not together with keywords.
        **columns: The same, by column name.

    numpy arrays and torch tensors are read where they are: change one, and the rows change. The
    rows may be strided (``x[::2]``, ``x[:, :10]``). A tensor that requires grad is detached. A
    numpy.memmap works as an array, but headrace does not know its file: open files with `memmap` or
    `open`, which say which file was truncated while it is read, and notice cuts inside a page. A
    list has one element per row and is copied into one array; its elements must have equal shapes.
    A list of arrays of many rows each is given as ``hr.chunks(arrays)``.

    Raises:
        InvalidError: If the columns have different lengths, or no rows.
        UnsupportedError: If an array is of a kind or dtype that headrace cannot read.

    Example:
        >>> import numpy as np, headrace as hr
        >>> features, targets = np.zeros((4, 2), np.float32), np.arange(4)
        >>> hr.from_arrays(features, targets)[1]
        (array([0., 0.], dtype=float32), np.int64(1))
        >>> hr.from_arrays(x=features, y=targets)[1:3]["y"].tolist()
        [1, 2]
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
    _check_lengths({name: sum(map(len, parts)) for name, parts in ready.items()})
    return Dataset(_join(ready), as_tuple=bool(arrays))


def _as_chunks(name: str, value: object) -> list[Any]:
    """Returns the arrays that make up a column; those without rows only if there is no other."""
    if not isinstance(value, Chunks):
        return [as_rows(name, value)]
    ready = [as_rows(name, part) for part in value.arrays]
    first = _describe(name, ready[0])
    for number, part in enumerate(ready):
        if _describe(name, part) != first:
            raise InvalidError(
                f"column {name!r}: the arrays of chunks need equal dtypes and row shapes; array 0 "
                f"has {first} and array {number} has {_describe(name, part)}",
                column=name,
            )
    return [part for part in ready if len(part)] or ready[:1]


def _describe(name: str, array: Any) -> Field:
    return Field("rows", dtypes.dtype_name(array.dtype, column=name), tuple(array.shape[1:]))


def _join(columns: dict[str, list[Any]]) -> recipe.Made:
    """Returns the dataset of columns in chunks; they have equally many rows in all."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, parts in columns.items():
        groups.setdefault(tuple(map(len, parts)), []).append(name)
    made = []
    for lengths, names in groups.items():
        # Columns with the same boundaries lie in the same sources, whose rows are found once.
        pieces = [
            recipe.from_arrays(names, [columns[name][k] for name in names])
            for k in range(len(lengths))
        ]
        made.append(recipe.concat(pieces) if len(pieces) > 1 else pieces[0])
    if len(made) == 1:
        return made[0]
    found = [name for names in groups.values() for name in names]
    order = [found.index(name) for name in columns]
    return recipe.zip_columns(made).view(_core.Dataset.select, order)


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
