"""Rows of many inputs, for those who store them: in C++ threads, without a call for each input.

1. Inputs are handed to threads of the core in lots, which grow while a lot takes less than some
   milliseconds. Some lots are under way at a time, fewer where inputs are large.
2. The rows of a lot come at once, cut only where an input fails. Of that one nothing comes: the
   caller calls the transform for it alone, which raises why, as everywhere.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from headrace import _core, checks
from headrace.errors import UnsupportedError
from headrace.native.transform import NativeTransform, as_bytes

_SHORT_S, _LONG_S = 0.01, 0.1  # lots that take less grow, those that take more shrink
_MOST_INPUTS = 1024  # of a lot
_LOT_BYTES = 1 << 20  # of inputs; a larger one is a lot of its own
_AHEAD_BYTES = 1 << 28  # of inputs whose rows wait to be taken
_LOTS_PER_THREAD = 4


class Call(NamedTuple):
    """What a transform is called with.

    Attributes:
        item: A path or bytes; anything else is not tried, and left to the caller.
        position: Its number among the inputs.
    """

    item: Any
    position: int


class Run(NamedTuple):
    """The rows of inputs one behind the other.

    Attributes:
        inputs: How many.
        columns: Their rows, of text and bytes as `ColumnRows`; None for one that failed, or was not
            tried.
    """

    inputs: int
    columns: dict[str, Any] | None


def map_lots(
    transform: NativeTransform, calls: Iterable[Call], *, threads: int | None = None
) -> Generator[Run, None, None]:
    """Yields the rows of all inputs, in their order; closed early, it ends the threads.

    Args:
        transform: What makes them.
        calls: The inputs; some are asked for ahead.
        threads: How many threads; None is one for each core that the process may use.
    """
    number = checks.thread_count(threads)
    places = _LOTS_PER_THREAD * number
    limit = _Limit()
    lots, under_way = _lots(calls, limit), deque[_Lot]()
    with closing(transform.lots(threads=number, places=places)) as core:
        while True:
            while len(under_way) < places and (
                len(under_way) <= number or sum(lot.bytes for lot in under_way) < _AHEAD_BYTES
            ):
                lot = next(lots, None)
                if lot is None:
                    break
                if lot.inputs:
                    core.add(lot.inputs, lot.positions, lot.are_files)
                under_way.append(lot)
            if not under_way:
                return
            yield from _results(core, under_way.popleft(), limit)


class _Limit:
    """How many inputs are worth a lot."""

    def __init__(self) -> None:
        self.inputs = 1

    def learn(self, inputs: int, seconds: float) -> None:
        """Takes how long a lot took."""
        if seconds < _SHORT_S and inputs >= self.inputs:
            self.inputs = min(2 * self.inputs, _MOST_INPUTS)
        elif seconds > _LONG_S:
            self.inputs = max(1, self.inputs // 2)


class _Lot:
    """Inputs of one kind; none for a single one of no kind, which is never handed in."""

    def __init__(self, *, are_files: bool) -> None:
        self.inputs: list[bytes] = []
        self.positions: list[int] = []
        self.are_files = are_files
        self.bytes = 0

    def add(self, content: bytes, position: int, size: int) -> None:
        """Takes one more."""
        self.inputs.append(content)
        self.positions.append(position)
        self.bytes += size


def _lots(calls: Iterable[Call], limit: _Limit) -> Iterator[_Lot]:
    lot = _Lot(are_files=True)
    for item, position in calls:
        is_file = isinstance(item, str | os.PathLike)
        try:
            content = os.fsencode(item) if is_file else as_bytes(item)
        except (UnsupportedError, TypeError, ValueError):
            if lot.inputs:
                yield lot
            yield _Lot(are_files=False)
            lot = _Lot(are_files=False)
            continue
        size = _size_of(content) if is_file else len(content)
        is_full = len(lot.inputs) >= limit.inputs or lot.bytes + size > _LOT_BYTES
        if lot.inputs and (is_full or lot.are_files != is_file):
            yield lot
            lot = _Lot(are_files=is_file)
        lot.are_files = is_file
        lot.add(content, position, size)
    if lot.inputs:
        yield lot


def _size_of(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0  # it is an error in its turn


def _results(core: _core.PluginLots, lot: _Lot, limit: _Limit) -> Iterator[Run]:
    if not lot.inputs:
        yield Run(1, None)
        return
    left, seconds = len(lot.inputs), 0.0
    while left:
        found = core.next()
        assert found is not None
        inputs, columns, took = found
        left -= inputs
        seconds += took
        if not left:
            limit.learn(len(lot.inputs), seconds)
        yield Run(inputs, columns)
