"""What a dataset was made from: records in its manifests, written with the rows themselves.

1. A record is four numbers in `origins` of a shard's entry: the input's identity, its state, which
   of how many parts (index + count * 2**32), and how far that part is done: a number of steps, and
   the topmost bit once it is complete.
2. What is known by its position only has to stand where it stood, with nothing put before it:
   otherwise rows would be lost or come twice, and that is an error.
3. Since records are committed together with the rows that they speak of, no crash can part them: a
   conversion that goes on does what no record says is done, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from headrace.conversion.input_identity import is_by_position, key_of_position
from headrace.conversion.inputs import Input
from headrace.errors import CorruptError, InvalidError

_COMPLETE = 1 << 63
_NUMBERS = 4


@dataclass(frozen=True)
class Record:
    """How far one part of an input is done."""

    key: int
    stamp: int
    index: int
    count: int
    steps: int
    complete: bool

    def numbers(self) -> tuple[int, int, int, int]:
        """Returns the record as it stands in a manifest."""
        done = self.steps | (_COMPLETE if self.complete else 0)
        return self.key, self.stamp, self.index | self.count << 32, done


def to_origins(records: Iterable[Record]) -> list[int]:
    """Returns the records as the `origins` of a shard."""
    return [number for record in records for number in record.numbers()]


class Ledger:
    """What is committed of every input."""

    def __init__(self) -> None:
        self._stamps: dict[int, int] = {}
        self._steps: dict[tuple[int, int], int] = {}  # of parts begun, by key and index
        self._complete: dict[int, int] = {}  # how many parts are, by key
        self._counts: dict[int, int] = {}
        self._by_position: dict[int, int] = {}  # stamps, by key, not yet recognized
        self._has_gap = False  # whether an item was passed over that is known by its position
        self._recognized: set[int] = set()

    @property
    def unnamed(self) -> int:
        """How many inputs there are that were not recognized."""
        return len(self._stamps) - len(self._recognized)

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, origins: Any) -> None:
        """Adds the records of a shard, or of many one after the other.

        Raises:
            CorruptError: If these are no records.
        """
        table = np.asarray(origins, np.uint64)
        if table.size % _NUMBERS:
            raise CorruptError(
                f"a shard's origins are {table.size} numbers, no multiple of {_NUMBERS}: no "
                "conversion wrote them; convert into a new directory"
            )
        for key, stamp, place, done in table.reshape(-1, _NUMBERS).tolist():
            self._add(key, stamp, place & 0xFFFFFFFF, place >> 32, done)

    def _add(self, key: int, stamp: int, index: int, count: int, done: int) -> None:
        self._stamps[key], self._counts[key] = stamp, count
        if is_by_position(stamp):
            self._by_position[key] = stamp
        before = self._steps.get((key, index), 0)
        if not before & _COMPLETE:
            self._steps[key, index] = max(before, done)
            self._complete[key] = self._complete.get(key, 0) + bool(done & _COMPLETE)

    def recognize(self, found: Input, position: int) -> Input:
        """Returns the input at `position` as it is known here; the inputs come in their order.

        Raises:
            InvalidError: If it is known by its position only, and those before it were others.
        """
        # One that is listed twice under two names may have been two inputs before.
        for key in (found.former, found.key):
            if key in self._stamps and key not in self._recognized:
                found = replace(found, key=key)
                self._recognized.add(key)
                break
        if self._by_position:
            self._check_position(found, position)
        return found

    def _check_position(self, found: Input, position: int) -> None:
        here = key_of_position(position)
        if not is_by_position(found.stamp):
            self._has_gap |= here in self._by_position
            return
        before = self._by_position.pop(here, None)
        if before is None:
            has_moved = found.stamp in self._by_position.values()
            is_other = found.key not in self._stamps and (self._has_gap or has_moved)
        else:
            is_other = before != found.stamp
        if is_other:
            raise InvalidError(
                f"{found.name} can only be known by its position, since the value of a "
                f"{type(found.item).__qualname__} cannot be seen, and the dataset was begun with "
                "other items up to there: rows would be lost or come twice. Pass the items of "
                "before in their order, and new ones behind them, or convert into a new directory; "
                "paths, str, numbers, arrays and dicts of these are known by their value"
            )

    def is_complete(self, found: Input) -> bool:
        """Whether nothing is left to do of an input.

        Raises:
            InvalidError: If the dataset holds rows of another state of it.
        """
        stamp = self._stamps.get(found.key)
        if stamp is None:
            return False
        if stamp != found.stamp and found.is_file:
            raise InvalidError(
                f"{found.name} has changed since it was converted (another size or time of "
                "modification), and the dataset holds rows of what it was; convert into a new "
                "directory, or put the file back",
                file=found.item,
            )
        return self._complete[found.key] == self._counts[found.key]

    def steps(self, found: Input, index: int, count: int) -> int | None:
        """Returns how many steps of a part are done, None if it is complete.

        Raises:
            InvalidError: If the input was split into another number of parts.
        """
        expected = self._counts.get(found.key, count)
        if expected != count:
            raise InvalidError(
                f"{found.name} was converted in {expected} parts and now has {count}: another "
                "version of headrace began; convert into a new directory",
                file=found.item if found.is_file else "",
            )
        done = self._steps.get((found.key, index), 0)
        return None if done & _COMPLETE else done
