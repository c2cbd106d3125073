"""An iteration over several epochs, or stages: passes that follow one another without a gap.

1. While the last batches of a pass are handed out, places for batches made ahead become free. The
   next pass is then made and prepared: it may fill these places, and no more.
2. When the pass has ended, the prepared one takes its place, unless another epoch was chosen
   meanwhile. From then on it may work as far ahead as any.
3. Where the rows of the next stage are not there yet, they are waited for when the pass has ended.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from headrace.errors import CancelledError, HeadraceError
from headrace.iterator import PassIterator, end_state, has_ended
from headrace.passes import SUPERSEDED, close_pass

if TYPE_CHECKING:
    from headrace.loader_passes import LoaderPasses
    from headrace.passes import AnyPass


class EpochsIterator(PassIterator):
    """Batches of several epochs, made by ``iter(loader)``; any number of threads may take them.

    The first pass begins with it, or, where rows may have to be waited for, at the first next().
    """

    __slots__ = (
        "__weakref__",
        "_ahead",
        "_cancelled",
        "_left",
        "_lock",
        "_over",
        "_places",
        "_prepare_at",
        "_why",
    )

    def __init__(self, loader: LoaderPasses) -> None:
        self._loader = loader
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._why = ""  # it was cancelled
        self._over = False  # from the beginning
        self._ahead: AnyPass | None = None  # the pass after this one
        self._places = 0  # for batches made ahead
        self._left = 0  # batches of the pass
        self._prepare_at = -1  # when so many are left, the next pass gets the places that are free
        if loader._stages is None:
            self._go_on(None)

    def __next__(self) -> Any:
        while not self._over:
            current = getattr(self, "_pass", None)
            if current is None:
                self._go_on(None)
                continue
            if self._left <= self._prepare_at:
                self._prepare(current)
            try:
                batch = self._next()
            except StopIteration:
                self._go_on(current)
                continue
            self._left -= 1
            return batch
        raise StopIteration

    def cancel(self, why: str, *, grace: float | None = None) -> None:
        """Ends the iteration, also one that waits for rows. Its pass is ended by the loader."""
        self._why = self._why or why
        self._cancelled.set()
        close_pass(self._ahead, why, grace=grace)

    def _go_on(self, last: AnyPass | None) -> None:
        """Begins the pass after `last`, if no other thread has; raises StopIteration at the end."""
        with self._lock:
            if getattr(self, "_pass", None) is not last:
                return
            if last is not None and self._loader._ends_with(last.epoch):
                raise StopIteration
            current = self._begin()
            if current is None or self._cancelled.is_set():
                raise CancelledError(self._why)
            self._adopt(current)
            self._left = current.order.batches
            self._places = int(self._loader._core.stats()["prefetch"])  # a stage may change it
            is_last = self._loader._ends_with(current.epoch)
            self._prepare_at = -1 if is_last else max(1, self._places // 2)

    def _begin(self) -> AnyPass | None:
        """Begins the next pass; None where its rows were waited for until `cancel`."""
        loader = self._loader
        ahead, self._ahead = self._ahead, None
        if self._cancelled.is_set():
            return None
        epoch, position = loader._epochs.next()
        if ahead is not None and ahead.live and (ahead.epoch, 0) == (epoch, position):
            loader._go_on_with(ahead)
            return ahead
        close_pass(ahead, SUPERSEDED)
        if loader._stages is not None:
            stage = loader._stages.wait(epoch, self._cancelled)
            if stage is None:
                return None
            loader._use(stage)
        return loader._begin(epoch, position)

    def _prepare(self, current: AnyPass) -> None:
        """Lets the next pass have the places for batches that `current` leaves free."""
        with self._lock:
            if self._pass is not current or self._left > self._prepare_at:
                return
            # What fails here fails again in its place, behind the batches that are left.
            with contextlib.suppress(HeadraceError):
                if self._ahead is None:
                    self._ahead = self._begin_ahead(current.epoch + 1)
                if self._ahead is None:
                    return
                # One of the batches that are left is taken right now.
                self._ahead.prepare(max(1, self._places - max(0, self._left - 1)))
            # A thread that is woken costs as much as a small batch: so not for each place.
            self._prepare_at = self._left // 2 if self._left > 1 else -1

    def _begin_ahead(self, epoch: int) -> AnyPass | None:
        """Makes the pass over `epoch`; None where it is not the next, or its rows are not there."""
        loader = self._loader
        if loader._epochs.next() != (epoch, 0):
            return None
        if loader._stages is not None:
            stage = loader._stages.get(epoch)
            if stage is None:
                return None
            loader._use(stage)
        return loader._make_pass(loader._core.start_next(epoch, 0))

    def state_dict(self) -> dict[str, bool]:
        """Returns what torchdata's StatefulDataLoader keeps beside the state of the loader."""
        current = getattr(self, "_pass", None)
        at_end = current is not None and current.done and self._loader._ends_with(current.epoch)
        return end_state(ended=self._over or at_end)

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Makes this the rest of the saved iterator; the loader has its position already."""
        if has_ended(state):
            self._over = True
            if getattr(self, "_pass", None) is not None:
                self._end()

    def __repr__(self) -> str:
        if getattr(self, "_pass", None) is None:
            return "<headrace iterator, not begun>"
        return super().__repr__()

    def __del__(self) -> None:
        ahead = getattr(self, "_ahead", None)
        if ahead is not None:
            getattr(ahead, "collect", ahead.close)()
        super().__del__()
