"""Files of columns as steps of rows: Parquet, Arrow and .npy, split where they are cut already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from headrace.conversion.text_formats import PART_BYTES, Span, Types
from headrace.errors import InvalidError, TruncatedError, UnsupportedError
from headrace.optional_packages import require

_STEP_BYTES = 2**24
_LARGEST_STEP = 2**16  # rows
_READ_BYTES = 2**28


class Parquet:
    """Parquet: parts are runs of row groups."""

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file."""
        if size <= PART_BYTES:
            return [Span(0, None, size)]
        with self._open(path) as file:
            groups = range(file.metadata.num_row_groups)
            sizes = [file.metadata.row_group(k).total_byte_size for k in groups]
        # What counts is bytes of the file, and these are sizes before compression.
        scale = size / max(1, sum(sizes))
        return _runs([int(scale * one) for one in sizes])

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields the rows as Arrow batches."""
        with self._open(path) as file:
            end = file.metadata.num_row_groups if span.end is None else span.end
            groups = list(range(span.begin, end))
            rows = sum(file.metadata.row_group(k).num_rows for k in groups)
            size = sum(file.metadata.row_group(k).total_byte_size for k in groups)
            yield from file.iter_batches(batch_size=_step(size, rows), row_groups=groups)

    def _open(self, path: str) -> Any:
        pa = require("pyarrow", to="read Parquet files")
        try:
            return require("pyarrow.parquet", to="read Parquet files").ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise InvalidError(f"{path!r} is no Parquet file: {error}", file=path) from error


class Arrow:
    """Arrow IPC: parts of a file are runs of its record batches; a stream is one part."""

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file."""
        if size <= PART_BYTES:
            return [Span(0, None, size)]
        reader = self._open(path)
        if not hasattr(reader, "num_record_batches"):
            return [Span(0, None, size)]
        count = reader.num_record_batches
        return _runs([size // max(count, 1)] * count)

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields the rows as Arrow batches, of a large file over the mapped file."""
        for batch in self._batches(path, span):
            step = _step(batch.nbytes, batch.num_rows, largest=batch.num_rows)
            for first in range(0, batch.num_rows, step):
                yield batch.slice(first, step)

    def _batches(self, path: str, span: Span) -> Iterator[Any]:
        reader = self._open(path)
        if not hasattr(reader, "num_record_batches"):
            yield from reader
            return
        end = reader.num_record_batches if span.end is None else span.end
        for k in range(span.begin, end):
            yield reader.get_batch(k)

    def _open(self, path: str) -> Any:
        pa = require("pyarrow", to="read Arrow files")
        # A map cut short ends the process; but only a map gives parts of a large record batch.
        is_small = os.path.getsize(path) <= _READ_BYTES
        source = pa.OSFile(path) if is_small else pa.memory_map(path)
        try:
            return pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
        try:
            return pa.ipc.open_stream(source)
        except pa.ArrowInvalid as error:
            raise InvalidError(f"{path!r} is no Arrow file: {error}", file=path) from error


class Npy:
    """An array of numpy: parts are ranges of rows."""

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file."""
        array = self._open(path)
        step = max(1, PART_BYTES // max(1, array.nbytes // max(1, len(array))))
        begins = range(0, max(1, len(array)), step)
        return [Span(k, min(k + step, len(array)), min(size, PART_BYTES)) for k in begins]

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields rows as tuples of one array."""
        array = self._open(path)
        end = len(array) if span.end is None else span.end
        step = _step(array.nbytes, len(array), largest=len(array))
        for first in range(span.begin, end, step):
            rows = array[first : min(first + step, end)]
            yield (_read_rows(path, array, rows, first) if array.flags.c_contiguous else rows,)

    def _open(self, path: str) -> Any:
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise InvalidError(f"{path!r} cannot be read: {error}", file=path) from error
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            raise UnsupportedError(f"{path!r} is no array with rows", file=path)
        return array


def _read_rows(path: str, array: Any, rows: Any, first: int) -> Any:
    """Returns rows of a mapped array as a read gives them: cut short, a map ends the process."""
    row_bytes = array.nbytes // len(array)
    found = np.fromfile(path, array.dtype, rows.size, offset=array.offset + first * row_bytes)
    if found.size < rows.size:
        raise TruncatedError(f"{path!r} is shorter than its header says", file=path)
    return found.reshape(rows.shape)


def _runs(weights: list[int]) -> list[Span]:
    """Returns runs of units of about the size of a part."""
    spans: list[Span] = []
    begin, weight = 0, 0
    for k, more in enumerate(weights):
        if k > begin and weight + more > PART_BYTES:
            spans.append(Span(begin, k, weight))
            begin, weight = k, 0
        weight += more
    return [*spans, Span(begin, len(weights), weight)]


def _step(size: int, rows: int, *, largest: int = _LARGEST_STEP) -> int:
    """Returns of how many rows a step is, so that it is of some megabytes."""
    return max(1, min(largest, _STEP_BYTES * rows // max(size, 1)))
