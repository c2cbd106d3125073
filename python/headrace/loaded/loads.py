"""Calls of a function that loads shards, and what becomes of their results.

The core's queue says which shard is wanted next; a fetch thread takes its job, calls the function,
checks the result, and has the core write it into the cache. A shard that turns out to be larger
than the room that there is for it waits here until there is more: it is not loaded again.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headrace import _core, causes
from headrace.batch_intake import BatchIntake
from headrace.column_rows import CoreRows
from headrace.conversion.steps import describe_result, named_columns
from headrace.dataset_rows import Rows
from headrace.errors import CancelledError, HeadraceError, InvalidError, TransformError
from headrace.loaded.catalogue import Columns
from headrace.loaded.one_thread import OneThread
from headrace.schema import CoreField, Field, Schema
from headrace.stores.fetching import fail

_BATCH_BYTES = 48 * 2**20  # of a record batch, as far as the first shard tells
_MOST_BATCH_ROWS = 2**20


@dataclass(frozen=True)
class Loaded:
    """The rows of a shard, in memory.

    Attributes:
        columns: What they are; `batch_rows` is what suits them.
        batches: As the core takes them.
        rows: Of all batches.
        nbytes: Of all batches.
    """

    columns: Columns
    batches: list[list[CoreRows]]
    rows: int
    nbytes: int


class Load:
    """A function that loads shards, here or in an executor.

    Args:
        function: Takes a sid.
        name: What messages call it.
        executor: What calls it: anything with ``submit``; None for the thread at hand. A forked
            child, whose executor has no threads, calls it itself.
    """

    def __init__(self, function: Callable[[Any], Any], name: str, executor: Any) -> None:
        self.name = name
        self._function = function
        self._executor = executor
        self._process = os.getpid()

    def call(self, sid: object, shard: str) -> Any:
        """Returns what the function returns; `shard` is what messages call the sid.

        Raises:
            TransformError: If it raises.
        """
        try:
            if self._executor is not None and os.getpid() == self._process:
                return self._executor.submit(self._function, sid).result()
            return self._function(sid)
        except Exception as error:
            what = f"it raised {type(error).__name__}: {error}"
            if not isinstance(self._executor, OneThread | None) and _is_of_pickle(error):
                what += (
                    "; for processes, define the function at the top of a module, and let sids and "
                    "results be picklable"
                )
            raise TransformError(what, file=shard) from error

    def describe(self, shard: str, error: HeadraceError) -> HeadraceError:
        """Returns an error about a shard as the core words those of its queue."""
        named = error.about(f"shard {shard} of {self.name} cannot be made")
        named.file = shard
        return named


def _is_of_pickle(error: Exception) -> bool:
    """Whether something could not be sent to another process, as far as that can be told."""
    return isinstance(error, pickle.PicklingError) or (
        isinstance(error, AttributeError | TypeError) and "pickle" in str(error)
    )


def read_result(
    result: Any, columns: Columns | None, *, rows: int | None, declared: Any = None
) -> Loaded | None:
    """Returns the rows of a result; None where there are none, and nothing is known of them.

    Args:
        result: What the function returned.
        columns: What it has to be; None for the first.
        rows: How many there have to be; None if that is not known.
        declared: What is known of columns beforehand.

    Raises:
        TransformError: If it is no columns.
        InvalidError: If it has other columns, or another number of rows.
        UnsupportedError: If a column is of a kind or dtype that there is none for.
    """
    named, as_tuple = (result, False) if isinstance(result, Rows) else named_columns(result)
    if named is None:
        raise TransformError(
            f"it returned {describe_result(result)}; return a dict or a tuple of columns, an "
            "array, or an Arrow table"
        )
    as_tuple = bool(as_tuple)
    if columns is not None and columns.as_tuple != as_tuple:
        raise InvalidError(
            f"it returned {_kind(as_tuple)}, and {_kind(columns.as_tuple)} for the first shard; "
            "return the same for every shard"
        )
    known = None if columns is None else Schema(map(Field.from_core, columns.fields))
    intake = BatchIntake(columns=declared if known is None else None, schema=known)
    batches = list(intake.read(named))
    found = sum(batch[0].rows for batch in batches)
    if rows is not None and found != rows:
        raise InvalidError(
            f"it returned {found} rows, and {rows} are expected; correct rows=, or give another "
            "version= if the data have changed: a shard has the same rows each time"
        )
    if intake.schema is None:
        return None
    nbytes = sum(column.nbytes for batch in batches for column in batch)
    if columns is None:
        fields = tuple(field.to_core() for field in intake.schema.values())
        columns = Columns(fields, as_tuple, _batch_rows(found, nbytes))
    return Loaded(
        columns, [[column.to_core() for column in batch] for batch in batches], found, nbytes
    )


def _kind(as_tuple: bool) -> str:
    return "a tuple or an array" if as_tuple else "columns by name"


def _batch_rows(rows: int, nbytes: int) -> int:
    """Returns how many rows make a record batch: a power of two."""
    fitting = max(1, _BATCH_BYTES * rows // max(nbytes, 1))
    return int(1 << (min(fitting, _MOST_BATCH_ROWS).bit_length() - 1))


class Loads:
    """Does the jobs of a dataset: by number of a shard.

    Args:
        load: The function.
        sids: What it is called with.
        names: What messages call these.
        rows: How many rows each has to have, 0 where that is not known.
        columns: What all have.
        kept: Shards that were loaded already; they are let go when they are written.
        most_kept: So many may be written, or wait for room, at a time.
    """

    def __init__(
        self,
        load: Load,
        sids: Sequence[Any],
        names: Sequence[str],
        rows: Sequence[int],
        columns: Columns,
        *,
        kept: dict[int, Loaded],
        most_kept: int,
    ) -> None:
        self.owner = object()  # of what is kept for errors; not this, which their frames refer to
        self._load = load
        self._sids = sids
        self._names = names
        self._rows = rows
        self._columns = columns
        self._fields: list[CoreField] = list(columns.fields)
        self._kept = dict(kept)
        self._most_kept = most_kept

    def fetch(self, job: _core.FetchJob) -> None:
        """Does a job, or says in it why not."""
        number = job.number
        try:
            loaded = self._kept.get(number) or self._loaded(number)
            self._keep(number, loaded)  # before another thread has the job with more room
            if not job.write_shard(self._fields, self._columns.batch_rows, loaded.batches):
                return
        except CancelledError:  # nobody wants it any more
            pass
        except HeadraceError as error:
            fail(job, str(error), error.code, retryable=False)
        except BaseException as error:  # noqa: BLE001  # whoever waits has to know
            fail(job, f"{type(error).__name__}: {error}", "transform", retryable=False)
        self._kept.pop(number, None)

    def _loaded(self, number: int) -> Loaded:
        name = self._names[number]
        try:
            result = self._load.call(self._sids[number], name)
        except TransformError as error:
            if error.__cause__ is not None:
                causes.keep(name, str(error), error.__cause__, owner=self.owner)
            raise
        loaded = read_result(result, self._columns, rows=self._rows[number] or None)
        assert loaded is not None  # its columns are known
        return loaded

    def _keep(self, number: int, loaded: Loaded) -> None:
        self._kept[number] = loaded
        # In one step, whatever other threads do: a lock might be taken in a fork.
        numbers = list(self._kept)
        for oldest in numbers[: -self._most_kept]:
            self._kept.pop(oldest, None)
