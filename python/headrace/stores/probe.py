"""Whether a dataset can be written to a store, before hours of work are."""

from __future__ import annotations

import contextlib
import uuid

from headrace.errors import HeadraceError, UnsupportedError
from headrace.stores.object_store import ObjectStore


def check_writable(store: ObjectStore) -> None:
    """Puts a small object twice, both times only if it is absent, and removes it.

    A store that takes the second one has no put-if-absent, whatever it answers, and of two writers
    that commit at once the rows of one would be lost.

    Raises:
        UnsupportedError: If the store has none.
        HeadraceError: What the store raises: no such bucket, no credentials, no access.
    """
    key = f"probes/{uuid.uuid4()}"
    store.put_if_absent(key, b"headrace")
    try:
        if store.put_if_absent(key, b"headrace"):
            raise UnsupportedError(
                f"{store.url} cannot be written: the store replaces an object where it was asked "
                "to create one only if there is none, so commits could be lost; use a store with "
                "conditional puts (If-None-Match), or write to a directory and copy it there",
                file=store.url,
            )
    finally:
        with contextlib.suppress(HeadraceError):
            store.delete(key)
