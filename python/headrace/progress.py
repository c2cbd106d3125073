"""Which epoch comes next, and how far the last one came: shared by loaders and batch samplers."""

from __future__ import annotations

from typing import Protocol

from headrace import checks
from headrace import state as states


class Places(Protocol):
    """Which items the batches of a pass hold; `_core.BatchOrder` is one."""

    @property
    def batches(self) -> int:
        """Batches of the pass."""

    @property
    def complete(self) -> bool:
        """Whether the epoch is over for all ranks after the last batch of this one."""

    def position_after(self, count: int, /) -> int:
        """Returns the position behind the first `count` batches."""


class Pass(Protocol):
    """One walk along an epoch; `_core.Pass` is one."""

    @property
    def epoch(self) -> int:
        """The epoch."""

    @property
    def position(self) -> int:
        """The position up to which batches were handed out."""

    @property
    def done(self) -> bool:
        """Whether the epoch is over."""

    @property
    def live(self) -> bool:
        """Whether another batch may come."""

    @property
    def order(self) -> Places:
        """What the batches hold."""


class Progress:
    """The passes over a sequence of epochs, one after another.

    Each pass is the next epoch; `set_epoch` and `resume` choose another. A pass that was started
    but gave no batch has used up nothing: the next one takes its place. (torch's DataLoader makes
    iterators that it never asks for anything.)
    """

    def __init__(self) -> None:
        self._epoch = 0  # the pass after the last one,
        self._position = 0  # and where in its epoch it begins
        self._last: Pass | None = None  # the last pass started, live or not
        self._start = 0  # where that pass began
        self._ignored = -1  # set_epoch hides that pass while it stands at this position

    @property
    def current(self) -> Pass | None:
        """The last pass started, live or not, unless `set_epoch` or `resume` came after it."""
        return None if self._last is None or self._is_ignored(self._last) else self._last

    def next(self) -> tuple[int, int]:
        """Returns the epoch and the position of the next pass."""
        last = self._last
        if last is None or self._is_ignored(last) or last.done or last.position != self._start:
            return self._epoch, self._position
        return (last.epoch, self._start) if last.order.batches else (self._epoch, self._position)

    def begin(self, current: Pass) -> None:
        """Makes `current` the last pass; it was started at `next`."""
        epoch, self._start = current.epoch, current.position
        self._last = current
        self._epoch, self._position, self._ignored = epoch + 1, 0, -1

    def handed_out(self) -> tuple[int, int]:
        """Returns the epoch and the position behind the last batch handed out."""
        last = self._last
        if last is None or last.done or self._is_ignored(last):
            return self._epoch, self._position
        return last.epoch, last.position

    def set_epoch(self, epoch: object) -> None:
        """Makes `epoch` the next pass, from its beginning; a live pass goes on."""
        hint = "epochs start at 0"
        self._epoch = checks.check_int("epoch", epoch, low=0, high=states.MAX_EPOCH, hint=hint)
        self._position = 0
        self._ignored = -1 if self._last is None else self._last.position

    def resume(self, epoch: int, position: int) -> None:
        """Makes the rest of `epoch` from `position` the next pass; the last one is forgotten."""
        self._epoch, self._position, self._last, self._ignored = epoch, position, None, -1

    def _is_ignored(self, last: Pass) -> bool:
        return last.position == self._ignored
