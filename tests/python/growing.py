"""Datasets that grow while tests read them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr


def commit(place: str | Path, first: int, rows: int) -> None:
    """Adds a shard of rows whose column y counts from `first`."""
    with hr.Writer(place) as writer:
        writer.write(y=np.arange(first, first + rows), x=np.zeros(rows, np.float32))


@contextmanager
def growing(place: str | Path, first: int, end: int) -> Iterator[None]:
    """Adds 7 rows at a time meanwhile, up to row `end` or a little beyond."""

    def grow() -> None:
        for row in range(first, end, 7):
            commit(place, row, 7)
            time.sleep(0.01)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        yield
    finally:
        writer.join()


def take(batches: Any, count: int) -> list[list[int]]:
    """Returns y of the next batches."""
    return [batch["y"].tolist() for batch in itertools.islice(batches, count)]


def flat(batches: list[list[int]]) -> list[int]:
    """Returns the rows of batches."""
    return list(itertools.chain.from_iterable(batches))
