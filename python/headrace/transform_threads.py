"""A pass whose batches go through a transform in Python threads.

1. A worker waits until fewer than `ahead` batches are claimed and not yet handed out.
2. It takes the next batch of the source, under a lock, so that an error of the source, or its end,
   comes behind the batches that were taken before.
3. It calls the transform, and puts the result, or the error, on the shelf under its number.
4. The consumer takes the results off the shelf in order. An error ends the pass.

Workers hold no reference to the pass, its source or its transform while they wait for room, so that
a cycle of the user's through the transform or a batch_sampler can be collected, which ends them.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any

from headrace.transform import Transform
from headrace.transformed_pass import (
    CLOSED,
    FAILED,
    GRACE_SECONDS,
    PlacesOf,
    Source,
    Transformed,
    TransformedPass,
)


class ThreadedPass(TransformedPass):
    """A pass that is transformed in Python threads; they start with the first next()."""

    def __init__(
        self,
        source: Source,
        transform: Transform,
        *,
        places: PlacesOf,
        seed: int,
        threads: int,
        ahead: int,
    ) -> None:
        super().__init__(source, transform, places=places, seed=seed)
        self._shelf = _Shelf(max(ahead, threads))
        self._count = threads
        self._threads: list[threading.Thread] = []
        self._wait_s = 0.0  # of those who take batches

    @property
    def counts(self) -> dict[str, float]:
        """What was handed out, and how long it took, by its name in the stats of the loader."""
        return super().counts | {"consumer_wait_s": self._wait_s}

    @property
    def ready(self) -> int:
        """How many transformed batches are ready now."""
        if self._pid != os.getpid():
            return 0
        with self._shelf.changed:
            return sum(outcome.result is not None for outcome in self._shelf.results.values())

    def __next__(self) -> Any:
        if self._pid != os.getpid():
            self._source.next_numbered()  # says so
        if not self.asked:
            self.asked = True
            self._shelf.limit(None)
        self._start()
        with self._shelf.changed:
            # Counted first and dropped then, so that Ctrl-C in between leaves no gap to wait for.
            self._shelf.drop(self._handed_out)
            outcome = self._await()
            if outcome.result is not None:
                self._hand_out(self._handed_out, outcome.result)
                self._shelf.drop(self._handed_out)
            elif isinstance(outcome.error, StopIteration):
                self._told_end = True
            else:
                self._closed = self._closed or FAILED
        if outcome.error is not None or self.done:
            self.close(grace=GRACE_SECONDS)
        if outcome.error is not None:
            try:
                raise outcome.error
            finally:
                del outcome  # no cycle through the traceback
        assert outcome.result is not None
        return outcome.result.batch

    def prepare(self, room: int) -> None:
        """Lets the first `room` batches be made, and transformed, before the first is asked for."""
        super().prepare(room)
        if not self.asked:
            self._shelf.limit(room)
            self._start()

    def close(self, why: str = CLOSED, *, grace: float | None = None) -> None:
        """Ends the pass and joins its threads; `why` is what a later next() raises."""
        if self._pid != os.getpid():
            self._closed = self._closed or why
            return  # the threads and whoever held the locks are in another process
        with self._shelf.changed:
            if not self.done:
                self._closed = self._closed or why
            self._shelf.stop()
            threads = list(self._threads)
        self._source.close()
        end = None if grace is None else time.monotonic() + grace
        here = threading.current_thread()
        if here in threads:
            return  # collected by one of them: it must not wait for the others, nor for itself
        for thread in threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))

    def _await(self) -> _Outcome:
        """Waits for the outcome of the next batch. Requires: `changed` is held."""
        start = time.perf_counter()
        try:
            while True:
                self._check_open()
                outcome = self._shelf.results.get(self._handed_out)
                if outcome is not None:
                    return outcome
                self._shelf.changed.wait()
        finally:
            self._wait_s += time.perf_counter() - start

    def _start(self) -> None:
        with self._shelf.changed:
            if self._threads or self._closed or self.done:
                return
            this = weakref.ref(self)
            for index in range(min(self._count, max(1, self.order.batches))):
                thread = threading.Thread(
                    target=_work,
                    args=(self._shelf, this),
                    name=f"headrace-transform-{index}",
                    daemon=True,  # at exit they are joined by the loader, with a limit
                )
                try:
                    thread.start()
                except RuntimeError:
                    if not self._threads:
                        raise
                    return  # fewer threads give the same batches
                self._threads.append(thread)


class _Outcome:
    """What became of a batch: a result or an error."""

    __slots__ = ("error", "result")

    def __init__(
        self, result: Transformed | None = None, *, error: BaseException | None = None
    ) -> None:
        self.result = result
        self.error = error


class _Shelf:
    """Where workers leave results and a consumer finds them, under one lock."""

    def __init__(self, ahead: int) -> None:
        self.changed = threading.Condition()
        self.results: dict[int, _Outcome] = {}
        self._most = self._ahead = ahead
        self._claimed = 0  # batches that workers may take from the source, or have taken
        self._freed = 0  # of these, handed out
        self._stopped = False
        self._taking = threading.Lock()
        self._taken = 0
        self._ended = False

    def limit(self, ahead: int | None) -> None:
        """Lets so many batches be taken and not yet handed out; None: as many as at most."""
        with self.changed:
            self._ahead = self._most if ahead is None else min(ahead, self._most)
            self.changed.notify_all()

    def drop(self, handed_out: int) -> None:
        """Makes room, as so many batches were handed out. Requires: `changed` is held."""
        if handed_out > self._freed:
            self.results.pop(handed_out - 1, None)
            self._freed = handed_out
            self.changed.notify_all()

    def claim(self) -> bool:
        """Waits for room for one more batch; False once there is nothing to do."""
        with self.changed:
            while not self._stopped and self._claimed - self._freed >= self._ahead:
                self.changed.wait()
            self._claimed += 1
            return not self._stopped

    def take_from(self, source: Source) -> tuple[int, Any] | None:
        """Returns the next batch of the source; its end, or its error, goes on the shelf."""
        with self._taking:
            if self._ended:
                return None
            try:
                number, batch = source.next_numbered()
            except BaseException as error:  # noqa: BLE001  # raised where it is taken
                self._ended = True
                self.put(self._taken, _Outcome(error=error))
                return None
            self._taken = number + 1
            return number, batch

    def put(self, number: int, outcome: _Outcome) -> None:
        """Adds the outcome of a batch; dropped after `stop`."""
        with self.changed:
            if not self._stopped:
                self.results[number] = outcome
                self.changed.notify_all()

    def stop(self) -> None:
        """Ends the workers when they next look. Requires: `changed` is held."""
        self._stopped = True
        self.results.clear()
        self.changed.notify_all()


def _work(shelf: _Shelf, this: weakref.ref[ThreadedPass]) -> None:
    while shelf.claim():
        owner = this()
        if owner is None:
            return
        source = owner._source
        del owner  # the source may take its time
        taken = shelf.take_from(source)
        del source
        owner = this()
        if taken is None or owner is None:
            return
        number, batch = taken
        try:
            outcome = _Outcome(owner._apply(number, batch))
        except BaseException as error:  # noqa: BLE001  # raised where it is taken
            outcome = _Outcome(error=error)
        del owner, batch, taken
        shelf.put(number, outcome)
        del outcome
