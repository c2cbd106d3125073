"""Where a dataset is written to: a directory, or a URL of a store."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from headrace import _core, checks
from headrace.conversion.lock import exclusive
from headrace.errors import HeadraceError, InvalidError
from headrace.shard_builder import ShardBuilder, discard
from headrace.stores.object_store import ObjectStore
from headrace.stores.opening import open_store
from headrace.stores.patience import patiently
from headrace.stores.probe import check_writable
from headrace.stores.store_directory import StoreDirectory
from headrace.stores.store_shard_builder import StoreShardBuilder
from headrace.stores.store_url import check_url, is_url, local_path, scheme_of

_BUSY_S = 120.0  # for which a writer that begins waits for a store that is overloaded
# So long, however many tries that takes: the client's pauses often stay at a tenth of a second.
_PATIENCE: dict[str, Any] = {
    "max_retries": 100_000,
    "retry_timeout": datetime.timedelta(minutes=3),
    "backoff": {
        "init_backoff": datetime.timedelta(seconds=0.2),
        "max_backoff": datetime.timedelta(seconds=15),
        "base": 3,
    },
}


class Versions(Protocol):
    """The versions of a dataset: `_core.Directory`, or `StoreDirectory`."""

    @property
    def path(self) -> str:
        """The directory, or the URL."""

    def newest(self) -> int:
        """Returns the newest version, 0 without any."""

    def read(self, version: int = 0) -> dict[str, Any]:
        """Returns what a version says of itself; 0 is the newest."""

    def entries(self, version: int = 0) -> list[dict[str, Any]]:
        """Returns the shards of a version, in row order."""

    def origins(self, version: int = 0) -> Any:
        """Returns the origins of all shards of a version."""

    def commit(
        self, entries: list[dict[str, Any]], schema: list[tuple[Any, ...]], metadata: str = "{}"
    ) -> int:
        """Adds shards; returns the version that has them."""

    def retain(self, shards: int, rows: int) -> int:
        """Drops the oldest shards but so many, and so many rows; returns the version then."""

    def remove_dropped(self, age: int) -> tuple[list[int], list[str]]:
        """Removes old versions with dropped rows, and shards that only they name."""


class Place(Protocol):
    """Where a dataset is, or will be. Picklable: workers of a conversion write there, too."""

    @property
    def name(self) -> str:
        """How messages call it: a path, or a URL without secrets."""

    def versions(self, *, alone: bool = False) -> Versions:
        """Returns its versions; `alone`: those of a user who wants no other writers."""

    def check_writable(self) -> None:
        """Raises where it can be known early that nothing can be written there."""

    def builder(self, **options: Any) -> ShardBuilder:
        """Returns what writes shards there; the options are `ShardBuilder`'s."""

    def discard(self, versions: Any, entries: Iterable[Mapping[str, Any]]) -> None:
        """Removes shards that were built there and that no version names."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keeps other conversions out while the block runs, where that can be done."""


@dataclass(frozen=True)
class LocalPlace:
    """A directory."""

    name: str

    def versions(self, *, alone: bool = False) -> _core.Directory:
        """Returns the directory; who wants to be alone holds `exclusive`."""
        del alone
        return _core.Directory(self.name)

    def check_writable(self) -> None:
        """Nothing: the first shard shows it."""

    def builder(self, **options: Any) -> ShardBuilder:
        """Returns what writes shards into the directory."""
        return ShardBuilder(self.name, **options)

    def discard(self, versions: Any, entries: Iterable[Mapping[str, Any]]) -> None:
        """Removes those of the shards that no version names."""
        del versions
        discard(self.name, entries)

    def exclusive(self) -> AbstractContextManager[None]:
        """Locks the directory."""
        return exclusive(self.name)


@dataclass(frozen=True)
class StorePlace:
    """A URL of a store.

    Attributes:
        name: The URL.
        storage_options: As for `open_store`. They may hold secrets: no repr shows them.
    """

    name: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def versions(self, *, alone: bool = False) -> StoreDirectory:
        """Returns the versions; `alone` refuses a commit after one of somebody else.

        Requires:
            check_writable() before, by whoever wrote here first.
        """
        return StoreDirectory(self._store(), trusted=True, exclusive=alone)

    def check_writable(self) -> None:
        """Tries the store out: credentials, bucket, and that it can put if absent."""
        store = open_store(self.name, self.storage_options)
        patiently(lambda: check_writable(store), _BUSY_S)

    def builder(self, **options: Any) -> ShardBuilder:
        """Returns what writes shards into the store."""
        return StoreShardBuilder(self._store(), **options)

    def _store(self) -> ObjectStore:
        """Returns the store, which does not give up soon: rows are lost with a writer."""
        return open_store(self.name, {"retry_config": _PATIENCE, **self.storage_options})

    def discard(self, versions: Any, entries: Iterable[Mapping[str, Any]]) -> None:
        """Removes those of the shards that no version names."""
        with contextlib.suppress(HeadraceError):
            versions.discard(entries)

    def exclusive(self) -> AbstractContextManager[None]:
        """Nothing: stores have no locks, and `versions(alone=True)` notices commits of others."""
        return contextlib.nullcontext()


def place_of(path: object, storage_options: Mapping[str, Any] | None = None) -> Place:
    """Returns the place that a path or a URL names; nothing is made there.

    Raises:
        InvalidError: If it is neither, or if a directory is given options of a store.
    """
    if isinstance(path, str) and is_url(path) and scheme_of(path) != "file":
        return StorePlace(check_url(path), dict(storage_options or {}))
    if storage_options:
        raise InvalidError(
            f"storage_options= are for URLs, and {path!r} is a directory; drop them",
        )
    return LocalPlace(
        checks.check_directory(local_path(path) if isinstance(path, str) and is_url(path) else path)
    )
