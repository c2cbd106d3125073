"""A loader's turn: how many rows it hands out in a few seconds, however slow it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import torch

# A turn ends with the batch in which its time is over, or within a batch after this many times
# its time: cold, row by row, one batch can take half a minute.
_PATIENCE = 1.5


class OutOfTimeError(Exception):
    """The time of a turn is over in the middle of a batch."""


class Deadline:
    """The end of a turn, which loaders that read row by row or file by file ask for.

    Attributes:
        rows: Rows read so far by a loader that reads one by one; 0 for others.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.rows = 0

    def check(self) -> None:
        """Raises OutOfTimeError if the time is over."""
        if time.monotonic() > self._end:
            raise OutOfTimeError("no batch was finished in the time of a turn")


class EpochLoader(Protocol):
    """What the measurement needs of a loader."""

    def epoch(self, number: int) -> Iterator[torch.Tensor]:
        """Yields the batches of one epoch."""
        ...


def take_turn(make: Callable[[Deadline], EpochLoader], seconds: float) -> float:
    """Returns the rows per second of epoch after epoch; opening and shuffling count, too.

    A loader that finishes no batch in time gets the rate of the rows that it read.

    Raises:
        OutOfTimeError: It does not say how many these were.
    """
    rows, number = 0, 0
    deadline = Deadline(_PATIENCE * seconds)
    start = time.perf_counter()
    try:
        loader = make(deadline)
        while True:
            for batch in loader.epoch(number):
                rows += len(batch)
                if time.perf_counter() - start >= seconds:
                    return rows / (time.perf_counter() - start)
            number += 1
    except OutOfTimeError:
        rows = max(rows, deadline.rows)
        if rows == 0:
            raise
        return rows / (time.perf_counter() - start)
