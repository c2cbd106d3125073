"""The iterator of one pass over a loader's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidError

if TYPE_CHECKING:
    from headrace.loader_passes import LoaderPasses
    from headrace.passes import AnyPass


def end_state(*, ended: bool) -> dict[str, bool]:
    """Returns the state of an iterator.

    Behind the last batch of an epoch the loader stands at the beginning of the next one. An
    iterator that is restored there has nothing more to give, though, and uses up no epoch.
    """
    return {"ended": ended}


def has_ended(state: object) -> bool:
    """Whether the iterator that saved `state` was at its end.

    Raises:
        InvalidError: If `state` is none.
    """
    match state:
        case {"ended": bool(ended), **rest} if not rest:
            return ended
    raise InvalidError("the state of an iterator is a dict as its state_dict() gives it")


class PassIterator(Iterator[Any]):
    """Batches of one epoch, made by ``iter(loader)``.

    It exists beside the pass, which the loader keeps for its state, so that the threads
    stop working ahead as soon as nobody can ask for another batch.
    """

    __slots__ = ("_end", "_loader", "_next", "_pass")

    def __init__(self, current: AnyPass, loader: LoaderPasses) -> None:
        self._loader = loader  # `for batch in hr.Loader(...)` keeps the loader nowhere else
        self._adopt(current)

    def _adopt(self, current: AnyPass) -> None:
        self._end: Callable[[], None] = getattr(current, "collect", current.close)
        self._pass = current
        self._next = current.__next__

    def __iter__(self) -> PassIterator:
        return self

    def __next__(self) -> Any:
        return self._next()

    def state_dict(self) -> dict[str, bool]:
        """Returns what torchdata's StatefulDataLoader keeps beside the state of the loader."""
        return end_state(ended=self._pass.done)

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Makes this the rest of the saved iterator; the loader has its position already."""
        if has_ended(state):
            self._end()
            self._next = iter(()).__next__

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
