"""How many ranges are downloaded at a time: what a network needs, found by trying.

Object stores give each connection a part of what they could, so that many are needed; a disk behind
a small server, or a processor that is shared with it, is slower with many.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from headrace.stores.object_store import PIECE_BYTES

_START = 8
_LEAST = 4
_MOST = 32
_GAIN = 1.1  # how much faster twice as many must be to be worth their connections
_RANGE_BYTES = 2**23  # as the core cuts shards
_BYTES_AT_HAND = 2**25  # of the pieces of all that are under way
_WINDOW_RANGES = 2  # per connection
_WINDOW_SECONDS = 0.5
_IDLE = 0.1  # of the time of all: more, and the network was not what was waited for
_FIRST_PAUSE = 4  # windows between trials that changed nothing; each doubles it
_LONGEST_PAUSE = 64


class Concurrency:
    """A number that is doubled or halved where this makes bytes come faster.

    A window of time is measured while all are busy; then one of a trial of another number, which
    stays if it is better: the smaller of two does unless the larger one brings a tenth more. After
    trials in vain the next one comes later and later. Thread-safe; a child of a fork calls
    `restart`.

    Args:
        start: The number at first.
        least: The number goes no lower,
        most: and no higher. Both as `start`: it never changes.
        clock: Seconds.
    """

    def __init__(
        self,
        start: int = _START,
        *,
        least: int = _LEAST,
        most: int = _MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = start
        self._least = least
        self._most = most
        self._clock = clock
        self._base: tuple[int, float] | None = None  # during a trial: what it is compared with
        self._upwards = True
        self._pause = _FIRST_PAUSE
        self._windows_left = 1
        self._idle_seconds = 0.0
        self._looked = 0.0
        self.restart()

    @classmethod
    def fixed(cls, number: int) -> Concurrency:
        """Returns a number that stays."""
        return cls(number, least=number, most=number)

    @property
    def number(self) -> int:
        """How many are to be under way at a time."""
        return self._number

    @property
    def piece_bytes(self) -> int:
        """How much of each is in memory at a time."""
        return min(PIECE_BYTES, _BYTES_AT_HAND // self._number)

    def restart(self) -> None:
        """Begins to measure anew; nobody else may use this now."""
        self._lock = threading.Lock()
        self._idle = 0
        self._begin_window(settling=True)

    @contextlib.contextmanager
    def idling(self) -> Iterator[None]:
        """While one of those that should be under way has nothing to do."""
        with self._lock:
            self._count_idle(1)
        try:
            yield
        finally:
            with self._lock:
                self._count_idle(-1)

    def came(self, size: int) -> None:
        """Counts bytes that came."""
        with self._lock:
            self._bytes += size
            if self._bytes >= self._window_bytes:
                self._end_window()

    def _count_idle(self, change: int) -> None:
        now = self._clock()
        self._idle_seconds += self._idle * (now - self._looked)
        self._looked = now
        self._idle += change

    def _begin_window(self, *, settling: bool) -> None:
        """Begins one; of what comes while others end, or begin, nothing can be told."""
        self._settling = settling
        self._begun = self._looked = self._clock()
        self._bytes = 0
        # Connections that began together bring their pieces together: a window has all of them.
        self._step_bytes = self._number * _RANGE_BYTES
        self._window_bytes = self._step_bytes * (1 if settling else _WINDOW_RANGES)
        self._idle_seconds = 0.0

    def _end_window(self) -> None:
        if self._settling:
            self._begin_window(settling=False)
            return
        seconds = self._clock() - self._begun
        if seconds < _WINDOW_SECONDS:
            self._window_bytes += self._step_bytes
            return
        self._count_idle(0)
        is_busy = self._idle_seconds <= _IDLE * seconds * self._number
        rate = self._bytes / seconds
        self._begin_window(settling=False)
        if self._base is not None:
            self._judge(rate if is_busy else None)
        elif is_busy:
            self._windows_left -= 1
            if self._windows_left <= 0:
                self._try_other(rate)

    def _try_other(self, rate: float) -> None:
        other = self._other()
        if other == self._number:
            self._turn()
        else:
            self._base = self._number, rate
            self._set(other)

    def _other(self) -> int:
        if self._upwards:
            return min(2 * self._number, self._most)
        return max(self._number // 2, self._least)

    def _judge(self, rate: float | None) -> None:
        """Ends a trial that brought `rate`; None: nobody can tell."""
        assert self._base is not None
        number, rate_before = self._base
        self._base = None
        if rate is not None and (
            rate >= _GAIN * rate_before if self._upwards else _GAIN * rate > rate_before
        ):
            self._pause = _FIRST_PAUSE
            self._windows_left = 1
            return
        self._set(number)
        self._turn()

    def _turn(self) -> None:
        """Lets the next trial be in the other direction, and later."""
        self._upwards = not self._upwards
        self._windows_left = self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _set(self, number: int) -> None:
        self._number = number
        self._begin_window(settling=True)
