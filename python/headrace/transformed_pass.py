"""A pass whose batches go through a transform in the thread that takes them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from headrace.batch_context import BatchContext, BatchPlaces
from headrace.errors import CancelledError
from headrace.transform import Transform

CLOSED = "this iterator was closed; iterate the loader again"
FAILED = "the pass ended with an error; iterate the loader again"
GRACE_SECONDS = 1.0

# Where a batch that was taken stands; asked once for each.
PlacesOf = Callable[[int], BatchPlaces]


class Source(Protocol):
    """A pass that gives batches with their numbers; `_core.Pass` is one."""

    @property
    def epoch(self) -> int:
        """The epoch."""

    @property
    def live(self) -> bool:
        """Whether another batch may come."""

    @property
    def order(self) -> BatchPlaces:
        """What the batches hold."""

    def next_numbered(self) -> tuple[int, Any]:
        """Returns the next batch and its number; raises StopIteration at the end."""

    def prepare(self, room: int, /) -> None:
        """Lets the first `room` batches be made before the first is asked for."""

    def close(self) -> None:
        """Ends the pass."""


class Transformed(NamedTuple):
    """A batch that went through the transform."""

    batch: Any
    seconds: float
    rows: int


class TransformedPass:
    """A pass over the transformed batches of `source`; counts what the user has received."""

    def __init__(
        self, source: Source, transform: Transform, *, places: PlacesOf, seed: int
    ) -> None:
        self._source = source
        self._places = places
        self._transform = transform
        self._seed = seed
        self.order = source.order
        self.epoch = source.epoch
        self._handed_out = 0
        self._rows = 0  # of the batches handed out
        self._transform_s = 0.0  # for them
        self._told_end = False
        self.asked = False
        self._closed = ""  # why
        self._pid = os.getpid()
        self._lock = threading.RLock()

    @property
    def handed_out(self) -> int:
        """How many batches were handed out."""
        return self._handed_out

    @property
    def position(self) -> int:
        """The position up to which batches were handed out."""
        return self.order.position_after(self._handed_out)

    @property
    def counts(self) -> dict[str, float]:
        """What was handed out, and how long it took, by its name in the stats of the loader."""
        return {
            "batches": self._handed_out,
            "rows": self._rows,
            "transform_s": self._transform_s,
        }

    @property
    def ready(self) -> int | None:
        """How many transformed batches are ready now; None if none is made ahead."""
        return None

    @property
    def done(self) -> bool:
        """Whether the epoch is over: every batch was handed out, or next() has said so."""
        if self._told_end:
            return True
        return self._handed_out == self.order.batches > 0 and self.order.complete

    @property
    def live(self) -> bool:
        """Whether another batch may come."""
        return not self._closed and not self.done

    def __next__(self) -> Any:
        if self._pid != os.getpid():
            self._source.next_numbered()  # says so
        self.asked = True
        with self._lock:
            self._check_open()
            try:
                number, batch = self._source.next_numbered()
            except StopIteration:
                self._told_end = True
                raise
            try:
                result = self._apply(number, batch)
            except BaseException:
                self.close(FAILED)
                raise
            self._hand_out(number, result)
            return result.batch

    def prepare(self, room: int) -> None:
        """Lets the first `room` batches be made before the first is asked for."""
        self._source.prepare(room)

    def close(self, why: str = CLOSED, *, grace: float | None = None) -> None:
        """Ends the pass; `why` is what a later next() raises.

        Args:
            why: The message.
            grace: Seconds to wait at most for the transform to return in other threads.
        """
        if not self.done:
            self._closed = self._closed or why
        self._source.close()

    def collect(self) -> None:
        """Ends the pass, as nobody can ask for another batch.

        Functions of the user's that are still running are waited for a moment only: they may wait
        for a lock that the collecting thread holds.
        """
        self.close(grace=GRACE_SECONDS)

    def _check_open(self) -> None:
        if self.done:
            raise StopIteration
        if self._closed:
            raise CancelledError(self._closed)

    def _apply(self, number: int, batch: Any) -> Transformed:
        context = BatchContext(
            self._places(number), seed=self._seed, epoch=self.epoch, batch=number
        )
        return Transformed(*self._transform.timed(batch, context), context.count)

    def _hand_out(self, number: int, result: Transformed) -> None:
        self._handed_out = number + 1
        self._rows += result.rows
        self._transform_s += result.seconds
