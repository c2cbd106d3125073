"""Shards that a function loads, as all that another process needs to load them, too."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headrace import _core, causes
from headrace.errors import InvalidError
from headrace.loaded.catalogue import Columns
from headrace.loaded.loads import Load, Loaded, Loads
from headrace.loaded.shard_names import Loader
from headrace.stores.concurrency import Concurrency
from headrace.stores.fetching import Fetching
from headrace.stores.temporary_folder import make_folder
from headrace.transform import check_picklable


class CacheFolder:
    """Where a cache is: the user's directory, or a temporary one that goes with this object."""

    def __init__(self, directory: str | None) -> None:
        self.path = directory or make_folder(self, "cache")[0]


@dataclass(frozen=True)
class Shard:
    """What is known of a shard; 0 for what is not.

    Attributes:
        sid: What the function is called with.
        name: What messages call that.
        rows: How many it has.
        nbytes: Of its file.
    """

    sid: Any
    name: str
    rows: int = 0
    nbytes: int = 0


@dataclass(frozen=True)
class LoadedPlace:
    """The shards of a dataset, and where their cache is.

    A pickle of it calls the function itself, without the executor.

    Attributes:
        load: The function.
        loader: What it is told from others by.
        shards: All of them, in row order.
        columns: What all of them have.
        seen: How large a row, and a shard, was at most.
        cache: A directory, or None for a temporary one of each process.
        cache_bytes: How much may lie there.
        threads: How many calls there are at a time.
        executor: What calls the function, if not these threads.
    """

    load: Callable[[Any], Any]
    loader: Loader
    shards: tuple[Shard, ...]
    columns: Columns
    seen: tuple[int, int]
    cache: str | None
    cache_bytes: int
    threads: int
    executor: Any = field(default=None, repr=False, compare=False)

    @property
    def url(self) -> str:
        """The name of the function."""
        return self.loader.name

    @property
    def version(self) -> None:
        """Nothing: shards that are loaded have no versions."""
        return

    def open(self) -> _core.Dataset:
        """Returns the rows; loads none."""
        return self.open_shards(CacheFolder(self.cache))[0].dataset()

    def at(self, version: int) -> LoadedPlace:
        """Raises InvalidError: there are no versions."""
        raise InvalidError(f"shards of {self.url} have no version {version}; they have none at all")

    def versions(self) -> None:
        """Returns nothing: there are none."""
        return

    def open_shards(
        self, folder: CacheFolder, kept: dict[int, Loaded] | None = None
    ) -> tuple[_core.RemoteShards, Fetching]:
        """Returns the shards, and what loads them; `kept` were loaded already, by number."""
        loads = Loads(
            Load(self.load, self.loader.name, self.executor),
            *([shard.sid for shard in self.shards], [shard.name for shard in self.shards]),
            [shard.rows for shard in self.shards],
            self.columns,
            kept=kept or {},
            most_kept=2 * self.threads,
        )
        fetching = Fetching(loads.fetch, concurrency=Concurrency.fixed(self.threads), keep=folder)
        weakref.finalize(fetching, causes.forget, loads.owner).atexit = False
        hash_of = self.loader.content_hash()
        id_of = self.loader.shard_id(self.columns.fields, self.columns.batch_rows)
        shards = _core.RemoteShards.make(
            origin=self.loader.name,
            schema=list(self.columns.fields),
            dataset=str(self.loader.dataset),
            shards=[
                (id_of(s.name), s.name, hash_of(s.name), s.rows, s.nbytes) for s in self.shards
            ],
            batch_rows=self.columns.batch_rows,
            seen=self.seen,
            cache=folder.path,
            cache_bytes=self.cache_bytes,
        )
        fetching.attach(shards)
        return shards, fetching

    def only(self, shards: Sequence[Shard]) -> LoadedPlace:
        """Returns the place of other shards of the function."""
        return replace(self, shards=tuple(shards))

    def __getstate__(self) -> dict[str, Any]:
        check_picklable("load", self.load)
        return vars(self) | {"executor": None}

    def __str__(self) -> str:
        return f"the shards of {self.url}"
