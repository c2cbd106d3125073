"""Files of sparse rows as steps: svmlight (libsvm), split anywhere between lines.

From what indices count is not seen in every file: one without an index 0 may count from 0 or 1. So
it is decided once for all files of a dataset, as `read_svmlight` does, and kept with the dataset.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace import checks
from headrace.conversion.text_formats import Span, Types, byte_ranges
from headrace.errors import CorruptError, HeadraceError, InvalidError
from headrace.svmlight import (
    Ends,
    SvmlightOptions,
    base_of,
    find_ends,
    iter_svmlight,
    read_spans,
    width_of,
)
from headrace.svmlight import Span as Lines

_UINT64_MAX = 2**64 - 1


@dataclass(frozen=True)
class Svmlight:
    """Svmlight: parts are ranges of bytes.

    Attributes:
        first_index: From what the indices of all files count, None as long as it is not decided.
        width: How wide rows are at least.
    """

    first_index: int | None = None
    width: int = 1

    @staticmethod
    def decided(paths: Sequence[str], types: Types) -> Svmlight:
        """Returns how files that belong together are read; reads all of them, and keeps nothing.

        A file that is wrong is passed over: it says so when its rows are read.
        """
        options = _options(types)
        try:
            ends = find_ends(paths, options)
        except (HeadraceError, OSError):  # of one of them
            found = (_ends(path, options) for path in paths)
            ends = [one for one in found if one is not None] or [Ends()]
        base = base_of(ends, "auto")
        return Svmlight(base, width_of(ends, base, None))

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file."""
        return byte_ranges(0, size)

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields rows as the columns x and y.

        Raises:
            InvalidError: If the file has an index 0, and those before it were read from 1.
        """
        assert self.first_index is not None
        options = _options(types)
        width = max(self.width, types["x"].width if "x" in types else 1)
        lines = Lines(path, span.begin, _UINT64_MAX if span.end is None else span.end)
        try:
            for step in read_spans([lines], options, base=self.first_index, width=None):
                needed = max(width, step["x"].columns)
                yield {**step, "x": replace(step["x"], columns=needed)}
        except CorruptError as error:
            ends = _ends(path, options) if self.first_index == 1 else None
            if ends is not None and ends.lowest == 0:
                raise _contradiction(path) from error
            raise


def check_iter_svmlight(transform: Callable[[Any], Any] | None) -> None:
    """Raises InvalidError for `iter_svmlight` as a transform that would decide file by file."""
    given = transform.keywords if isinstance(transform, functools.partial) else {}
    function = transform.func if isinstance(transform, functools.partial) else transform
    if function is iter_svmlight and given.get("zero_based", "auto") == "auto":
        raise InvalidError(
            "iter_svmlight as a transform is called with one file at a time, and cannot see from "
            "one alone whether the indices of all count from 0; pass functools.partial("
            "hr.iter_svmlight, columns=..., zero_based=True), or False"
        )


def _contradiction(path: str) -> InvalidError:
    return InvalidError(
        f"{path!r} has an index 0, and the files that the dataset was begun with have none, so "
        "that theirs were read as counting from 1; convert all files into a new directory "
        "together, or say how they count with "
        "transform=functools.partial(hr.iter_svmlight, columns=..., zero_based=True)",
        file=path,
    )


def _options(types: Types) -> SvmlightOptions:
    is_float32 = "x" in types and types["x"].dtype == "float32"
    return SvmlightOptions(
        dtype="float32" if is_float32 else "float64",
        multilabel="y" in types and types["y"].kind == "ragged",
        query_id="qid" in types,
        threads=checks.thread_count(None),
    )


def _ends(path: str, options: SvmlightOptions) -> Ends | None:
    """Returns the ends of a file, None for one that cannot be read."""
    try:
        return find_ends([path], options)[0]
    except (HeadraceError, OSError):
        return None
