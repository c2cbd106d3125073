"""What killed writers leave in a store is collected by those that come after them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.stores import (
    ObjectInfo,
    ObjectStore,
    leftovers,
    manifests,
    open_store,
    store_directory,
)
from headrace.stores.manifests import fetch_version, manifest_key
from headrace.stores.obstore_store import ObstoreStore
from headrace.stores.store_directory import StoreDirectory

pytest.importorskip("obstore")


@pytest.fixture
def store() -> ObjectStore:
    """A store with a dataset, a shard that no version names, and what is nobody's."""
    store = open_store(f"memory://leftovers/{uuid.uuid4().hex}")
    commit(store, 100)
    for key in (ORPHAN, "probes/1", *OTHERS):
        store.put(key, b"x")
    return store


ORPHAN = f"shards/{uuid.UUID(int=7)}.arrow"
OTHERS = ["shards/mine.arrow", f"shards/{str(uuid.UUID(int=10)).upper()}.arrow", "notes"]


def commit(store: ObjectStore, rows: int) -> None:
    with hr.Writer(store.url) as writer:
        writer.write(x=np.zeros(rows))


def keys(store: ObjectStore) -> set[str]:
    return {info.key for info in store.list()}


def named(store: ObjectStore) -> set[str]:
    """The shards of all versions."""
    directory = StoreDirectory(store)
    versions = range(1, directory.newest() + 1)
    return {f"shards/{entry['id']}.arrow" for v in versions for entry in directory.entries(v)}


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before a commit is old enough."""
    monkeypatch.setattr(store_directory, "COLLECTION_AGE_S", 0)


@pytest.mark.usefixtures("_at_once")
def test_a_snapshot_collects_what_no_version_names(store: ObjectStore) -> None:
    commit(store, 1)
    assert ORPHAN in keys(store), "an append looks at nothing"
    commit(store, 100)
    assert StoreDirectory(store).read()["kind"] == "snapshot"
    found = keys(store)
    assert not found & {ORPHAN, "probes/1"}
    assert found >= named(store) | set(OTHERS)
    assert len(hr.open(store.url, cache_bytes="10MB")) == 201


@pytest.mark.usefixtures("_at_once")
def test_shards_that_only_old_versions_name_stay(store: ObjectStore) -> None:
    for _ in range(3):
        commit(store, 100)
    ds = hr.open(store.url, cache_bytes="10MB")
    first = ds.shard_ids[0]
    assert len(ds.retain(newest=1)) == 100
    assert f"shards/{first}.arrow" in keys(store)
    assert len(hr.open(store.url, version=1, cache_bytes="10MB")["x"][:]) == 100
    assert ORPHAN not in keys(store)


def test_what_is_young_stays(store: ObjectStore) -> None:
    commit(store, 100)
    assert keys(store) >= {ORPHAN, "probes/1"}


class Listing(ObstoreStore):
    """Whose listings lack what `hides` begins with; None is refused."""

    hides: str | None = None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        if self.hides is None:
            raise hr.PermissionDeniedError("no")
        return (info for info in super().list(prefix) if not info.key.startswith(self.hides))


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("hides", [None, "manifests/00000000000000000001", "manifests/"])
def test_nothing_goes_where_it_is_not_sure_that_nobody_names_it(
    store: ObjectStore, hides: str | None
) -> None:
    assert isinstance(store, ObstoreStore)
    listing = Listing(store._store, store.url)
    listing.hides = hides
    directory = StoreDirectory(listing)
    commit(store, 1)
    entries: list[dict[str, Any]] = directory.entries()
    assert directory.retain(1, 0) == 3
    assert directory.read()["kind"] == "snapshot"
    assert keys(store) >= {ORPHAN, *(f"shards/{entry['id']}.arrow" for entry in entries)}


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("odd")])
def test_a_commit_is_done_whatever_collecting_raises(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def fail(*_: object) -> int:
        asked.append(1)
        raise error

    monkeypatch.setattr(leftovers, "mirror_down", fail)
    commit(store, 1)
    commit(store, 100)
    assert asked
    assert len(hr.open(store.url, cache_bytes="10MB")) == 201


@pytest.mark.parametrize("method", ["list", "begin_delete"])
def test_shards_are_dropped_where_files_cannot_be_removed(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    for _ in range(3):
        commit(store, 100)
    ds = hr.open(store.url, cache_bytes="10MB").retain(newest=2)
    commit(store, 100)
    before = keys(store)
    asked = []

    def refuse(_: ObjectStore, key: str = "") -> None:
        asked.append(key)
        raise hr.PermissionDeniedError("no")

    time.sleep(0.05)  # until versions are more than 0 seconds old
    with monkeypatch.context() as patch:
        patch.setattr(ObstoreStore, method, refuse)
        kept = ds.retain(newest=1, age=0)
    assert asked
    assert (len(kept), kept.version) == (100, 7)
    assert keys(store) == before | {manifest_key(7)}
    assert hr.open(store.url, cache_bytes="10MB").version == 7


def test_large_manifests_are_copied_without_holding_them(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        commit(store, 1)
    small, large = tmp_path / "small", tmp_path / "large"
    assert fetch_version(store, str(small)) == 5
    copied: list[str] = []
    pieces = ObstoreStore.pieces

    def copy(self: ObstoreStore, key: str) -> Iterator[memoryview]:
        copied.append(key)
        return pieces(self, key)

    monkeypatch.setattr(manifests, "_SMALL_BYTES", 1)
    monkeypatch.setattr(ObstoreStore, "pieces", copy)
    assert fetch_version(store, str(large)) == 5
    assert [manifest_key(version) for version in (5, 1, 2, 3, 4)] == [
        key for key in copied if key.startswith("manifests")
    ]
    for key in copied:
        assert (large / key).read_bytes() == (small / key).read_bytes()


def test_a_manifest_that_cannot_be_copied_is_an_error_of_ours(
    store: ObjectStore, tmp_path: Path
) -> None:
    copy = tmp_path / manifest_key(1)
    Path(f"{copy}.{os.getpid()}").mkdir(parents=True)  # in the way of the file
    with pytest.raises(
        hr.IoError, match=r"0001\.arrow can be written .*: Is a directory; .*TMPDIR"
    ):
        fetch_version(store, str(tmp_path))
    assert not copy.exists()
