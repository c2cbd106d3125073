"""What killed writers have left in a store: shards that no version names, and probes.

In a directory the core collects them (dataset/leftovers). Here:

1. List the shards that are old, by the store's clock, before anything else: what is committed after
   that was young enough to stay (uploads.py).
2. Strike out those of the newest version. Mostly none is left, and nothing else was asked for.
3. Strike out those of all others, whose manifests are mirrored for that. A listing has to show the
   same versions: a shard stays as long as it is not sure that none names it.
4. Delete the rest.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from headrace import _core
from headrace.stores.manifests import LATEST, listed_versions, shard_key
from headrace.stores.object_store import ObjectInfo, ObjectStore
from headrace.stores.retention import mirror_down

# How old a shard that no version names has to be before a writer removes it.
COLLECTION_AGE_S = 7 * 24 * 3600

_SHARD = re.compile(r"shards/([0-9a-f-]{36})\.arrow")


def collect_leftovers(store: ObjectStore, mirror: _core.Directory, newest: int, age: int) -> int:
    """Removes shards that no version names and probes, if they are at least so many seconds old.

    Objects of other names are never touched.

    Args:
        store: Where the dataset is.
        mirror: A directory with the manifests of `newest`, and none of a later version.
        newest: The newest version.
        age: In seconds.

    Returns:
        How many objects were removed.
    """
    now = store.head(LATEST).modified  # it was written not long ago
    if now is None:
        return 0
    limit = now - timedelta(seconds=age)
    old = [_SHARD.fullmatch(info.key) for info in store.list("shards") if _is_old(info, limit)]
    shards = _unnamed(store, mirror, newest, [found[1] for found in old if found])
    keys = [shard_key(shard) for shard in shards]
    keys += [info.key for info in store.list("probes") if _is_old(info, limit)]
    store.delete_all(keys)
    return len(keys)


def _is_old(info: ObjectInfo, limit: datetime) -> bool:
    return info.modified is not None and info.modified <= limit


def _unnamed(
    store: ObjectStore, mirror: _core.Directory, newest: int, shards: list[str]
) -> list[str]:
    """Returns those of the shards that no version names; none where that is not sure."""
    header = mirror.read(newest)
    mirrored = header["base"] if header["kind"] == "append" else newest
    left = mirror.unnamed(shards, mirrored)
    if not left:
        return []
    oldest = mirror_down(store, mirror, newest)
    listed = listed_versions(store)
    if max(listed, default=0) != newest or not listed.keys() >= set(range(oldest, newest)):
        return []
    return mirror.unnamed(left, oldest)
