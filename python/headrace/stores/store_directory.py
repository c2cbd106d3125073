"""The directory of a dataset that lies in a store: read, and committed to.

The core reads and writes manifests of a local directory. Here such a directory mirrors those of the
store, and a commit (docs/format.md) goes like this:

1. Mirror the newest version n. Let the core commit the shards, which are in the store already, to
   the mirror: it checks columns and ids, and writes the manifest of n + 1, an append or a snapshot.
2. Put that manifest into the store if n + 1 is absent there: this is the commit.
3. Otherwise take it back from the mirror, fetch the one that is there, and look whether it carries
   the UUID of a manifest of this commit: then it is done, and only the answer was lost. If not,
   again from 1.
4. Move `latest`, a hint, and where the manifest is a snapshot, collect leftovers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from headrace import _core
from headrace.errors import HeadraceError, InvalidError, IoError, NotFoundError
from headrace.stores.leftovers import COLLECTION_AGE_S, collect_leftovers
from headrace.stores.manifests import (
    LATEST,
    fetch_version,
    manifest_key,
    newest_manifest,
    newest_version,
    shard_key,
)
from headrace.stores.object_store import ObjectStore
from headrace.stores.patience import patiently
from headrace.stores.retention import remove_dropped
from headrace.stores.store_errors import naming
from headrace.stores.temporary_folder import make_folder

# Each try that fails is another writer's success; more of them are no race.
_MOST_TRIES = 1000


class StoreDirectory:
    """What `_core.Directory` is for a local dataset, for one in a store. One thread at a time.

    Args:
        store: Where the dataset is, or will be.
        trusted: Whether the store is known to take the credentials; see `newest_version`.
        exclusive: Whether nobody else may commit meanwhile: then a commit after one of others is
            refused.
        patience: Seconds for which retain() waits for a store that is overloaded, and whoever looks
            for newer versions takes its errors for ones that pass.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        trusted: bool = False,
        exclusive: bool = False,
        patience: float = 0.0,
    ) -> None:
        self._store = store
        self.patience = patience
        self._trusted = trusted
        folder, _ = make_folder(self, "manifests")
        self._mirror = _core.Directory(os.path.join(folder, "dataset"))
        self._exclusive = exclusive
        self._seen: int | None = None  # the newest version that an exclusive user knows of
        self._is_unsure = False
        self._etag: tuple[int, str | None] = (0, None)  # of the newest manifest when last looked at

    @property
    def path(self) -> str:
        """The URL of the dataset."""
        return self._store.url

    def newest(self) -> int:
        """Returns the newest version, 0 where there is none."""
        newest, found = newest_manifest(self._store, trusted=self._trusted)
        if self._seen is None:
            self._seen = newest
        self._forget_if_replaced(newest, None if found is None else found.etag)
        return newest

    def _forget_if_replaced(self, version: int, etag: str | None) -> None:
        """Lets a manifest be fetched again that is another one: somebody made the dataset anew."""
        known, self._etag = self._etag, (version, etag)
        if known[0] == version and None not in (known[1], etag) and known[1] != etag:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._mirror.path, manifest_key(version)))

    def read(self, version: int = 0) -> dict[str, Any]:
        """Returns what a version says of itself; 0 is the newest."""
        with self._named():
            return self._mirror.read(self._fetched(version))

    def entries(self, version: int = 0) -> list[dict[str, Any]]:
        """Returns the shards of a version, in row order."""
        with self._named():
            return self._mirror.entries(self._fetched(version))

    def origins(self, version: int = 0) -> Any:
        """Returns the origins of all shards of a version, one after another."""
        with self._named():
            return self._mirror.origins(self._fetched(version))

    def commit(
        self, entries: list[dict[str, Any]], schema: list[tuple[Any, ...]], metadata: str = "{}"
    ) -> int:
        """Adds shards that are in the store; returns the version that has them.

        Raises:
            InvalidError: If they do not fit the dataset; or, where that is exclusive, if somebody
                else has committed to it.
            IoError: If the store failed. Where the message does not say otherwise, nothing is
                visible.
        """
        return self._commit(
            lambda: self._mirror.commit(entries, schema, metadata, files_here=False)
        )

    def retain(self, shards: int, rows: int) -> int:
        """Drops the oldest shards but so many, and so many rows; returns the version without them.

        Raises as `commit`.
        """

        def retain() -> int:
            return self._commit(lambda: self._mirror.retain(shards, rows, files_here=False))

        # Twice is as good as once, so it does no harm where only the store's answer was lost.
        return patiently(retain, self.patience)

    def remove_dropped(self, age: int) -> tuple[list[int], list[str]]:
        """Removes what `_core.Directory.remove_dropped` does, by the store's clock.

        Errors are passed over, as in a commit: what stays is removed by the next call, or is a
        leftover. Whoever were told of one would take the commit before for one that failed.
        """
        with contextlib.suppress(Exception):
            newest = self._fetched(0)
            return remove_dropped(self._store, self._mirror, newest, age)
        return [], []

    def _commit(self, commit_to_mirror: Callable[[], int]) -> int:
        """Commits as the file says; returns the version, which is an old one if nothing changed."""
        commits: set[str] = set()
        for _ in range(_MOST_TRIES):
            newest = newest_version(self._store, trusted=self._trusted)
            self._check_alone(newest)
            with self._named():
                if newest:
                    fetch_version(self._store, self._mirror.path, newest)
                version = commit_to_mirror()
                if version == newest:
                    return version
                commits.add(self._mirror.read(version)["commit"])
            done = self._put(version, commits)
            if done:
                self._seen = version
                self._tidy_up(version)
                return version
        raise IoError(
            f"{self.path}: other writers were first {_MOST_TRIES} times in a row; commit less "
            "often",
            file=self.path,
        )

    def _tidy_up(self, version: int) -> None:
        """Does what makes the next reader quicker, or a store smaller; a commit is done without.

        Whoever were told of an error, whichever, would commit the same rows again.
        """
        with contextlib.suppress(Exception):
            self._store.put(LATEST, f"{version}\n".encode())
            if version > 1 and self._mirror.read(version)["kind"] == "snapshot":
                collect_leftovers(self._store, self._mirror, version, COLLECTION_AGE_S)

    def discard(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Removes those of the shards that the newest version does not name.

        Nothing where it is not known whether a commit of theirs will still arrive. Errors are
        passed over: what stays is seen by nobody.
        """
        if self._is_unsure:
            return
        with contextlib.suppress(HeadraceError):
            kept = {entry["id"] for entry in self.entries()} if self.newest() else set()
            dropped = [entry["id"] for entry in entries if entry["id"] not in kept]
            self._store.delete_all([shard_key(shard) for shard in dropped])

    def _put(self, version: int, commits: set[str]) -> bool:
        """Puts the mirror's manifest into the store; whether one of `commits` is there then."""
        path = os.path.join(self._mirror.path, manifest_key(version))
        with open(path, "rb") as file:
            data = file.read()
        failure: HeadraceError | None = None
        try:
            if self._store.put_if_absent(manifest_key(version), data):
                return True
        except HeadraceError as error:
            failure = error
        # Both: the mirror has no hint to a version that it has not.
        os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._mirror.path, LATEST))
        try:
            with self._named():
                return self._mirror.read(self._fetched(version))["commit"] in commits
        except HeadraceError as unread:
            if failure is None:
                raise
            if isinstance(unread, NotFoundError) and not isinstance(failure, IoError):
                raise failure from None  # refused, so that nothing can be on its way
        self._is_unsure = True
        raise IoError(
            f"{self.path}: whether version {version} was committed is not known, since the store "
            f"failed meanwhile ({failure}); look whether its rows are there before they are "
            "written again",
            file=self.path,
        )

    def _check_alone(self, newest: int) -> None:
        if self._exclusive and self._seen is not None and newest != self._seen:
            raise InvalidError(
                f"somebody else committed version {newest} to {self.path} while this conversion "
                "was at work, which may have done the same inputs; run it again, and it goes on "
                "behind what is there",
                file=self.path,
            )

    def _fetched(self, version: int) -> int:
        return fetch_version(self._store, self._mirror.path, version or None)

    def _named(self) -> AbstractContextManager[None]:
        return naming(self.path, copy=self._mirror.path)

    def __repr__(self) -> str:
        return f"StoreDirectory({self.path!r})"
