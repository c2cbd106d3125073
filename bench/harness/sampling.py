"""Looking at something again and again while something else goes on."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

_Self = TypeVar("_Self", bound="Sampling")


class Sampling:
    """Within its context a thread calls `look`, with a pause after each call."""

    def __init__(self, pause_seconds: float) -> None:
        self._pause = pause_seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def look(self) -> None:
        """Looks once."""
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        self.look()
        while not self._end.wait(self._pause):
            self.look()
