"""Where requests to stores run: an event loop in a thread of its own, one for the process.

Whoever waits for a request here waits for a lock, so Ctrl-C ends the wait at once, and the request
is dropped with it. A blocking call of the client could not be interrupted.

The client works in threads of its own, which Python knows nothing of. One of them that comes for
the interpreter when that is gone ends the process with SIGSEGV or SIGABRT: on a busy machine that
is long after its request was cancelled. So at the end of a process:

1. No request is taken any more. All that were taken are begun, so that none is left over which
   nobody awaits, and cancelled; and the loop is stopped: nobody else is woken.
2. What the client still has of Python's is waited for: futures that it would complete, and bytes
   that were lent to it. Once it has none it does not come any more.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import Context
from typing import Any, TypeVar

from headrace.errors import CancelledError, UnsupportedError

_Result = TypeVar("_Result")
_Lent = TypeVar("_Lent")

_PATIENCE_S = 4.0  # with the loop and the client, at the end of the process
_LOOK_S = 0.001

_guard = threading.Lock()
_loops: list[_Loop] = []  # one, once there was a request
_lent: dict[int, weakref.ref[Any]] = {}  # by identity: equal bytes are not the same
_nudges: list[Callable[[], object]] = []


class _EventLoop(asyncio.SelectorEventLoop):
    """An event loop that takes nothing from other threads once it has ended."""

    has_ended = False

    def __init__(self) -> None:
        super().__init__()
        self.ending = threading.RLock()  # whoever has it knows that a request will be begun

    def call_soon_threadsafe(  # type: ignore[override]  # TypeVarTuple is not in Python 3.10
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Calls back soon, or never: what a dead loop holds would stay alive."""
        if self.has_ended:
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon_threadsafe(callback, *args, context=context)


class _Loop:
    """The event loop and its thread."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = _EventLoop()
        self._thread = threading.Thread(target=self._run, name="headrace-stores", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def _run(self) -> None:
        self.loop.run_forever()

    def _end(self) -> None:
        if os.getpid() != self.process:
            return
        deadline = time.monotonic() + _PATIENCE_S
        self.loop.call_soon_threadsafe(self._take_no_more)
        self._thread.join(_PATIENCE_S)
        self._wait_for_client(deadline)
        if not self._thread.is_alive():
            self.loop.close()

    def _take_no_more(self) -> None:
        with self.loop.ending:
            self.loop.has_ended = True
        self.loop.call_soon(self._cancel)  # behind all that was taken: those are tasks then

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)

    def _wait_for_client(self, deadline: float) -> None:
        _nudge()
        while _lent and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            _nudge()
        # Who has given back the last of it still has to leave the interpreter.
        time.sleep(_LOOK_S)


def nudge_by(nudge: Callable[[], object]) -> None:
    """Names a call after which a client has given back what its threads have dropped."""
    if nudge not in _nudges:
        _nudges.append(nudge)


def _nudge() -> None:
    for nudge in _nudges:
        nudge()


def lend(thing: _Lent) -> _Lent:
    """Counts an object as the client's for as long as it lives, and returns it.

    So the end of the process waits for the client to drop it. Whoever else keeps it keeps the
    process from its end: no local variable of a request may hold it, since tracebacks may.
    """
    key = id(thing)
    _lent[key] = weakref.ref(thing, lambda _: _lent.pop(key, None))
    return thing


def submit(request: Callable[[], Awaitable[_Result]]) -> Future[_Result]:
    """Begins a request; `request` is called in the loop and awaited there.

    Raises:
        UnsupportedError: In a fork of a process that has used a store: the client has threads, and
            they are not there.
        CancelledError: At the end of the process.
    """
    loop = _loop()

    async def awaited() -> _Result:
        return await request()

    with loop.ending:
        if loop.has_ended:
            raise CancelledError("the process ends, and it asks no store for anything any more")
        return asyncio.run_coroutine_threadsafe(awaited(), loop)


def has_ended() -> bool:
    """Whether the process ends: there are no requests any more."""
    return bool(_loops) and _loops[0].loop.has_ended


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
            del future  # it has the error, whose traceback would have it: all callers' objects

    def close(self) -> None:
        """Drops all requests: whoever waits for one is told so at once."""
        self._is_closed = True
        for future in list(self._running):
            future.cancel()

    def _check_open(self) -> None:
        if self._is_closed:
            raise CancelledError(f"{self._url} was closed while it was in use", file=self._url)


def _loop() -> _EventLoop:
    with _guard:
        if not _loops:
            _loops.append(_Loop())
        if _loops[0].process != os.getpid():
            raise UnsupportedError(
                f"process {os.getpid()} is a fork of process {_loops[0].process}, which has used "
                "an object store, and its client does not survive that; start processes with "
                "spawn or forkserver, workers of a DataLoader with "
                "multiprocessing_context='spawn'"
            )
        return _loops[0].loop


def _unlock_in_child() -> None:
    global _guard  # noqa: PLW0603  # one that was held at the fork would be held for ever
    _guard = threading.Lock()


os.register_at_fork(after_in_child=_unlock_in_child)
