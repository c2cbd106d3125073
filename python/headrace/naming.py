"""What the columns of a view are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace import checks
from headrace.errors import InvalidError
from headrace.schema import Schema


def positional_names(count: int) -> list[str]:
    """Returns the names of the columns of tuple rows."""
    return [str(position) for position in range(count)]


def renamed(schema: Schema, names: object, keywords: Mapping[str, str]) -> list[str]:
    """Returns the names of all columns after ``rename(names, **keywords)``.

    Raises:
        InvalidError: If a column does not exist, or two would have one name.
    """
    if (names is None) == (not keywords) or not isinstance(names, Mapping | None):
        raise InvalidError(
            'rename takes a dict or keywords: ds.rename({"old": "new"}) or ds.rename(old="new")'
        )
    wanted = dict(keywords if names is None else names)
    for name in wanted:
        schema.position(name)
    return checked_names([wanted.get(name, name) for name in schema])


def checked_names(names: Sequence[str]) -> list[str]:
    """Returns `names` as a list; raises InvalidError if they cannot be those of columns."""
    for position, name in enumerate(names):
        checks.check_column_name(name)
        if name in names[:position]:
            raise InvalidError(f"two columns would be named {name!r}", column=name)
    return list(names)
