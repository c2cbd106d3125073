"""The iterator of one pass over a loader's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.loader import AnyPass, Loader


class PassIterator(Iterator[Any]):
    """Batches of one epoch, made by ``iter(loader)``.

    It exists beside the pass, which the loader keeps for its state, so that the threads
    stop working ahead as soon as nobody can ask for another batch.
    """

    __slots__ = ("_end", "_loader", "_next", "_pass")

    def __init__(self, current: AnyPass, loader: Loader, *, end: Callable[[], None]) -> None:
        self._end = end
        self._pass = current
        self._next = current.__next__
        self._loader = loader  # `for batch in hr.Loader(...)` keeps the loader nowhere else

    def __iter__(self) -> PassIterator:
        return self

    def __next__(self) -> Any:
        return self._next()

    def __repr__(self) -> str:
        current = self._pass
        if current.live:
            state = f"at row {current.position}"
        else:
            state = "finished" if current.done else "closed"
        return f"<headrace iterator of epoch {current.epoch}, {state}>"

    def __del__(self) -> None:
        # Absent if __init__ was interrupted.
        end = getattr(self, "_end", None)
        if end is not None:
            end()
