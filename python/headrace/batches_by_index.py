"""Batches whose rows the user names, one index array each: ``Loader(ds, batch_sampler=...)``.

The sequence is asked for one batch after the other, in the thread that takes batches, and only as
far ahead as batches are made. So it may be computed, and of any length; and the threads of the
core, which know nothing of Python, find the rows ready.
"""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from headrace import _core, indexing
from headrace.batch_context import BatchPlaces
from headrace.errors import (
    CancelledError,
    HeadraceError,
    InvalidError,
    RowIndexError,
    TransformError,
)

IndexArray = NDArray[np.int64]

_SAMPLED = 16  # batches that tell one sequence from another


class IndexLists(Protocol):
    """What `batch_sampler` may be: the rows of batch n at [n]."""

    def __len__(self) -> int:
        """Number of batches."""

    def __getitem__(self, number: int, /) -> Any:
        """Returns a list or an array of row numbers."""


class ListedBatches:
    """A user's sequence of index arrays, checked where it is used."""

    def __init__(self, sequence: object, *, rows: int) -> None:
        if not hasattr(sequence, "__len__") or not hasattr(sequence, "__getitem__"):
            raise InvalidError(
                f"batch_sampler={sequence!r}: it is a sequence of index arrays, with len() and "
                "[number]; make a list of an iterator, or use shuffle= and batch_size="
            )
        self.sequence: Any = sequence
        self._rows = rows
        self._count = len(sequence)
        self._digest = ""
        if self._count == 0:
            raise InvalidError("batch_sampler has no batches: its length is 0")

    def __len__(self) -> int:
        return self._count

    def rows_of(self, number: int) -> IndexArray:
        """Returns the rows of a batch, in an array of its own.

        Raises:
            RowIndexError: If one of them does not exist.
            InvalidError: If they are no rows.
            TransformError: If the sequence raises an exception.
        """
        try:
            chosen = self.sequence[number]
        except Exception as error:
            raise TransformError(
                f"batch_sampler[{number}] failed: {type(error).__name__}: {error}; its length is "
                f"{self._count}"
            ) from error
        if not indexing.is_row_list(chosen) and not isinstance(chosen, tuple):
            raise InvalidError(
                f"batch_sampler[{number}] is a {type(chosen).__name__}; a batch is a list or an "
                "array of row numbers"
            )
        array = np.asarray(chosen)
        if array.ndim != 1 or array.size == 0:
            raise InvalidError(
                f"batch_sampler[{number}] has the shape {array.shape}; a batch is a list or an "
                "array of row numbers, at least one"
            )
        if array.dtype == np.bool_:
            raise InvalidError(
                f"batch_sampler[{number}] is a mask; name the rows, as np.flatnonzero does"
            )
        try:
            return indexing.row_numbers(array, self._rows)
        except RowIndexError as error:
            raise RowIndexError(f"batch_sampler[{number}]: {error}", row=error.row) from None
        except InvalidError as error:
            raise InvalidError(f"batch_sampler[{number}]: {error}") from None

    def digest(self) -> str:
        """Returns a hash of some batches, which tells most sequences apart."""
        if not self._digest:
            found = hashlib.sha256()
            for number in sorted({k * (self._count - 1) // _SAMPLED for k in range(_SAMPLED + 1)}):
                rows = self.rows_of(number)
                found.update(np.array([number, rows.size], "<i8").tobytes())
                found.update(rows.astype("<i8").tobytes())
            self._digest = found.hexdigest()[:16]
        return self._digest


class NamedPlaces:
    """Where one listed batch stands, as `BatchContext` asks for it."""

    def __init__(self, order: BatchPlaces, rows: IndexArray) -> None:
        self._order = order
        self._rows = rows

    @property
    def batches(self) -> int:
        """Batches of the pass."""
        return self._order.batches

    @property
    def complete(self) -> bool:
        """Whether the epoch is over for all ranks after the last batch of this one."""
        return self._order.complete

    def position_after(self, count: int) -> int:
        """Returns the position behind the first `count` batches."""
        return self._order.position_after(count)

    def position(self, number: int) -> int:
        """Returns the position of the batch in the order of the batches."""
        return self._order.position(number)

    def count(self, _number: int) -> int:
        """Returns the number of the batch's rows."""
        return len(self._rows)

    def items(self, _number: int) -> IndexArray:
        """Returns the batch's rows."""
        return self._rows


class ListedPass:
    """A pass of the core that is told the rows of its batches as it needs them."""

    def __init__(self, core: _core.Loader, current: _core.Pass, batches: ListedBatches) -> None:
        self._core = core
        self._pass = current
        self._batches = batches
        self._named: dict[int, IndexArray] = {}
        self._failed: tuple[int, HeadraceError] | None = None  # in place of that batch
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self.order = current.order
        self.epoch = current.epoch
        self.asked = False

    @property
    def handed_out(self) -> int:
        """How many batches were handed out."""
        return self._pass.handed_out

    @property
    def position(self) -> int:
        """The position up to which batches were handed out."""
        return self._pass.position

    @property
    def done(self) -> bool:
        """Whether the epoch is over for all ranks."""
        return self._pass.done

    @property
    def live(self) -> bool:
        """Whether another batch may come."""
        return self._pass.live

    def __next__(self) -> Any:
        batch = self.next_numbered()
        self._named.pop(batch[0], None)
        return batch[1]

    def next_numbered(self) -> tuple[int, Any]:
        """Returns the next batch and its number; raises StopIteration at the end."""
        if self._pid != os.getpid():
            return self._pass.next_numbered()  # which refuses
        self.asked = True
        with self._lock:
            # Two at a time, so that the first batch need not wait for many.
            self._name(2)
            if self._failed is not None and self._failed[0] == self._pass.handed_out:
                self._raise(self._failed[1])
            return self._pass.next_numbered()

    def places(self, number: int) -> BatchPlaces:
        """Returns where a batch that was taken stands; once for each."""
        return NamedPlaces(self.order, self._named.pop(number))

    def prepare(self, room: int) -> None:
        """Lets the first `room` batches be made before the first is asked for."""
        self._pass.prepare(room)
        with self._lock:
            self._name(room - len(self._named))

    def close(self) -> None:
        """Ends the pass and joins its threads."""
        self._pass.close()

    def _name(self, count: int) -> None:
        """Names the next `count` batches, up to as many as are made ahead."""
        for _ in range(count):
            if self._failed is not None or not self._pass.live:
                return
            wanted = self._pass.wanted()
            if wanted is None:
                return
            number, item = wanted
            try:
                # In this order, so that Ctrl-C between the two does no harm.
                rows = self._named[number] = self._batches.rows_of(item)
                self._core.name(self._pass, rows)
            except HeadraceError as error:
                # A pass that was closed meanwhile says why by itself.
                self._failed = None if isinstance(error, CancelledError) else (number, error)
                return

    def _raise(self, error: HeadraceError) -> NoReturn:
        self._failed = None  # from now on the pass says that it is closed
        self._pass.close()
        raise error


def check_exclusive(*, batch_size: int, drop_last: object, exact: object) -> None:
    """Raises InvalidError for arguments that a batch_sampler= takes the place of."""
    given = [("batch_size", batch_size, 1), ("drop_last", drop_last, False)]
    for name, value, default in [*given, ("exact", exact, False)]:
        if value != default:
            raise InvalidError(
                f"{name}={value!r} and batch_sampler= exclude each other: the batches of a "
                "batch_sampler are taken whole"
            )
