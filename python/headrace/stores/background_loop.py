"""Where requests to stores run: an event loop in a thread of its own, one for the process.

Whoever waits for a request here waits for a lock, so Ctrl-C ends the wait at once, and the request
is dropped with it. A blocking call of the client could not be interrupted.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from headrace.errors import CancelledError, UnsupportedError

_Result = TypeVar("_Result")

_PATIENCE_S = 1.0  # at the end of the process

_guard = threading.Lock()
_loops: list[_Loop] = []  # one, once there was a request


class _Loop:
    """The event loop and its thread."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="headrace-stores", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def _run(self) -> None:
        self.loop.run_forever()

    def _end(self) -> None:
        """Drops all requests, so that none of them returns while the interpreter goes."""
        if os.getpid() != self.process:
            return
        self.loop.call_soon_threadsafe(self._cancel)
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            self.loop.close()

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)


def submit(request: Callable[[], Awaitable[_Result]]) -> Future[_Result]:
    """Begins a request; `request` is called in the loop and awaited there.

    Raises:
        UnsupportedError: In a fork of a process that has used a store: the client has threads, and
            they are not there.
    """

    async def awaited() -> Any:
        return await request()

    return asyncio.run_coroutine_threadsafe(awaited(), _loop())


class Requests:
    """The requests of one store that somebody waits for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._running: set[Future[Any]] = set()
        self._is_closed = False

    def wait_for(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Returns what a request gives; raises as `submit`, and what it raises.

        Raises:
            CancelledError: If close() was called, before or meanwhile.
        """
        self._check_open()
        future = submit(request)
        self._running.add(future)
        if self._is_closed:  # in between
            future.cancel()
        try:
            return future.result()
        except BaseException:
            future.cancel()
            self._check_open()
            raise
        finally:
            self._running.discard(future)

    def close(self) -> None:
        """Drops all requests: whoever waits for one is told so at once."""
        self._is_closed = True
        for future in list(self._running):
            future.cancel()

    def _check_open(self) -> None:
        if self._is_closed:
            raise CancelledError(f"{self._url} was closed while it was in use", file=self._url)


def _loop() -> asyncio.AbstractEventLoop:
    with _guard:
        if not _loops:
            _loops.append(_Loop())
        if _loops[0].process != os.getpid():
            raise UnsupportedError(
                f"process {os.getpid()} is a fork of process {_loops[0].process}, which has used "
                "an object store, and its client does not survive that; start processes with "
                "spawn or forkserver"
            )
        return _loops[0].loop


def _unlock_in_child() -> None:
    global _guard  # noqa: PLW0603  # one that was held at the fork would be held for ever
    _guard = threading.Lock()


os.register_at_fork(after_in_child=_unlock_in_child)
