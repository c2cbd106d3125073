"""Datasets whose shards are in a store: they come into a cache when their rows are wanted."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from headrace import _core, checks, recipe
from headrace.byte_sizes import byte_size
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.stores.concurrency import Concurrency
from headrace.stores.fetching import Fetching, download
from headrace.stores.manifests import fetch_version
from headrace.stores.opening import open_store
from headrace.stores.patience import patiently
from headrace.stores.store_directory import StoreDirectory
from headrace.stores.store_errors import naming
from headrace.stores.store_url import is_url, shown
from headrace.stores.temporary_folder import make_folder

_MOST_DEFAULT_BYTES = 10**10
_DEFAULT_PART = 4  # of the free disk
DEFAULT_FETCH_TIMEOUT = 120.0


@dataclass(frozen=True)
class RemotePlace:
    """Where a dataset is, and where its cache is: all that another process needs to open it.

    A pickle of it holds the storage options, with the credentials among them.

    Attributes:
        url: Where it is.
        version: Its version.
        cache: A directory, or None for a temporary one of each process.
        cache_bytes: How much may lie there.
        fetch_timeout: Seconds that a shard may take, with all tries.
        storage_options: As for `open_store`.
    """

    url: str
    version: int
    cache: str | None
    cache_bytes: int
    fetch_timeout: float = DEFAULT_FETCH_TIMEOUT
    storage_options: Mapping[str, Any] | None = field(default=None, repr=False)

    def open(self) -> _core.Dataset:
        """Returns the rows; fetches the manifests, and no shard."""
        return _open(self)[0]

    def at(self, version: int) -> RemotePlace:
        """Returns the same place at another version."""
        return replace(self, version=version)

    def versions(self) -> StoreDirectory:
        """Returns its versions, for who looks for newer ones or drops shards."""
        store = open_store(self.url, self.storage_options)
        return StoreDirectory(store, patience=self.fetch_timeout)

    def __str__(self) -> str:
        return self.url


def open_remote(
    url: str,
    *,
    version: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    cache_bytes: int | str | None = None,
    fetch_timeout: float | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Returns the dataset of shards at `url`; see `headrace.open`.

    Example:
        >>> import tempfile, headrace as hr
        >>> with hr.Writer("memory://docs/open_remote") as writer:
        ...     writer.write(x=[1.0, 2.0, 3.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ds = hr.open("memory://docs/open_remote", cache=folder, cache_bytes="1GB")
        ...     print(ds["x"][1:])
        [2. 3.]
    """
    if version is not None:
        version = checks.check_int("version", version, low=1, high=checks.MAX_INT64)
    directory = None if cache is None else check_cache(cache)
    if cache_bytes is None:
        limit = default_bytes(directory)
    else:
        limit = byte_size("cache_bytes", cache_bytes)
    seconds = DEFAULT_FETCH_TIMEOUT
    if fetch_timeout is not None:
        seconds = checks.check_seconds("fetch_timeout", fetch_timeout)
    place = RemotePlace(url, version or 0, directory, limit, seconds, storage_options)
    core, found, info = _open(place)
    metadata = json.loads(info["metadata"])
    return Dataset(recipe.from_store(core, found), as_tuple=metadata.get("as_tuple") is True)


def _open(place: RemotePlace) -> tuple[_core.Dataset, RemotePlace, dict[str, Any]]:
    """Returns the rows, the place with its version, and what the version says of itself."""
    store = open_store(place.url, place.storage_options, patience=place.fetch_timeout)
    with (
        tempfile.TemporaryDirectory(prefix="headrace-manifests-") as folder,
        naming(store.url, copy=folder),
    ):
        wanted = place.version or None
        version = patiently(lambda: fetch_version(store, folder, wanted), place.fetch_timeout)
        directory = _core.Directory(folder)
        info = directory.read(version)
        concurrency = Concurrency()
        fetching = Fetching(
            functools.partial(download, store, concurrency), concurrency=concurrency
        )
        cache = place.cache or make_folder(fetching, "cache")[0]
        shards = _core.RemoteShards.open(
            *(directory, version, store.url, cache, place.cache_bytes),
            deadline=place.fetch_timeout,
        )
    fetching.attach(shards)
    return shards.dataset(), replace(place, version=version), info


def check_cache(cache: object) -> str:
    """Returns the directory of a cache as a path that does not depend on where a program is."""
    path: object = os.fspath(cache) if isinstance(cache, str | os.PathLike) else cache
    if not isinstance(path, str) or not path or is_url(path):
        named = shown(path) if isinstance(path, str) and is_url(path) else cache
        raise InvalidError(
            f"cache={named!r}: shards are kept in a directory on a disk of this machine; name it, "
            "or drop cache= for a temporary one"
        )
    return os.path.abspath(path)


def default_bytes(directory: str | None) -> int:
    """Returns a limit for who gives none: a quarter of the disk, and at most 10 GB.

    Of what is free and what the cache has already: a program gets the same when it starts again.
    """
    path = directory or tempfile.gettempdir()
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    free = shutil.disk_usage(path).free + (0 if directory is None else _bytes_in(directory))
    return max(1, min(_MOST_DEFAULT_BYTES, free // _DEFAULT_PART))


def _bytes_in(directory: str) -> int:
    """Returns what the files of a directory take of the disk."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):  # another process may remove it now
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total
