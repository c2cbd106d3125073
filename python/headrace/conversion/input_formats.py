"""Which format an input is of: what a conversion without a transform reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from headrace import advice
from headrace.conversion.columnar_formats import Arrow, Npy, Parquet
from headrace.conversion.imported_formats import HuggingFace, WebDataset, is_huggingface
from headrace.conversion.inputs import Input
from headrace.conversion.sparse_formats import Svmlight
from headrace.conversion.text_formats import COMPRESSION, Csv, JsonLines, Span, Types
from headrace.errors import UnsupportedError


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
    ".libsvm": Svmlight(),
    ".ndjson": JsonLines(),
    ".npy": Npy(),
    ".parquet": Parquet(),
    ".svm": Svmlight(),
    ".svmlight": Svmlight(),
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
        raise _directory(found.item)
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


def svmlight_of(inputs: Iterable[Input], types: Types) -> Svmlight | None:
    """Returns how the svmlight files among inputs are read, from all of them; None without any."""
    paths = [found.item for found in inputs if isinstance(format_of(found), Svmlight)]
    return Svmlight.decided(paths, types) if paths else None


def check_formats(inputs: Iterable[Input]) -> None:
    """Raises UnsupportedError for an input of no known kind, before anything is converted."""
    for found in inputs:
        format_of(found)


def _directory(path: str) -> UnsupportedError:
    if os.path.isdir(os.path.join(path, "manifests")):
        found = "a dataset of headrace already; open it with hr.open"
    elif (pattern := _pattern(path)) is None:
        found = "a directory without files that are read without a transform"
    else:
        found = f"a directory; pass its files as a glob, for example {pattern!r}"
    return UnsupportedError(f"{path!r} is {found}", file=path)


def _pattern(path: str) -> str | None:
    """Returns a glob for the most frequent kind of files in a directory, or else below it."""
    for names, below in ((os.listdir(path), ""), (_names_below(path), "**")):
        stems = (os.path.splitext(name.lower())[1] for name in names if name[0] != ".")
        found = Counter(suffix for suffix in stems if suffix in _BY_SUFFIX)
        if found:
            return os.path.join(path, below, f"*{found.most_common(1)[0][0]}")
    return None


def _names_below(path: str) -> Iterator[str]:
    return (name for _, _, names in os.walk(path) for name in names)
