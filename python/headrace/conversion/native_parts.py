"""Parts of which native code makes rows: many inputs at a time, in threads of the core."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any, NamedTuple

from headrace.conversion.plan import Part
from headrace.conversion.steps import check_unchanged
from headrace.errors import HeadraceError
from headrace.native.lots import Call, map_lots
from headrace.native.transform import NativeTransform


class NativeRows(NamedTuple):
    """Rows of parts one behind the other.

    Attributes:
        columns: Their rows; None for a part that has to be read by itself, since it failed, has
            changed, or was begun before.
    """

    parts: list[Part]
    columns: dict[str, Any] | None


def read_natively(
    transform: NativeTransform, parts: Iterable[Part]
) -> Generator[NativeRows, None, None]:
    """Yields the rows of all parts, in their order."""
    under_way = deque[Part]()

    def calls() -> Iterator[Call]:
        for part in parts:
            under_way.append(part)
            is_new = part.done == 0 and are_unchanged([part])
            yield Call(part.input.item if is_new else None, part.position)

    with contextlib.closing(map_lots(transform, calls())) as runs:
        for inputs, columns in runs:
            yield NativeRows([under_way.popleft() for _ in range(inputs)], columns)


def are_unchanged(parts: Iterable[Part]) -> bool:
    """Whether all files are what they were when they were listed."""
    try:
        for part in parts:
            check_unchanged(part)
    except HeadraceError:
        return False
    return True
