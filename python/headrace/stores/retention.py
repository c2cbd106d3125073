"""What `retain` has dropped of a dataset in a store, and is old: its versions, and their shards.

The core does this in a directory (dataset/retention). So:

1. Mirror the manifests, from the newest back to one that was removed, with the times at which they
   came to be, counted back from now: the store's clock and this machine's may differ.
2. Let the core remove old versions of the mirror; it says which, and the shards that only they
   name.
3. Put its tombstones into the store, the oldest first, and then delete the shards.
"""

from __future__ import annotations

import os
import time

from headrace import _core
from headrace.errors import NotFoundError
from headrace.stores.manifests import (
    LATEST,
    fetch_range,
    listed_versions,
    manifest_key,
    shard_key,
)
from headrace.stores.object_store import ObjectStore

_LOT = 66  # manifests that are fetched at once; so many that were removed have none before them


def remove_dropped(
    store: ObjectStore, mirror: _core.Directory, newest: int, age: int
) -> tuple[list[int], list[str]]:
    """Removes old versions that name dropped rows, and the shards that only they name.

    Args:
        store: Where the dataset is.
        mirror: A directory with the manifests of `newest`.
        newest: The newest version.
        age: For how many seconds a later version must have been there.

    Returns:
        The versions and the ids of the shards that were removed.
    """
    if mirror.read(newest)["first_row"] == 0:
        return [], []
    ages = _ages(store, newest)
    oldest = mirror_down(store, mirror, newest)
    now = time.time()
    for version in range(oldest, newest + 1):
        path = os.path.join(mirror.path, manifest_key(version))
        written = now - ages.get(version, 0.0)
        os.utime(path, (written, written))
    versions, shards = mirror.remove_dropped(age, oldest)
    for version in versions:
        with open(os.path.join(mirror.path, manifest_key(version)), "rb") as file:
            store.put(manifest_key(version), file.read())
    store.delete_all([shard_key(shard) for shard in shards])
    return versions, shards


def _ages(store: ObjectStore, newest: int) -> dict[int, float]:
    """Returns for how many seconds each version has been there; none where that is not known."""
    store.put(LATEST, f"{newest}\n".encode())  # a hint, and what the store's clock says now
    now = store.head(LATEST).modified
    if now is None:
        return {}
    return {
        version: (now - info.modified).total_seconds()
        for version, info in listed_versions(store).items()
        if info.modified is not None
    }


def mirror_down(store: ObjectStore, mirror: _core.Directory, newest: int) -> int:
    """Mirrors manifests from `newest` back to the first, or to many that were removed.

    Returns:
        The oldest that is mirrored.
    """
    stop = newest
    while stop > 1:
        lot = range(max(1, stop - _LOT), stop)
        fetch_range(store, mirror.path, lot)
        if all(_is_removed(mirror, version) for version in lot):
            return lot.start
        stop = lot.start
    return stop


def _is_removed(mirror: _core.Directory, version: int) -> bool:
    try:
        mirror.read(version)
    except NotFoundError:
        return True
    return False
