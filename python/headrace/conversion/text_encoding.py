"""Where a text file is not UTF-8, and what to do about it."""

from __future__ import annotations

import codecs
import csv
import operator
from collections.abc import Iterable
from typing import NamedTuple

from headrace import advice
from headrace.errors import InvalidError


class _Place(NamedTuple):
    """The first byte that is not UTF-8.

    Attributes:
        line: Its line, from 1.
        offset: How many bytes are before it.
        column: Its column, "" where that is not known.
        row: Its row below the header, None where that is not known.
    """

    line: int
    offset: int
    column: str
    row: int | None


def not_utf8(path: str, lines: Iterable[bytes], *, column: str = "") -> InvalidError:
    """Returns the error for a CSV file with text in another encoding.

    Args:
        path: The file.
        lines: Its lines, decompressed.
        column: The column it is known to be in.
    """
    place = _find(lines)
    where, offset, row = "", None, None
    if place is not None:
        column, offset, row = column or place.column, place.offset, place.row
        where = f", line {place.line}"
    if column:
        where += f", column {column!r}"
    what_to_do = advice.transform(
        "one that knows its encoding: return pyarrow.csv.read_csv(path, "
        'read_options=pyarrow.csv.ReadOptions(encoding="latin1"))'
    )
    if column:
        keep = advice.columns(column, kind="bytes").within("; for bytes that are no text: {}")
        what_to_do = advice.Advice(*map(operator.add, what_to_do, keep))
    return InvalidError(
        f"{path!r}{where}: text that is not UTF-8; rewrite the file, for example with iconv -f "
        "latin1 -t utf-8",
        advice=advice.Advice(*(f"or {words}" for words in what_to_do)),
        file=path,
        column=column,
        row=row,
        offset=offset,
    )


def _find(lines: Iterable[bytes]) -> _Place | None:
    begin, is_quoted = 0, False
    header: list[str] = []
    for number, line in enumerate(lines):
        is_quoted = is_quoted or b'"' in line
        try:
            line.decode()
        except UnicodeDecodeError as error:
            # A value in quotes may hold newlines, after which lines are no rows.
            row = None if is_quoted or number == 0 else number - 1
            cells = _cells(line)
            named = number > 0 and len(cells) == len(header)
            column = header[_first_bad(cells)] if named else ""
            return _Place(number + 1, begin + error.start, column, row)
        if number == 0:
            header = [
                cell.encode("latin-1").decode()
                for cell in _cells(line.removeprefix(codecs.BOM_UTF8))
            ]
        begin += len(line)
    return None


def _cells(line: bytes) -> list[str]:
    """Returns the cells of a line, each byte as one character."""
    return next(csv.reader([line.decode("latin-1").rstrip("\r\n")]), [])


def _first_bad(cells: list[str]) -> int:
    for number, cell in enumerate(cells):
        try:
            cell.encode("latin-1").decode()
        except UnicodeDecodeError:
            return number
    return 0
