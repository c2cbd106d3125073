"""Datasets over files on disk, memory-mapped by the core."""

from __future__ import annotations

import difflib
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from headrace import _core, checks, dtypes, recipe
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.pairing import Columns, FileTable, pair_files

Io = Literal["auto", "mmap", "pread"]

_NOT_MEMMAP = {
    "shape": "shape={}: the rows are counted from each file's size; give the shape of one row as "
    "row_shape=, for example row_shape=(128,) for files of shape (rows, 128)",
    "mode": "mode={}: headrace only reads; drop it",
    "offset": "offset={}: raw files have no header; for .npy files use hr.open",
    "order": "order={}: rows lie one after the other (C order); drop it",
}


def memmap(
    columns: Columns,
    *,
    dtype: object,
    row_shape: object = (),
    io: Io = "auto",
    **unsupported: object,
) -> Dataset:
    """Returns a dataset over raw files, as numpy.memmap writes them.

    Nothing is copied: the files are mapped when they are first read, and a file that is truncated
    or fails while it is read raises an error instead of ending the process.

    Args:
        columns: The files. A glob or a list of paths is one column with tuple rows; a tuple of
            these is several columns with tuple rows; a dict is named columns with dict rows.
            Globs are expanded as by ``glob.glob(recursive=True)``, sorted, and paired over the
            columns by file name without suffix; lists are paired by position. File k must hold
            equally many rows in every column.
        dtype: The dtype of all columns, or one per column: a dict, or a tuple for tuple columns.
        row_shape: The shape of one row, an int or a tuple; the default () is one number per row.
            Also a dict by column (columns left out have one number per row), or for tuple
            columns a tuple of shapes, such as ``((128,), ())``. A tuple of ints is always one
            shape for all columns.
        io: How rows are read: "mmap" through memory maps, "pread" by a call for each run of rows,
            "auto" through maps except on network file systems (where a map cannot report a
            failure), on file systems that have none, and beyond half of ``vm.max_map_count`` maps.
        **unsupported: Nothing; arguments of numpy.memmap get an error that explains.

    Raises:
        InvalidError: If files cannot be paired, or a size is no multiple of the row.
        NotFoundError: If a file is missing or a glob matches nothing.

    Example:
        >>> import tempfile, numpy as np, headrace as hr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for k in range(2):
        ...         np.full((3, 2), k, "float64").tofile(f"{folder}/{k}.bin")
        ...     ds = hr.memmap({"x": f"{folder}/*.bin"}, dtype="float64", row_shape=2)
        ...     print(ds["x"].shape, ds[4]["x"])
        (6, 2) [1. 1.]
    """
    for name, value in unsupported.items():
        raise _unknown_argument(name, value)
    table = pair_files(columns)
    for path in itertools.chain.from_iterable(table.paths):
        if path.endswith(".npy"):
            raise InvalidError(
                f"{path!r} is a .npy file, whose header would be read as rows; use hr.open, which "
                "knows its dtype and shape",
                file=path,
            )
    names, shapes = table.names, _row_shapes(table, row_shape)
    per_column = _per_column(table, dtype, what="dtype", is_tuple_of_values=_is_any_tuple)
    for name in names:
        if name not in per_column:
            raise InvalidError(f"dtype= says nothing about column {name!r}", column=name)
    kinds = [dtypes.dtype_name(per_column[name], column=name) for name in names]
    make = _core.Dataset.from_raw_files
    made = recipe.from_files(make, table.size_of, names, table.paths, kinds, shapes, check_io(io))
    return Dataset(made, as_tuple=table.as_tuple)


def check_io(io: object) -> str:
    """Returns `io`; raises InvalidError for anything but "auto", "mmap" and "pread"."""
    if not isinstance(io, str) or io not in get_args(Io):
        raise InvalidError(f'io={io!r}: rows are read by "auto", "mmap" or "pread"')
    return io


def _unknown_argument(name: str, value: object) -> InvalidError:
    if name in _NOT_MEMMAP:
        return InvalidError(_NOT_MEMMAP[name].format(repr(value)))
    close = difflib.get_close_matches(name, ["dtype", "row_shape", "io"], n=1)
    hint = f"; did you mean {close[0]}=?" if close else ""
    return InvalidError(f"memmap has no argument {name}={hint}")


def _per_column(
    table: FileTable, value: Any, *, what: str, is_tuple_of_values: Callable[[Any], bool]
) -> dict[str, Any]:
    """Returns the argument `what` by column: one value for all, a mapping, or a tuple."""
    if isinstance(value, Mapping):
        if table.as_tuple:
            raise InvalidError(
                f"{what}= is a dict but the columns have no names; give one value for all "
                "columns or a tuple with one per column"
            )
        for name in value:
            if name not in table.names:
                known = ", ".join(map(repr, table.names))
                raise InvalidError(f"{what}= names a column {name!r}; the columns are {known}")
        return dict(value)
    if is_tuple_of_values(value):
        if not table.as_tuple:
            raise InvalidError(f"{what}= is a tuple but the columns are named; give a dict")
        if len(value) != len(table.names):
            raise InvalidError(
                f"{what}= has {len(value)} entries for {len(table.names)} columns; give one each"
            )
        return dict(zip(table.names, value, strict=True))
    return dict.fromkeys(table.names, value)


def _row_shapes(table: FileTable, row_shape: object) -> list[list[int]]:
    given = _per_column(table, row_shape, what="row_shape", is_tuple_of_values=_is_tuple_of_shapes)
    return [_one_shape(name, given.get(name, ())) for name in table.names]


def _is_any_tuple(value: object) -> bool:
    return isinstance(value, tuple)


def _is_tuple_of_shapes(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(part, (tuple, list)) for part in value)


def _one_shape(column: str, shape: Any) -> list[int]:
    sizes = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    for size in sizes:
        is_int = hasattr(size, "__index__") and not isinstance(size, bool)
        if not is_int or not 1 <= operator.index(size) <= checks.MAX_INT64:
            raise InvalidError(
                f"column {column!r}: row_shape={shape!r} is no shape of a row; give positive ints, "
                "for example 128, (3, 32, 32), or () for one number per row",
                column=column,
            )
    return [operator.index(size) for size in sizes]
