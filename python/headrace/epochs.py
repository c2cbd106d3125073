"""Which epoch comes next, and how far the last one came: shared by loaders and batch samplers."""

from __future__ import annotations

import os
from typing import Protocol

from headrace import checks, shared_epochs, torch_bridge
from headrace import state as states
from headrace.shared_epochs import SharedEpochs


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
    def asked(self) -> bool:
        """Whether it was ever asked for a batch."""

    @property
    def order(self) -> Places:
        """What the batches hold."""


class Epochs:
    """The passes over a sequence of epochs, one after another.

    Each pass is the next epoch; `set_epoch` and `resume` choose another. A pass that was started
    but never asked for a batch has used up nothing: the next one takes its place. (torch's
    DataLoader makes iterators that it never asks for anything.)
    """

    def __init__(self) -> None:
        self._epoch = 0  # the pass after the last one,
        self._position = 0  # and where in its epoch it begins
        self._last: Pass | None = None  # the last pass started, live or not
        self._ignored = -1  # set_epoch hides that pass while it stands at this position
        self._shared: SharedEpochs | None = None  # for workers of a DataLoader
        self._published = (0, 0)  # what the owner wrote there last
        self._owner = os.getpid()
        self._by_workers = False

    @property
    def current(self) -> Pass | None:
        """The last pass started, live or not, unless `set_epoch` or `resume` came after it."""
        return None if self._last is None or self._is_ignored(self._last) else self._last

    @property
    def read_by_workers(self) -> bool:
        """Whether workers of a DataLoader have begun passes since this process last did."""
        self._synchronize()
        return self._by_workers and not self.is_copy

    def next(self) -> tuple[int, int]:
        """Returns the epoch and the position of the next pass."""
        self._synchronize()
        last = self._last
        if last is None or self._is_ignored(last) or last.asked:
            return self._epoch, self._position
        return last.epoch, last.position

    def begin(self, current: Pass) -> None:
        """Makes `current` the last pass; it was started at `next`."""
        self._last = current
        self._choose(current.epoch + 1, 0)
        self._ignored = -1

    def handed_out(self) -> tuple[int, int]:
        """Returns the epoch and the position behind the last batch handed out."""
        self._synchronize()
        last = self._last
        if last is None or last.done or self._is_ignored(last):
            return self._epoch, self._position
        return last.epoch, last.position

    def set_epoch(self, epoch: object) -> int:
        """Makes `epoch` the next pass, from its beginning; a live pass goes on.

        Returns it as an int, whatever kind of integer it was.
        """
        hint = "epochs start at 0"
        number = checks.check_int("epoch", epoch, low=0, high=states.MAX_EPOCH, hint=hint)
        self._choose(number, 0)
        self._ignored = -1 if self._last is None else self._last.position
        return number

    def resume(self, epoch: int, position: int) -> None:
        """Makes the rest of `epoch` from `position` the next pass; the last one is forgotten."""
        self._choose(epoch, position)
        self._last, self._ignored = None, -1

    def share(self) -> SharedEpochs | None:
        """Returns what the copies of the loader in a DataLoader's workers agree through.

        In the process that owns the loader it is made, or brought up to date; None if it cannot be
        made. In a worker it is the owner's. Another process becomes an owner itself.
        """
        if self._owner != os.getpid() and torch_bridge.worker_info() is None:
            self._owner, self._shared = os.getpid(), None
        if self._owner == os.getpid():
            try:
                self._publish()
            except OSError:
                return None  # a worker will warn
        return self._shared

    @property
    def is_copy(self) -> bool:
        """Whether this belongs to another process, by fork or as `adopt` says."""
        return self._owner != os.getpid()

    def adopt(self, shared: SharedEpochs | None) -> None:
        """Takes over what another process shares."""
        self._shared, self._owner = shared, 0

    def _publish(self) -> None:
        with shared_epochs.one_thread():
            point = self.next()
            if self._shared is None:
                self._shared = SharedEpochs.create(point)
            elif point != self._published:
                self._shared.put_next(point)
            self._published = point

    def _choose(self, epoch: int, position: int) -> None:
        with shared_epochs.one_thread():
            self._epoch, self._position, self._by_workers = epoch, position, False
            if self._shared is not None and self._owner == os.getpid():
                self._published = epoch, position
                self._shared.put_next(self._published)

    def _synchronize(self) -> None:
        """Learns of the passes that workers have begun."""
        if self._shared is None or self._owner != os.getpid():
            return
        # Between the two steps of `_choose`, in another thread, it would look like a worker's.
        with shared_epochs.one_thread():
            found = self._shared.next()
            if found != self._published:
                self._epoch, self._position = self._published = found
                self._last, self._by_workers = None, True

    def _is_ignored(self, last: Pass) -> bool:
        return last.position == self._ignored
