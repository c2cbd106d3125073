"""Files in svmlight (libsvm) format: read whole into a dataset, or in steps of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from headrace import _core, checks, column_input, dtypes
from headrace.arrays import from_rows
from headrace.column_rows import ColumnRows
from headrace.csr import SparseColumn
from headrace.dataset import Dataset
from headrace.errors import InvalidError, UnsupportedError
from headrace.pairing import ColumnFiles, files_of
from headrace.ragged import ragged

ZeroBased = bool | Literal["auto"]

_LARGEST_INDEX = 2**31 - 1
_END = 2**64 - 1
_STEP_BYTES = 2**23  # of text


class Span(NamedTuple):
    """The lines of a file that begin within [begin, end)."""

    path: str
    begin: int = 0
    end: int = _END


@dataclass(frozen=True)
class SvmlightOptions:
    """How files are read: the checked arguments of `read_svmlight`."""

    columns: int | None = None
    zero_based: ZeroBased = "auto"
    multilabel: bool = False
    query_id: bool = False
    dtype: str = "float64"
    threads: int = 1

    @staticmethod
    def checked(
        columns: object,
        zero_based: object,
        multilabel: object,
        query_id: object,
        dtype: object,
        threads: object,
    ) -> SvmlightOptions:
        """Returns them; raises InvalidError or UnsupportedError for what they cannot be."""
        if columns is not None:
            columns = checks.check_int("columns", columns, low=1, high=_LARGEST_INDEX + 1)
        if zero_based != "auto" and not isinstance(zero_based, bool):
            raise InvalidError(f'zero_based is True, False or "auto", not {zero_based!r}')
        name = dtypes.dtype_name(dtype, column="x")
        if name not in ("float32", "float64"):
            raise UnsupportedError(
                f"values are read as float32 or float64, not {name}; cast what was read, with "
                f"ds.cast(x={name!r})",
                column="x",
            )
        return SvmlightOptions(
            columns,
            "auto" if zero_based == "auto" else bool(zero_based),
            checks.check_bool("multilabel", multilabel),
            checks.check_bool("query_id", query_id),
            name,
            checks.thread_count(threads),
        )


class Ends(NamedTuple):
    """The least and the largest index in a file as they are written; -1 where it has none."""

    lowest: int = -1
    highest: int = -1

    def and_of(self, part: dict[str, Any]) -> Ends:
        """Returns the ends of this and of a part as the core gives it."""
        lowest, highest = part["lowest_index"], part["highest_index"]
        least = lowest if self.lowest < 0 else self.lowest
        return Ends(least if lowest < 0 else min(lowest, least), max(highest, self.highest))


def read_svmlight(
    files: ColumnFiles,
    *,
    columns: int | None = None,
    zero_based: ZeroBased = "auto",
    multilabel: bool = False,
    query_id: bool = False,
    dtype: object = "float64",
    threads: int | None = None,
) -> Dataset:
    r"""Reads files in svmlight (libsvm) format into a dataset in memory, on all cores.

    The columns are ``x``, csr, and ``y``, the labels as float64; numbers, rows and the width are
    those of scikit-learn's ``load_svmlight_file``, bit for bit. Several files are one after
    another. For files larger than memory use `convert`, which writes shards of them, or
    `iter_svmlight`.

    A line is ``label qid:7 index:value index:value ... # comment``, where everything but the label
    may be missing; indices are in ascending order. Blank lines are passed over. Decimals become the
    nearest number; beyond the range of float64 they are infinite or 0. ``nan`` and ``inf`` are
    numbers, hexadecimal floats are none.

    Args:
        files: A path, a glob, or a list of paths.
        columns: How wide rows are; None for as wide as the largest index needs.
        zero_based: Whether indices count from 0. "auto": they count from 1 if each file has
            indices and none of them is 0, as in scikit-learn.
        multilabel: Whether lines have any number of labels, as in ``1,3``: ``y`` is then ragged,
            the labels of each row sorted.
        query_id: Whether each line has a query: they become the column ``qid``, as int64. Otherwise
            they are passed over.
        dtype: Of the values: "float64" or "float32".
        threads: How many; None for one per processor that this process may use.

    Raises:
        CorruptError: If a line is wrong; the message has file, line and column, and ``offset`` is
            the byte.
        InvalidError: If no file has a row, an index needs more than `columns`, or an argument is
            wrong.
        NotFoundError: If a file is missing or a glob matches nothing.

    Example:
        >>> import tempfile, headrace as hr
        >>> with tempfile.NamedTemporaryFile("w", suffix=".svm") as file:
        ...     _ = file.write("1 1:0.5 4:2\n-1 2:1e-3  # a comment\n")
        ...     file.flush()
        ...     ds = hr.read_svmlight(file.name)
        >>> ds["y"][:].tolist(), ds.schema["x"].width
        ([1.0, -1.0], 4)
        >>> ds["x"][0].indices.tolist(), ds["x"][0].values.tolist()
        ([0, 3], [0.5, 2.0])
    """
    options = SvmlightOptions.checked(columns, zero_based, multilabel, query_id, dtype, threads)
    paths = _paths(files)
    reader = _reader([Span(path) for path in paths], options)
    parts, ends = [], [Ends()] * len(paths)
    while (part := reader.next()) is not None:
        ends[part["span"]] = ends[part["span"]].and_of(part)
        if "indptr" in part:
            parts.append(part)
    if not parts:
        raise InvalidError(
            f"there is no row in {paths[0]!r}{' and the other files' * (len(paths) > 1)}; a "
            "dataset needs at least one",
            file=paths[0],
        )
    base = base_of(ends, options.zero_based)
    width = width_of(ends, base, options.columns)
    read = [_rows(part, base, width) for part in parts]
    return from_rows({name: [one[name] for one in read] for name in read[0]}, as_tuple=False)


def iter_svmlight(
    files: ColumnFiles,
    *,
    columns: int | None = None,
    zero_based: ZeroBased = "auto",
    multilabel: bool = False,
    query_id: bool = False,
    dtype: object = "float64",
    threads: int | None = None,
) -> Iterator[dict[str, Any]]:
    r"""Yields the rows of `read_svmlight` as dicts of columns, some megabytes at a time.

    Memory is bounded whatever the size of the files. Unless both `columns` and `zero_based` are
    given, the files are read twice: first to find the largest and the least index. Usable as the
    transform of a conversion, which calls it with one file at a time: it then wants `zero_based`,
    and `columns` where files differ in width.

    Example:
        >>> import functools, tempfile, headrace as hr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(f"{folder}/a.txt", "w") as file:
        ...         _ = file.write("1 0:0.5 3:2\n-1 1:1\n")
        ...     read = functools.partial(hr.iter_svmlight, columns=5, zero_based=True)
        ...     ds = hr.convert(f"{folder}/a.txt", f"{folder}/shards", transform=read)
        ...     print(len(ds), ds.schema["x"].width)
        2 5
    """
    options = SvmlightOptions.checked(columns, zero_based, multilabel, query_id, dtype, threads)
    paths = _paths(files)
    if options.columns is None or options.zero_based == "auto":
        ends = find_ends(paths, options)
        base = base_of(ends, options.zero_based)
        width = width_of(ends, base, options.columns)
    else:
        base, width = int(not options.zero_based), options.columns
    return read_spans([Span(path) for path in paths], options, base=base, width=width)


def read_spans(
    spans: Sequence[Span], options: SvmlightOptions, *, base: int, width: int | None
) -> Iterator[dict[str, Any]]:
    """Yields the rows of spans; `base` is the index of the first of `width` columns.

    Without a width each step is as wide as it needs.
    """
    options = replace(options, columns=width, zero_based=base == 0)
    reader = _reader(spans, options, part_bytes=_STEP_BYTES)
    while (part := reader.next()) is not None:
        if "indptr" in part:
            yield _columns(part, base, width)


def find_ends(paths: Sequence[str], options: SvmlightOptions) -> list[Ends]:
    """Returns the ends of the indices of each file; reads all of them, and keeps nothing."""
    reader = _reader([Span(path) for path in paths], options, keep_rows=False)
    ends = [Ends()] * len(paths)
    while (part := reader.next()) is not None:
        ends[part["span"]] = ends[part["span"]].and_of(part)
    return ends


def base_of(ends: Sequence[Ends], zero_based: ZeroBased) -> int:
    """Returns from what indices count."""
    if zero_based == "auto":
        return int(all(end.lowest > 0 for end in ends))
    return int(not zero_based)


def width_of(ends: Sequence[Ends], base: int, columns: int | None) -> int:
    """Returns how wide rows are.

    Raises:
        InvalidError: If that is more than `columns`.
    """
    needed = max(1, max(end.highest for end in ends) - base + 1)
    if columns is not None and needed > columns:
        raise InvalidError(
            f"indices count from 0, since some are 0, and the largest is {needed - 1}; give at "
            f"least columns={needed}, or zero_based=False to find the line with a 0"
        )
    return needed if columns is None else columns


def _paths(files: object) -> list[str]:
    if isinstance(files, tuple | dict):
        raise InvalidError(
            "files are given as a path, a glob or a list of paths; what they hold is one dataset, "
            f"not one for each name: {files!r}"
        )
    return files_of(files, example="*.svm")


def _reader(
    spans: Sequence[Span],
    options: SvmlightOptions,
    *,
    keep_rows: bool = True,
    part_bytes: int = 0,
) -> _core.SvmlightReader:
    guess_base = options.zero_based == "auto"
    base = int(options.zero_based is False)
    highest = _LARGEST_INDEX
    if options.columns is not None:  # unless a 0 is seen, indices count from 1
        highest = min(highest, options.columns - int(options.zero_based is True))
    return _core.SvmlightReader(
        list(spans),
        float32=options.dtype == "float32",
        multilabel=options.multilabel,
        query_id=options.query_id,
        lowest_index=base,
        highest_index=highest,
        base=base,
        guess_base=guess_base,
        keep_rows=keep_rows,
        threads=options.threads,
        part_bytes=part_bytes,
    )


def _rows(part: dict[str, Any], base: int, width: int) -> dict[str, ColumnRows]:
    columns = _columns(part, base, width)
    read = {name: column_input.read_column(name, value) for name, value in columns.items()}
    return {name: replace(rows, checked=True) for name, rows in read.items()}


def _columns(part: dict[str, Any], base: int, width: int | None) -> dict[str, Any]:
    indices = part["indices"]
    if part["base"] != base:
        indices += part["base"] - base
    if width is None:
        width = int(indices.max(initial=0)) + 1
    found: dict[str, Any] = {
        "x": SparseColumn(part["indptr"], indices, part["values"], width),
        "y": part["labels"],
    }
    if "label_offsets" in part:
        found["y"] = ragged(part["labels"], offsets=part["label_offsets"])
    if "query_ids" in part:
        found["qid"] = part["query_ids"]
    return found
