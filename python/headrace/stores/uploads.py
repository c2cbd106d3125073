"""Shards on their way from a local directory into a store."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

from headrace.errors import HeadraceError, InvalidError
from headrace.stores.leftovers import COLLECTION_AGE_S
from headrace.stores.manifests import shard_key
from headrace.stores.object_store import ObjectStore

_AT_ONCE = 4
_SUFFIX = ".arrow"
_PATIENCE_S = 2.0
_TELL_S = 30.0  # that somebody waits so long, and twice, four times, ... as long, is told on stderr
_MOST_AGE_S = COLLECTION_AGE_S / 2  # of a shard that is committed


class Uploads:
    """Uploads the shards that appear in a directory, and removes them there.

    A shard's file has its name when it is complete and not before, so what is listed can go. At
    most four go at once, and whoever has made a fifth waits, so that little of a disk is used.

    Args:
        store: Where they go.
        folder: Where they appear.
    """

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._running: dict[str, Future[None]] = {}
        self._done: dict[str, float] = {}  # by id, when it was begun

    def sweep(self) -> None:
        """Begins with what has appeared; waits while too much is under way.

        Raises:
            HeadraceError: What an upload raised.
        """
        for shard in self._appeared():
            while len(self._running) >= _AT_ONCE:
                self._wait(next(iter(self._running)))
            self._begin(shard)
        for shard in [shard for shard, upload in self._running.items() if upload.done()]:
            self._wait(shard)

    def finish(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Returns when all shards are in the store.

        Raises:
            HeadraceError: What an upload raised.
            InvalidError: If a shard is in the store for so long that a commit is no longer safe.
        """
        self.sweep()
        while self._running:
            self._wait(next(iter(self._running)))
        oldest = time.monotonic() - _MOST_AGE_S
        for entry in entries:
            if self._done.pop(entry["id"], oldest) <= oldest:
                raise InvalidError(
                    f"shard {entry['id']} was written to {self._store.url} more than "
                    f"{_MOST_AGE_S:.0f} seconds ago, or by another writer; shards without a commit "
                    "are removed by age, so write its rows again, and commit more often",
                    file=self._store.url_of(shard_key(entry["id"])),
                )

    def abort(self) -> None:
        """Removes what finish() has not returned of; the uploads are then of no use."""
        for upload in self._running.values():
            upload.cancel()
        self._running.clear()
        with contextlib.suppress(HeadraceError):
            removed = [self._store.begin_delete(shard_key(shard)) for shard in self._done]
            # What is not removed by then is seen by nobody, and a store may stall.
            wait(removed, timeout=_PATIENCE_S)
        self._done.clear()

    def _appeared(self) -> list[str]:
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        found = [name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX)]
        return [shard for shard in found if shard not in self._running]

    def _begin(self, shard: str) -> None:
        self._done[shard] = time.monotonic()
        self._running[shard] = self._store.begin_put(shard_key(shard), self._path(shard))

    def _wait(self, shard: str) -> None:
        began, tell_after = time.monotonic(), _TELL_S
        while not wait([self._running[shard]], timeout=tell_after).done:
            waited = time.monotonic() - began
            _tell(waited, self._store.url_of(shard_key(shard)))
            tell_after = waited  # twice as long in all
        self._running[shard].result()
        del self._running[shard]
        self._path(shard).unlink()

    def _path(self, shard: str) -> Path:
        return Path(self._folder, f"{shard}{_SUFFIX}")


def _tell(waited: float, url: str) -> None:
    """Says on stderr what is waited for."""
    if sys.stderr is not None:
        sys.stderr.write(
            f"headrace: has waited {waited:.0f} s for the upload of {url}: the network is slow, or "
            "the store fails and is asked again\n"
        )
        sys.stderr.flush()
