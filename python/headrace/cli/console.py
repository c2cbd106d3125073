"""What the commands print: tables of rich in a terminal, plain aligned text elsewhere.

The one module that knows rich, which headrace never needs. Whatever comes out of a file is shown
with its control characters escaped: a text column must not steer a terminal.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Console(Protocol):
    """Where a command's output goes."""

    def line(self, text: str = "", *, style: str = "") -> None:
        """Prints one line; `style` is a colour or "bold", where there are such things."""
        ...

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Prints names and values, one below the other."""
        ...

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints a table; columns whose name ends in a space are aligned to the right."""
        ...


def make_console() -> Console:
    """Returns a rich console where stdout is a terminal and rich is there, else a plain one."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return PlainConsole()
    try:
        return RichConsole()
    except ImportError:
        return PlainConsole()


def printable(text: str) -> str:
    r"""Returns `text` with everything escaped that a terminal would not show as a character.

    Example:
        >>> printable("a\x1b[31m")
        'a\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(count: int, what: str) -> str:
    """Returns a number of things.

    Example:
        >>> counted(1, "file"), counted(2000, "row")
        ('1 file', '2,000 rows')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def print_json(value: Any, *, indent: int | None = 1) -> None:
    """Prints `value` as JSON; numbers that JSON does not have (NaN, infinities) become null."""
    print(json.dumps(_finite(value), indent=indent, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class PlainConsole:
    """Aligned text, for pipes and files."""

    def line(self, text: str = "", *, style: str = "") -> None:
        """Prints one line."""
        print(printable(text))

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Prints names and values, one below the other."""
        shown = [(printable(name), printable(value)) for name, value in pairs]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            print(f"{name:<{width}}  {value}".rstrip())

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints a table."""
        to_right = [name.endswith(" ") for name in header]
        cells = [[printable(cell.strip()) for cell in row] for row in (header, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for number, row in enumerate(cells):
            aligned = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, to_right, strict=True)
            )
            print("  ".join(aligned).rstrip())
            if number == 0:
                print("  ".join("-" * width for width in widths))


class RichConsole:
    """The same with colours and rules, fitted to the terminal's width.

    Raises:
        ImportError: rich is not installed.
    """

    def __init__(self) -> None:
        self._console: Any = importlib.import_module("rich.console").Console(highlight=False)
        self._text: Any = importlib.import_module("rich.text").Text
        self._table: Any = importlib.import_module("rich.table").Table

    def line(self, text: str = "", *, style: str = "") -> None:
        """Prints one line."""
        self._console.print(self._text(printable(text), style=style), soft_wrap=True)

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Prints names and values, one below the other."""
        grid = self._table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for pair in pairs:
            grid.add_row(*self._cells(pair))
        self._console.print(grid)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Prints a table."""
        table = self._table(header_style="bold", box=importlib.import_module("rich.box").SIMPLE)
        for name in header:
            right = name.endswith(" ")
            table.add_column(
                *self._cells([name]), justify="right" if right else "left", no_wrap=right
            )
        for row in rows:
            table.add_row(*self._cells(row))
        self._console.print(table)

    def _cells(self, cells: Iterable[str]) -> list[Any]:
        # Text objects: rich would read "[red]" in a string as markup.
        return [self._text(printable(cell.strip())) for cell in cells]
