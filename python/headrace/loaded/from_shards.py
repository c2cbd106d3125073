"""Datasets whose shards a function of the user's loads, ahead of need: `from_shards`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from headrace import checks, ordered_map, recipe
from headrace.byte_sizes import byte_size
from headrace.dataset import Dataset
from headrace.errors import HeadraceError, InvalidError, IoError
from headrace.loaded.catalogue import Catalogue
from headrace.loaded.loads import Load, Loaded, read_result
from headrace.loaded.one_thread import OneThread
from headrace.loaded.place import CacheFolder, LoadedPlace, Shard
from headrace.loaded.shard_names import Loader, shard_names
from headrace.progress import Progress, reporting
from headrace.schema import Field
from headrace.stores.remote_dataset import check_cache, default_bytes

_THREADS = 4
_MOST_EXECUTOR_THREADS = 8  # each holds a shard
_COUNTED = 16  # shards between two looks at the time
_WRITE_SECONDS = 5.0


def from_shards(
    sids: Iterable[Any],
    load: Callable[[Any], Any],
    *,
    rows: int | Sequence[int] | None = None,
    cache: str | os.PathLike[str] | None = None,
    cache_bytes: int | str | None = None,
    threads: int | None = None,
    executor: Any = None,
    version: str | None = None,
    columns: Mapping[str, Field | Mapping[str, object]] | None = None,
    progress: Progress = None,
) -> Dataset:
    """Returns the rows of shards that ``load(sid)`` returns, from wherever it has them.

    A shard is loaded when its rows are wanted, and by a `Loader` ahead of that: by threads, in the
    order of the batches. It is checked and kept in a cache on a local disk, from where it is
    mapped, until there is no more room. All else is as for a dataset in an object store
    (docs/from_shards.md): random access, views, shuffles, exact resume.

    Which shard an entry of the cache is, is told by the name of `load`, the file that it is written
    in, its version, and the sid. What `load` reads does not count: name another `version` when that
    changes, and let paths be absolute, or be in the sid.

    Args:
        sids: What `load` is called with, in row order: strings, ints, paths, or tuples of these.
        load: Returns the columns of a shard: a dict or a tuple of what `Writer.write` takes, an
            array, or an Arrow table. The same columns for all shards, and the same rows each time.
            It is called by several threads at a time, or with ``threads=1`` always by the same
            one, which is not the caller's.
        rows: How many rows a shard has: an int if all have as many, a list with one for each sid
            (shards with 0 are left out), or None. With None each shard that was never loaded is
            loaded now, to be counted, and stays in the cache while there is room; a cache directory
            keeps the counts, so that the next start knows them.
        cache: The directory for loaded shards, which all processes of a machine and any number of
            datasets may share. None is a temporary one of this process, removed at its end.
        cache_bytes: How much may lie in it at most, such as ``"200GB"``. None is a quarter of the
            disk's free space, and at most 10 GB.
        threads: How many calls of `load` there are at a time, each of which holds a shard in
            memory; up to twice as many may wait there for room. None is 4, and with an executor as
            many as it has workers, up to 8.
        executor: Calls `load` instead: any object with ``submit`` as in concurrent.futures, such as
            a ProcessPoolExecutor or Dask's ``client.get_executor()``. It is not shut down, and
            other processes that get the dataset call `load` themselves.
        version: What the code of `load` is called. None is a hash of the code, its constants and
            what it holds. With a name of yours only plain values count beside it: arguments of a
            partial, and attributes of an object without a leading underscore.
        columns: What columns are, where the first shard does not show it, as for `Writer`.
        progress: While shards are counted, as in `from_items`.

    Raises:
        TransformError: If `load` raises, or returns no columns; names the shard, here or when its
            rows are read.
        InvalidError: If a shard has other columns or another number of rows than expected, also
            later; if sids are no ids; if there are no rows; if a shard is larger than the cache.
        UnsupportedError: If a column is of a kind or dtype that headrace cannot keep.
        IoError: If the cache cannot be written.

    Example:
        >>> import numpy as np, headrace as hr
        >>> def load_shard(sid):  # from a database, HDF5, .pt files, a store of your own
        ...     start = 100 * "abc".index(sid)
        ...     return {"x": np.arange(start, start + 100.0), "y": np.full(100, start)}
        >>> ds = hr.from_shards(["a", "b", "c"], load_shard, rows=100)
        >>> ds.shard_ids, len(ds), ds["x"][250:252]
        (['a', 'b', 'c'], 300, array([250., 251.]))
        >>> loader = hr.Loader(ds, batch_size=50, shuffle=hr.ShardShuffle(window=2), output="numpy")
        >>> print(sum(batch["x"].sum() for batch in loader))
        44850.0
    """
    listed, names = shard_names(sids)
    loader = Loader.of(load, version, columns)
    expected = _expected_rows(rows, names)
    checks.check_executor(executor)
    number = _thread_count(threads, executor)
    if number == 1 and executor is None:
        executor = OneThread()
    directory = None if cache is None else check_cache(cache)
    folder = CacheFolder(directory)
    if cache_bytes is None:
        limit = default_bytes(folder.path)
    else:
        limit = byte_size("cache_bytes", cache_bytes)
    finder = _Finder(loader, Load(load, loader.name, executor), listed, names, expected, directory)
    kept = finder.find_columns(columns)
    assert finder.known.columns is not None
    place = LoadedPlace(
        *(load, loader, (), finder.known.columns, finder.seen()),
        cache=directory,
        cache_bytes=limit,
        threads=number,
        executor=executor,
    )
    finder.count(place, folder, kept, progress)
    place = replace(place, shards=tuple(finder.shards()), seen=finder.seen())
    if not place.shards:
        raise InvalidError("all shards have zero rows; a dataset needs at least one row")
    core = place.open_shards(folder)[0].dataset()
    return Dataset(recipe.from_store(core, place), as_tuple=place.columns.as_tuple)


class _Finder:
    """Finds out what is not known of shards: their columns, and how many rows they have."""

    def __init__(
        self,
        loader: Loader,
        load: Load,
        sids: Sequence[Any],
        names: Sequence[str],
        expected: Sequence[int | None],
        cache: str | None,
    ) -> None:
        self._loader = loader
        self._load = load
        self._sids = sids
        self._names = names
        self._expected = expected
        self._cache = cache
        self._written = time.monotonic()
        self.known = Catalogue() if cache is None else Catalogue.read(cache, loader.dataset)

    def seen(self) -> tuple[int, int]:
        """Returns how large rows and shards are, as far as is known."""
        return self.known.row_bytes, self.known.shard_bytes

    def find_columns(self, declared: object) -> dict[int, Loaded]:
        """Loads shards until one has rows, unless the columns are known; returns that one."""
        if self.known.columns is not None:
            return {}
        for number, (sid, name) in enumerate(zip(self._sids, self._names, strict=True)):
            expected = self._expected[number]
            if expected == 0:
                continue
            try:
                result = self._load.call(sid, name)
                loaded = read_result(result, None, rows=expected, declared=declared)
            except HeadraceError as error:
                raise self._load.describe(name, error) from error.__cause__
            if loaded is not None:
                self.known.columns = loaded.columns
                self.known.learn(name, loaded.rows, 0)  # of the file it is not known yet
                self.known.see(-(-loaded.nbytes // loaded.rows), loaded.nbytes)
                return {number: loaded}
            self.known.learn(name, 0, 0)
        raise InvalidError("all shards have zero rows; a dataset needs at least one row")

    def count(
        self,
        place: LoadedPlace,
        folder: CacheFolder,
        kept: Mapping[int, Loaded],
        progress: Progress,
    ) -> None:
        """Counts the shards whose rows nobody has said, and puts what is `kept` into the cache."""
        numbers = [
            number
            for number, (name, expected) in enumerate(zip(self._names, self._expected, strict=True))
            if number in kept or (expected is None and name not in self.known.shards)
        ]
        if not numbers:
            return
        shards = [
            Shard(self._sids[number], self._names[number], self._expected[number] or 0)
            for number in numbers
        ]
        loaded = {numbers.index(number): shard for number, shard in kept.items()}
        remote, fetching = place.only(shards).open_shards(folder, loaded)
        try:
            with reporting(progress, len(shards)) as report:
                for first in range(0, len(shards), _COUNTED):
                    stop = min(first + _COUNTED, len(shards))
                    counts = remote.count(first, stop, place.threads + 1)
                    for shard, (rows, size) in zip(shards[first:stop], counts, strict=True):
                        self.known.learn(shard.name, rows, size)
                    self.known.see(*remote.seen)
                    report(stop)
                    self._write(at_once=False)
        except BaseException as error:
            # A traceback may keep it, and it must load no more. A function that bears one call only
            # is at rest when somebody who has caught this tries again.
            fetching.close(wait=place.threads == 1 and isinstance(error, Exception))
            with contextlib.suppress(IoError):  # the other error is the one to be seen
                self._write(at_once=True)
            raise
        fetching.close()  # as long as it is there it has a share of the cache
        self._write(at_once=True)

    def shards(self) -> Iterator[Shard]:
        """Yields the shards that have rows."""
        for sid, name, expected in zip(self._sids, self._names, self._expected, strict=True):
            known_rows, nbytes = self.known.shards.get(name, (0, 0))
            rows = known_rows if expected is None else expected
            if rows:
                yield Shard(sid, name, rows, nbytes if rows == known_rows else 0)

    def _write(self, *, at_once: bool) -> None:
        if self._cache is not None and (
            at_once or time.monotonic() - self._written > _WRITE_SECONDS
        ):
            self.known.write(self._cache, self._loader.dataset)
            self._written = time.monotonic()


def _expected_rows(rows: object, names: Sequence[str]) -> list[int | None]:
    """Returns what `rows` says of each shard."""
    if rows is None:
        return [None] * len(names)
    if isinstance(rows, np.ndarray) and rows.ndim == 0:
        rows = rows[()]
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence | np.ndarray):
        hint = "or a list with one for each sid, or None"
        return [checks.check_int("rows", rows, low=1, high=2**62, hint=hint)] * len(names)
    if len(rows) != len(names):
        raise InvalidError(
            f"rows has {len(rows)} numbers, and there are {len(names)} sids; give one for each, or "
            "one int if all have as many"
        )
    return [
        checks.check_int(f"rows of shard {name}", count, low=0, high=2**62)
        for count, name in zip(rows, names, strict=True)
    ]


def _thread_count(threads: int | None, executor: Any) -> int:
    if threads is not None:
        return checks.check_int("threads", threads, low=1, high=checks.MAX_THREADS)
    if executor is None:
        return _THREADS
    return min(ordered_map.count_workers(executor), _MOST_EXECUTOR_THREADS)
