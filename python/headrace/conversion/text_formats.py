"""CSV and JSON lines as steps of Arrow batches, split where a record is sure to begin.

1. A newline ends a record of JSON lines always, since one inside a string is written as an escape.
   In a CSV file it does where the file has no quote at all; a file with quotes is read from its
   beginning to its end, with newlines inside quotes taken as such.
2. The types are inferred from the first block, unless they are known: from the dataset, or from
   what the user said. Text that looks like a time stays text.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from headrace import advice
from headrace.conversion.text_encoding import not_utf8
from headrace.errors import InvalidError
from headrace.optional_packages import require
from headrace.schema import Field

BLOCK_BYTES = 2**23
PART_BYTES = 2**26
_HEADER_BYTES = 2**24  # at most: lines may end with \r alone
COMPRESSION = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

Types = Mapping[str, Field]


class Span(NamedTuple):
    """A part of a file.

    Attributes:
        begin: Where it begins, in units of its format: bytes, rows, row groups.
        end: Where it ends, None for the end of the file.
        weight: About how many bytes of the file it is.
    """

    begin: int
    end: int | None
    weight: int


class JsonLines:
    """A JSON object in each line, without a schema."""

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file: ranges of bytes."""
        return byte_ranges(0, size) if _is_plain(path) else [Span(0, None, size)]

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields the rows as Arrow tables."""
        json = require("pyarrow.json", to="read JSON lines")

        def parse(block: bytes, schema: Any) -> Any:
            return json.read_json(
                io.BytesIO(block),
                read_options=json.ReadOptions(block_size=max(len(block), 1)),
                parse_options=json.ParseOptions(explicit_schema=schema),
            )

        pa = require("pyarrow", to="read JSON lines")
        return _parsed(path, _blocks(path, span), _arrow_types(types), parse, pa.schema)


class Csv:
    """Comma-separated values whose first line names the columns."""

    def split(self, path: str, size: int) -> list[Span]:
        """Returns the parts of a file: ranges of bytes, or the whole where there are quotes."""
        if size <= PART_BYTES or not _is_plain(path) or _has_quotes(path):
            return [Span(0, None, size)]
        with open(path, "rb") as file:
            if b"\r" in file.readline().rstrip(b"\r\n"):  # lines that end with \r alone
                return [Span(0, None, size)]
            return byte_ranges(file.tell(), size)

    def read(self, path: str, span: Span, types: Types) -> Iterator[Any]:
        """Yields the rows as Arrow batches or tables."""
        names = _header(path)
        if span.end is None:
            return self._stream(path, _arrow_types(types))
        pa_csv = require("pyarrow.csv", to="read CSV files")

        def parse(block: bytes, column_types: Any) -> Any:
            table = pa_csv.read_csv(
                io.BytesIO(block),
                read_options=pa_csv.ReadOptions(column_names=names, block_size=len(block)),
                convert_options=pa_csv.ConvertOptions(column_types=column_types),
            )
            _check_text(path, table.schema, column_types)
            return table

        return _parsed(path, _blocks(path, span), _arrow_types(types), parse, dict)

    def _stream(self, path: str, types: dict[str, Any]) -> Iterator[Any]:
        pa = require("pyarrow", to="read CSV files")
        pa_csv = require("pyarrow.csv", to="read CSV files")

        def open_stream() -> Any:
            return pa_csv.open_csv(
                pa.input_stream(path, compression=_compression(path)),
                read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
                parse_options=pa_csv.ParseOptions(newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(column_types=types),
            )

        try:
            reader = open_stream()
            if times := _times(reader.schema):
                types = types | times
                reader = open_stream()
            _check_text(path, reader.schema, types)
            yield from reader
        except _arrow_invalid() as error:
            if "Empty CSV file" in str(error):
                return
            raise _unreadable(path, error) from error


def byte_ranges(begin: int, size: int) -> list[Span]:
    """Returns the parts of the bytes from `begin` on of a file of `size` bytes."""
    begins = range(begin, max(size, begin + 1), PART_BYTES)
    return [Span(k, min(k + PART_BYTES, size), min(PART_BYTES, size - k)) for k in begins]


def _header(path: str) -> list[str]:
    """Returns the names in the first line."""
    with _open(path) as file:
        line = file.readline(_HEADER_BYTES).partition(b"\r")[0]
    try:
        return next(csv.reader([line.decode("utf-8-sig")]), [])
    except UnicodeDecodeError as error:
        raise not_utf8(path, [line]) from error


def _check_text(path: str, schema: Any, known: Mapping[str, Any]) -> None:
    """Raises InvalidError for text that is taken for bytes, since it is not UTF-8."""
    pa = require("pyarrow", to="read CSV files")
    for field in schema:
        if field.name not in known and pa.types.is_binary(field.type):
            with _open(path) as file:
                raise not_utf8(path, file, column=field.name)


def _parsed(
    path: str,
    blocks: Iterator[bytes],
    types: dict[str, Any],
    parse: Callable[[bytes, Any], Any],
    as_schema: Callable[[dict[str, Any]], Any],
) -> Iterator[Any]:
    """Yields the tables of blocks, each parsed with the types of the first."""
    known, is_first = dict(types), True
    for block in blocks:
        if not block.strip():
            continue
        try:
            table = parse(block, as_schema(known))
            if is_first and (times := _times(table.schema)):
                known |= times
                table = parse(block, as_schema(known))
        except _arrow_invalid() as error:
            raise _unreadable(path, error) from error
        # A column without a value yet may still get its type.
        pa = require("pyarrow", to="read text files")
        known |= {f.name: f.type for f in table.schema if not pa.types.is_null(f.type)}
        is_first = False
        yield table


def _blocks(path: str, span: Span) -> Iterator[bytes]:
    """Yields whole lines: those that begin within the span."""
    with _open(path) as file:
        if span.begin:
            # The line that began before belongs to the part before.
            file.seek(span.begin - 1)
            file.readline()
        while span.end is None or file.tell() < span.end:
            left = BLOCK_BYTES if span.end is None else span.end - file.tell()
            block = file.read(min(BLOCK_BYTES, left))
            if not block:
                return
            yield block if block.endswith(b"\n") else block + file.readline()


def _open(path: str) -> Any:
    if _is_plain(path):
        return open(path, "rb")
    pa = require("pyarrow", to="read compressed files")
    return io.BufferedReader(pa.input_stream(path, compression=_compression(path)))


def _is_plain(path: str) -> bool:
    return _compression(path) is None


def _compression(path: str) -> str | None:
    return COMPRESSION.get(os.path.splitext(path)[1].lower())


def _has_quotes(path: str) -> bool:
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            if b'"' in block:
                return True
    return False


def _times(schema: Any) -> dict[str, Any]:
    """Returns text as the type of what was taken for times."""
    pa = require("pyarrow", to="read text files")
    return {field.name: pa.string() for field in schema if pa.types.is_temporal(field.type)}


def _arrow_types(types: Types) -> dict[str, Any]:
    """Returns what parsers need not infer: the types of numbers, text and bytes."""
    pa = require("pyarrow", to="read text files")
    names = {"text": pa.string(), "bytes": pa.binary()}
    found = {}
    for name, field in types.items():
        if field.kind in names:
            found[name] = names[field.kind]
        elif field.is_tensor and field.row_shape == () and field.dtype != "bfloat16":
            found[name] = pa.type_for_alias(field.dtype)
    return found


def _arrow_invalid() -> type[Exception]:
    kind: type[Exception] = require("pyarrow", to="read text files").ArrowInvalid
    return kind


def _unreadable(path: str, error: Exception) -> InvalidError:
    if "invalid UTF8" in str(error):
        with _open(path) as file:
            return not_utf8(path, file)
    what_to_do = advice.transform("a function that reads it").within("correct the file, or {}")
    if re.search("conversion error|changed from", str(error)):
        what_to_do = advice.columns("name", kind="text").within(
            "types are inferred from the first rows; where later ones differ, say what they are, "
            'for example {}, or {"dtype": "float64"}'
        )
    return InvalidError(f"{path!r} cannot be parsed: {error}", advice=what_to_do, file=path)
