"""Waiting for a store that is there and says that it cannot do it now."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from headrace.errors import IoError
from headrace.stores.store_errors import is_busy

_Result = TypeVar("_Result")

_FIRST_PAUSE_S = 0.25
_MOST_PAUSE_S = 5.0
_TELL_S = 5.0  # that somebody waits so long, and twice, four times, ... as long, is told on stderr


def patiently(call: Callable[[], _Result], seconds: float) -> _Result:
    """Returns what `call` does; calls again while the store is overloaded or drops connections.

    Many ranks that start at once are too much for a store for a moment, and none of them should
    end by that. A store that cannot be reached at all is an error at once: mostly its URL is wrong.

    Raises:
        HeadraceError: What `call` raises, when it is something else, or after `seconds`.
    """
    began, tell_after, pause = time.monotonic(), _TELL_S, _FIRST_PAUSE_S
    while True:
        try:
            return call()
        except IoError as error:
            waited = time.monotonic() - began
            if not is_busy(error) or waited + pause > seconds:
                raise
            if waited >= tell_after:
                _tell(waited, error)
                tell_after = 2 * waited
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, _MOST_PAUSE_S)


def _tell(waited: float, error: IoError) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"headrace: has tried for {waited:.0f} s, and goes on: {error}\n")
        sys.stderr.flush()
