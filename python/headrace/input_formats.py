"""Which format an input is of: what a conversion without a transform reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Protocol

from headrace import advice
from headrace.columnar_formats import Arrow, Npy, Parquet
from headrace.conversion_inputs import Input
from headrace.errors import UnsupportedError
from headrace.imported_formats import HuggingFace, WebDataset, is_huggingface
from headrace.text_formats import COMPRESSION, Csv, JsonLines, Span, Types


class Format(Protocol):
    """A kind of input that is read in steps, in parts that can be read alone."""

    def split(self, item: Any, size: int, /) -> list[Span]:
        """Returns the parts, the same for the same file always."""

    def read(self, item: Any, span: Span, types: Types, /) -> Iterator[Any]:
        """Yields the rows of a part in steps of some megabytes."""


_BY_SUFFIX: dict[str, Format] = {
    ".arrow": Arrow(),
    ".csv": Csv(),
    ".feather": Arrow(),
    ".ipc": Arrow(),
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
    ".npy": Npy(),
    ".parquet": Parquet(),
    ".tar": WebDataset(),
}


def format_of(found: Input) -> Format:
    """Returns how to read an input without a transform.

    Raises:
        UnsupportedError: If it is of no known kind.
    """
    if is_huggingface(found.item):
        return HuggingFace()
    path = str(found.item).lower()
    if found.size is None:
        if HuggingFace.is_directory(found.item):
            return HuggingFace()
        raise UnsupportedError(
            f"{found.name} is a directory; pass its files as a glob, for example "
            f"{os.path.join(found.item, '*.parquet')!r}",
            file=found.item,
        )
    stem, suffix = os.path.splitext(path)
    if suffix in COMPRESSION and stem.endswith((".csv", ".jsonl", ".ndjson")):
        suffix = os.path.splitext(stem)[1]
    if suffix not in _BY_SUFFIX:
        raise UnsupportedError(
            f"{found.name} is of no kind that is read without a transform "
            f"({', '.join(_BY_SUFFIX)})",
            advice=advice.transform("a function that makes columns of its path"),
            file=found.item,
        )
    return _BY_SUFFIX[suffix]
