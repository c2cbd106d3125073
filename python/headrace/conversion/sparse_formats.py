"""Files of sparse rows as steps: svmlight (libsvm), split anywhere between lines."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

from headrace.conversion.text_formats import Span, Types, byte_ranges
from headrace.svmlight import Ends, SvmlightOptions, base_of, find_ends, read_spans, width_of
from headrace.svmlight import Span as Lines

_UINT64_MAX = 2**64 - 1


class Svmlight:
    """Svmlight: parts are ranges of bytes.

    Whether indices count from 0 is found out for each file by itself, by reading it once more.
    """

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file."""
        return byte_ranges(0, size)

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields rows as the columns x and y."""
        options = SvmlightOptions(
            dtype=_dtype(types),
            multilabel="y" in types and types["y"].kind == "ragged",
            query_id="qid" in types,
            threads=len(os.sched_getaffinity(0)),
        )
        status = os.stat(path)
        ends = _ends(path, status.st_size, status.st_mtime_ns, options)
        base = base_of([ends], "auto")
        width = width_of([ends], base, None)
        if "x" in types:
            width = max(width, types["x"].width)
        lines = Lines(path, span.begin, _UINT64_MAX if span.end is None else span.end)
        yield from read_spans([lines], options, base=base, width=width)


def _dtype(types: Types) -> str:
    return "float32" if "x" in types and types["x"].dtype == "float32" else "float64"


@functools.lru_cache(maxsize=1024)
def _ends(path: str, size: int, changed: int, options: SvmlightOptions) -> Ends:
    """The ends of a file as it is now; read once for all of its parts."""
    return find_ends([path], options)[0]
