"""The thread that makes all calls of a function that bears one only: `from_shards(threads=1)`."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

_Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class OneThread:
    """An executor of one thread, in each process one of its own, which ends with it.

    Unlike those of concurrent.futures it is a daemon: a call that never returns does not keep the
    process from its end.
    """

    def __init__(self) -> None:
        self._calls: dict[int, SimpleQueue[_Call | None]] = {}  # by process

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Calls a function behind those that were submitted before."""
        mine: SimpleQueue[_Call | None] = SimpleQueue()
        calls = self._calls.setdefault(os.getpid(), mine)  # one call, so that one thread wins
        if calls is mine:
            threading.Thread(target=_work, args=(calls,), name="headrace-load", daemon=True).start()
            weakref.finalize(self, calls.put, None)
        result: Future[Any] = Future()
        calls.put((result, function, arguments))
        return result


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        result, function, arguments = call
        try:
            result.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001  # raised where it is asked for
            result.set_exception(error)
        del call, result, function, arguments  # they are nobody's while this waits
