"""From a part of an input to steps: columns of rows that are written at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from headrace import advice, torch_bridge
from headrace.conversion.plan import Part
from headrace.conversion.text_formats import Types
from headrace.errors import HeadraceError, InvalidError, IoError, TransformError
from headrace.item_results import Rows
from headrace.naming import positional_names
from headrace.native.transform import call_for

Transform = Callable[[Any], Any]


class Step(NamedTuple):
    """Rows to be written.

    Attributes:
        columns: A dict of columns, or anything Arrow.
        as_tuple: Whether the columns have no names but positions; None where Arrow names them.
        units: What it adds to what is done of its part.
    """

    columns: Any
    as_tuple: bool | None
    units: int


def read_part(part: Part, transform: Transform | None, rows: Rows, types: Types) -> Iterator[Step]:
    """Yields the steps of a part that are not done.

    Raises:
        TransformError: If the transform raises, or returns what is no columns.
        HeadraceError: If the input cannot be read, or changed meanwhile. Every message names it.
    """
    name = part.input.name
    try:
        if not part.input.is_unchanged():
            raise InvalidError(
                f"{name} has changed or gone since it was listed; convert again",
                file=part.input.item,
            )
        steps = _read(part, types) if transform is None else _transformed(part, transform, rows)
        for step in steps:
            check_unchanged(part)
            yield step
        check_unchanged(part)
    except HeadraceError as error:
        named = name_input(error, name)
        if named is error:
            raise
        raise named from error.__cause__
    except OSError as error:
        file = part.input.item if part.input.is_file else ""
        raise IoError(f"{name} cannot be read: {error}", file=file) from error


def check_unchanged(part: Part) -> None:
    """Raises InvalidError for a file that is no longer what it was when it was listed."""
    try:
        is_unchanged = part.input.is_unchanged()
    except OSError as error:
        raise IoError(f"{part.input.name} cannot be read: {error}", file=part.input.item) from error
    if not is_unchanged:
        raise InvalidError(
            f"{part.input.name} has changed or gone while it was read, and its rows may be of two "
            "states; convert again once nobody writes to it",
            file=part.input.item,
        )


def _read(part: Part, types: Types) -> Iterator[Step]:
    """Yields rows as its format gives them; what counts is rows, however they come."""
    assert part.span is not None
    assert part.format is not None
    to_skip = part.done
    steps: Iterator[Any] | None = None
    while True:
        try:
            if steps is None:
                steps = part.format.read(part.input.item, part.span, types)
            step = next(steps, None)
        except (HeadraceError, OSError, MemoryError):
            raise
        except Exception as error:
            raise InvalidError(
                f"{part.input.name} cannot be read: {type(error).__name__}: {error}"
            ) from error
        if step is None:
            return
        count = _count(step)
        if to_skip < count:
            left = _from_row(step, to_skip) if to_skip else step
            columns, as_tuple = named_columns(left)
            yield Step(columns, as_tuple, count - to_skip)
        to_skip = max(0, to_skip - count)


def _count(step: Any) -> int:
    if isinstance(step, Mapping):
        return len(next(iter(step.values()))) if step else 0
    return len(step[0]) if isinstance(step, tuple) else int(step.num_rows)


def _from_row(step: Any, first: int) -> Any:
    if isinstance(step, Mapping):
        return {name: column[first:] for name, column in step.items()}
    return tuple(c[first:] for c in step) if isinstance(step, tuple) else step.slice(first)


def _transformed(part: Part, transform: Transform, rows: Rows) -> Iterator[Step]:
    result = _call(part, lambda: call_for(transform, part.input.item, part.position))
    if not isinstance(result, Iterator) or hasattr(result, "__arrow_c_array__"):
        if part.done == 0:
            yield _step(part, result, rows)
        return
    number = 0
    while (found := _call(part, lambda: next(result, _END))) is not _END:
        if number >= part.done:
            yield _step(part, found, rows)
        number += 1


_END = object()


def _call(part: Part, fn: Callable[[], Any]) -> Any:
    try:
        return fn()
    except (MemoryError, HeadraceError):
        raise
    except Exception as error:
        raise TransformError(
            f"transform raised {type(error).__name__} for {part.input.name}: {error}"
        ) from error


def _step(part: Part, result: Any, rows: Rows) -> Step:
    columns, as_tuple = named_columns(result)
    if columns is None:
        raise TransformError(
            f"transform's result for {part.input.name} is {describe_result(result)}; return a dict "
            "or a tuple of columns, an Arrow table, or yield several of these"
        )
    if rows == "one":
        if not isinstance(columns, dict):
            raise TransformError(
                f"transform's result for {part.input.name} is {describe_result(result)}",
                advice=advice.option("rows", "one").within(
                    "with {} return a dict or a tuple of the values of one row"
                ),
            )
        columns = {name: _one_row(value) for name, value in columns.items()}
    return Step(columns, as_tuple, 1)


def named_columns(result: Any) -> tuple[Any, bool | None]:
    """Returns columns by name, and whether these names are positions; None for no columns."""
    if isinstance(result, Mapping) and result:
        return dict(result), False
    if isinstance(result, tuple) and result:
        return dict(zip(positional_names(len(result)), result, strict=True)), True
    if isinstance(result, np.ndarray | np.generic) or torch_bridge.is_tensor(result):
        return {"0": result}, True
    # A table, a batch or a reader of Arrow; not a single array, whose column has no name.
    if hasattr(result, "schema") and hasattr(result, "__arrow_c_stream__"):
        return result, None
    if hasattr(result, "schema") and hasattr(result, "__arrow_c_array__"):
        return result, None
    if hasattr(result, "columns") and hasattr(result, "__arrow_c_stream__"):  # a data frame
        return result, None
    return None, None


def _one_row(value: Any) -> Any:
    if isinstance(value, str | bytes):
        return [value]
    return value[None] if torch_bridge.is_tensor(value) else np.asarray(value)[None]


def describe_result(result: object) -> str:
    """Returns what messages call a result that is no columns."""
    if result is None:
        return "None (is a return missing?)"
    if isinstance(result, Mapping | tuple):
        return f"an empty {type(result).__name__}"
    return f"a {type(result).__module__}.{type(result).__qualname__}".replace("builtins.", "")


def name_input(error: HeadraceError, name: str) -> HeadraceError:
    """Returns the error with the name of the input it is about, itself if it says so already."""
    if name in str(error):
        return error
    return error.about(name)
