"""The threads that bring shards: between the core's queue and an object store, or a function.

They are daemons, start when a process first reads rows of a store, and end with the dataset. What
they take from the queue is a range of a shard, or one that a function loads; the core holds the
file that it is written to, checks it, and decides what is tried again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable

from headrace import _core
from headrace.errors import CancelledError, HeadraceError, InvalidError
from headrace.stores import background_loop
from headrace.stores.concurrency import Concurrency
from headrace.stores.object_store import ObjectStore
from headrace.stores.store_errors import is_retryable

_TAKE_SECONDS = 0.25  # how long a thread waits for a job before it looks whether the process ends


class Fetching:
    """What wakes the threads of one dataset, in each process once.

    Args:
        fetch: Does a job, or says in it why not; raises nothing.
        concurrency: How many call it at a time.
        keep: What must last as long: what a folder goes with.
    """

    def __init__(
        self,
        fetch: Callable[[_core.FetchJob], None],
        *,
        concurrency: Concurrency,
        keep: object = None,
    ) -> None:
        self._fetch = fetch
        self._keep = keep
        self._concurrency = concurrency
        self._crew: _Crew | None = None
        self._woken: dict[int, object] = {}  # by process: a child of a fork has no threads

    def attach(self, shards: _core.RemoteShards) -> None:
        """Takes the jobs of `shards`, which keep this; their end, or the process', is its end."""
        self._port = shards.port()
        # Finalizers run in reverse order: nobody waits for shards, and hardly one is written, when
        # a folder goes that was made for them before.
        weakref.finalize(self, self._port.close)
        shards.set_waker(self.wake)

    def close(self, *, wait: bool = True) -> None:
        """Ends the threads, and returns when the shards are nobody's but the caller's.

        With `wait` false that comes later: a thread may be in a call of the user's function.
        """
        self._port.close()
        if wait and self._crew is not None:
            self._crew.join()

    def wake(self) -> None:
        """Starts the threads, unless they run in this process."""
        me = object()
        if self._woken.setdefault(os.getpid(), me) is not me:  # one call, so that one thread wins
            return
        self._concurrency.restart()
        self._crew = _Crew(self._port, self._fetch, self._concurrency)
        self._crew.fill()


class _Crew:
    """The threads of one process: as many as are to be under way."""

    def __init__(
        self,
        port: _core.FetchPort,
        fetch: Callable[[_core.FetchJob], None],
        concurrency: Concurrency,
    ) -> None:
        self._port = port
        self._fetch = fetch
        self._concurrency = concurrency
        self._changing = threading.Lock()
        self._threads: dict[int, threading.Thread] = {}

    def fill(self) -> None:
        """Starts those that are missing."""
        with self._changing:
            for number in range(self._concurrency.number):
                if number not in self._threads:
                    self._threads[number] = threading.Thread(
                        target=self._work,
                        args=(number,),
                        name=f"headrace-fetch-{number}",
                        daemon=True,
                    )
                    self._threads[number].start()

    def join(self) -> None:
        """Waits until all have ended, after the port was closed."""
        while running := self._running():  # one of them may start another
            for thread in running:
                thread.join()

    def _running(self) -> list[threading.Thread]:
        with self._changing:
            return [thread for thread in self._threads.values() if thread.is_alive()]

    def _work(self, number: int) -> None:
        while not self._leave(number):
            try:
                with self._concurrency.idling():
                    job = self._port.take(_TAKE_SECONDS)
            except CancelledError:
                return
            except HeadraceError:  # the cache cannot be opened: whoever waits for a shard says so
                time.sleep(_TAKE_SECONDS)
                continue
            if job is not None:
                try:
                    self._fetch(job)
                finally:
                    job.close()
                self.fill()

    def _leave(self, number: int) -> bool:
        """Whether a thread has to end: it is one too many, or the process ends."""
        with self._changing:
            if number < self._concurrency.number and not background_loop.has_ended():
                return False
            del self._threads[number]
            return True


def download(store: ObjectStore, concurrency: Concurrency, job: _core.FetchJob) -> None:
    """Downloads one range, or says why not."""
    offset = job.offset
    try:
        pieces = store.stream(
            job.key, offset, offset + job.bytes, piece_bytes=concurrency.piece_bytes
        )
        for piece in pieces:
            job.write(offset, piece)
            offset += len(piece)
            concurrency.came(len(piece))
        job.done("")
    except CancelledError:  # nobody wants it any more
        return
    except HeadraceError as error:
        fail(job, str(error), error.code, retryable=is_retryable(error))
    except Exception as error:  # noqa: BLE001  # its text may hold a secret
        fail(job, f"the store's client failed ({type(error).__name__})", "io", retryable=True)


def fail(job: _core.FetchJob, what: str, code: str, *, retryable: bool) -> None:
    """Says why a job was not done, unless it has ended: the disk failed, or nobody wants it."""
    with contextlib.suppress(CancelledError, InvalidError):
        job.fail(what, code, retryable)
