"""What to do about an error, said for a program and for a shell.

An error carries both, so that the command line speaks of its options and not of Python's arguments.
Options of ``headrace`` are named as the arguments are: one call here makes both phrases.
"""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple


class Advice(NamedTuple):
    """One piece of advice in the words of Python and in those of the command line."""

    python: str
    shell: str

    def within(self, text: str) -> Advice:
        """Returns the advice in the place of ``{}`` in a sentence.

        Example:
            >>> option("version", "2").within("pass {}, if rows are the same").shell
            'pass --version 2, if rows are the same'
        """
        return Advice(*(text.replace("{}", part) for part in self))


def option(name: str, value: str | None = None) -> Advice:
    """Returns how an argument is given; without a value only its name.

    Example:
        >>> option("dry_run"), option("rows", "one").python
        (Advice(python='dry_run=', shell='--dry-run'), "rows='one'")
    """
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return Advice(f"{name}=", flag)
    return Advice(f"{name}={value!r}", f"{flag} {shlex.quote(value)}")


def fill(column: str, value: str | None = None) -> Advice:
    """Returns how to say what stands for nulls of a column.

    Example:
        >>> fill("unit price")
        Advice(python="fill={'unit price': value}", shell="--fill 'unit price'=VALUE")
    """
    shown = "VALUE" if value is None else shlex.quote(value)
    return Advice(
        f"fill={{{column!r}: {value or 'value'}}}", f"--fill {shlex.quote(column)}={shown}"
    )


def columns(column: str, **facts: object) -> Advice:
    """Returns how to say beforehand what a column is.

    Example:
        >>> for words in columns("w", width=300):
        ...     print(words)
        columns={'w': {'width': 300}}
        --columns '{"w": {"width": 300}}'
    """
    given = {column: facts}
    return Advice(f"columns={given!r}", f"--columns {shlex.quote(json.dumps(given))}")


def transform(text: str) -> Advice:
    """Returns the advice to pass a transform, which is `text`.

    Example:
        >>> transform("a function that reads it").shell
        'pass --transform MODULE:FUNCTION, a function that reads it'
    """
    return Advice("transform=", "--transform MODULE:FUNCTION").within(f"pass {{}}, {text}")


def in_a_transform(text: str) -> Advice:
    """Returns advice that is code: a program follows it anywhere, a shell only by a transform.

    Example:
        >>> in_a_transform("cast it first: x.astype(int)").shell
        'cast it first: x.astype(int), in a function that --transform MODULE:FUNCTION names'
    """
    return Advice(text, f"{text}, in a function that --transform MODULE:FUNCTION names")
