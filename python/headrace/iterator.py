"""The iterator of one pass over a loader's rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace import _core
    from headrace.loader import Loader


class PassIterator(Iterator[Any]):
    """Batches of one epoch, made by ``iter(loader)``.

    It exists beside the core's pass, which the loader keeps for its state, so that the threads
    stop working ahead as soon as nobody can ask for another batch.
    """

    __slots__ = ("_loader", "_next", "_pass")

    def __init__(self, core_pass: _core.Pass, loader: Loader) -> None:
        self._pass = core_pass
        self._next = core_pass.__next__
        self._loader = loader  # `for batch in hr.Loader(...)` keeps the loader nowhere else

    def __iter__(self) -> PassIterator:
        return self

    def __next__(self) -> Any:
        return self._next()

    def __repr__(self) -> str:
        core_pass = self._pass
        if core_pass.live:
            state = f"at row {core_pass.position}"
        else:
            state = "finished" if core_pass.done else "closed"
        return f"<headrace iterator of epoch {core_pass.epoch}, {state}>"

    def __del__(self) -> None:
        # Absent if __init__ was interrupted.
        core_pass = getattr(self, "_pass", None)
        if core_pass is not None:
            core_pass.close()
