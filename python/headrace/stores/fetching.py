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
from headrace.stores.object_store import ObjectStore
from headrace.stores.store_errors import is_retryable

_THREADS = 8
_TAKE_SECONDS = 0.25  # how long a thread waits for a job before it looks whether the process ends


class Fetching:
    """What wakes the threads of one dataset, in each process once.

    Args:
        fetch: Does a job, or says in it why not; raises nothing.
        threads: How many call it at a time.
        keep: What must last as long: what a folder goes with.
    """

    def __init__(
        self,
        fetch: Callable[[_core.FetchJob], None],
        *,
        threads: int = _THREADS,
        keep: object = None,
    ) -> None:
        self._fetch = fetch
        self._keep = keep
        self._threads = threads
        self._running: list[threading.Thread] = []
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
        for thread in self._running if wait else ():
            thread.join()

    def wake(self) -> None:
        """Starts the threads, unless they run in this process."""
        me = object()
        if self._woken.setdefault(os.getpid(), me) is not me:  # one call, so that one thread wins
            return
        self._running = [
            threading.Thread(
                target=_work,
                args=(self._port, self._fetch),
                name=f"headrace-fetch-{number}",
                daemon=True,
            )
            for number in range(self._threads)
        ]
        for thread in self._running:
            thread.start()


def _work(port: _core.FetchPort, fetch: Callable[[_core.FetchJob], None]) -> None:
    while not background_loop.has_ended():
        try:
            job = port.take(_TAKE_SECONDS)
        except CancelledError:
            return
        except HeadraceError:  # the cache cannot be opened: whoever waits for a shard says so
            time.sleep(_TAKE_SECONDS)
            continue
        if job is not None:
            try:
                fetch(job)
            finally:
                job.close()


def download(store: ObjectStore, job: _core.FetchJob) -> None:
    """Downloads one range, or says why not."""
    offset = job.offset
    try:
        for piece in store.stream(job.key, offset, offset + job.bytes):
            job.write(offset, piece)
            offset += len(piece)
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
