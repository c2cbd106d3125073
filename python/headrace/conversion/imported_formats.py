"""Data sets of other libraries as steps of rows, read by these libraries: people can move."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from headrace.conversion.text_formats import BLOCK_BYTES, PART_BYTES, Span, Types
from headrace.errors import InvalidError, TruncatedError, UnsupportedError
from headrace.optional_packages import require

_STEP_ROWS = 1000
_TEXT = frozenset({"txt", "text", "json", "jsn", "transcript"})
_NUMBERS = frozenset({"cls", "cls2", "class", "count", "index", "inx", "id"})
_KEY = "__key__"


def is_huggingface(value: object) -> TypeGuard[Any]:
    """Whether this is a Dataset of Hugging Face. Only a program that imported it can own one."""
    datasets = sys.modules.get("datasets")
    kind = getattr(datasets, "Dataset", None)
    return kind is not None and isinstance(value, kind)


class HuggingFace:
    """A Dataset of Hugging Face, or the directory in which one was saved: parts are row ranges."""

    @staticmethod
    def is_directory(path: str) -> bool:
        """Whether ``save_to_disk`` wrote this directory."""
        return any((Path(path) / name).exists() for name in ("state.json", "dataset_dict.json"))

    def split(self, item: Any, size: int) -> list[Span]:
        """Returns the parts of a dataset."""
        found = self._open(item)
        row_bytes = max(1, found.data.nbytes // max(1, found.data.num_rows))
        step = max(1, PART_BYTES // row_bytes)
        begins = range(0, max(1, len(found)), step)
        ends = [min(k + step, len(found)) for k in begins]
        return [Span(k, end, (end - k) * row_bytes) for k, end in zip(begins, ends, strict=True)]

    def read(self, item: Any, span: Span, types: Types) -> Iterator[Any]:
        """Yields the rows as dicts of Arrow columns."""
        found = self._open(item)
        features = found.features
        found = found.with_format("arrow")
        for first in range(span.begin, span.end or 0, _STEP_ROWS):
            table = found[first : min(first + _STEP_ROWS, span.end or 0)]
            yield {name: _plain(table[name], features[name]) for name in table.column_names}

    def _open(self, item: Any) -> Any:
        datasets = require("datasets", to="read a dataset of Hugging Face")
        found = datasets.load_from_disk(item) if isinstance(item, str) else item
        if isinstance(found, datasets.DatasetDict):
            splits = ", ".join(map(repr, found))
            raise InvalidError(
                f"{item!r} holds the splits {splits}; convert one, for example "
                f"{item + '/' + next(iter(found))!r}, and each into a directory of its own",
                file=item,
            )
        return found


def _plain(column: Any, feature: Any) -> Any:
    """Returns a column without the types that only Hugging Face knows."""
    if type(feature).__name__.startswith("Array") and hasattr(feature, "shape"):
        return np.concatenate([_array(chunk.storage, feature.shape) for chunk in column.chunks])
    pa = require("pyarrow", to="read a dataset of Hugging Face")
    if pa.types.is_struct(column.type) and {f.name for f in column.type} == {"bytes", "path"}:
        # An encoded image or sound; where only its path is kept, the file is elsewhere.
        content = pa.chunked_array([chunk.field("bytes") for chunk in column.chunks])
        if content.null_count:
            raise UnsupportedError(
                f"{content.null_count} rows name a file instead of holding it; embed the files "
                "first: dataset.map(lambda row: row) and datasets.table.embed_table_storage"
            )
        return content
    return column


def _array(nested: Any, shape: tuple[int | None, ...]) -> Any:
    """Returns lists of lists of `shape` as an array."""
    rows = len(nested)
    for _ in shape:
        if nested.null_count:
            raise UnsupportedError(f"{nested.null_count} of {rows} arrays are null")
        nested = nested.flatten()
    if None in shape:
        raise UnsupportedError("arrays of other sizes in each row; pad them with dataset.map first")
    return nested.to_numpy(zero_copy_only=False).reshape(rows, *shape)


class WebDataset:
    """A tar of WebDataset: a row per sample, a column per extension, and ``__key__``.

    ``.cls`` and other extensions of numbers are int64, ``.txt`` and ``.json`` text, and all else is
    bytes as they are in the tar.
    """

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the one part of a file: a tar is read from its beginning to its end."""
        return [Span(0, None, size)]

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields the rows as dicts of lists and arrays."""
        tars = require("webdataset.tariterators", to="read tars of WebDataset")
        rows: list[dict[str, Any]] = []
        size = 0
        _check_end(path)
        with open(path, "rb") as file:
            files = ({**entry, "__url__": path} for entry in tars.tar_file_iterator(file))
            for sample in tars.group_by_keys(files):
                row = {k: v for k, v in sample.items() if k == _KEY or not k.startswith("__")}
                if rows and row.keys() != rows[0].keys():
                    raise _uneven(path, rows[0], row)
                rows.append(row)
                size += sum(map(len, row.values()))
                if len(rows) == _STEP_ROWS or size >= BLOCK_BYTES:
                    yield _columns(path, rows)
                    rows, size = [], 0
        if rows:
            yield _columns(path, rows)


def _check_end(path: str) -> None:
    """Raises TruncatedError for a tar without its end, which tarfile takes for a shorter one."""
    with open(path, "rb") as file:
        file.seek(257)
        if file.read(5) != b"ustar":  # compressed, and so checked by its own means
            return
        file.seek(-512, os.SEEK_END)
        if any(file.read()):
            raise TruncatedError(
                f"{path!r} does not end as a tar does, so that its last samples are missing; "
                "get it again",
                file=path,
            )


def _columns(path: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        suffix = name.rpartition(".")[2].lower()
        try:
            if suffix in _NUMBERS:
                columns[name] = np.array([int(value) for value in values], np.int64)
            elif suffix in _TEXT:
                columns[name] = [value.decode() for value in values]
            else:
                columns[name] = values
        except ValueError as error:
            raise InvalidError(
                f"{path!r}: the samples from {rows[0][_KEY]!r} on: .{name} is not what its "
                f"extension says: {error}; read the tar in a transform",
                file=path,
                column=name,
            ) from error
    return columns


def _uneven(path: str, first: dict[str, Any], row: dict[str, Any]) -> InvalidError:
    def names(of: dict[str, Any]) -> str:
        return ", ".join(f".{name}" for name in of if name != _KEY)

    return InvalidError(
        f"{path!r}: sample {row[_KEY]!r} has {names(row)}, and {first[_KEY]!r} has "
        f"{names(first)}; a dataset needs the same columns in each row: choose them in a transform",
        file=path,
    )
