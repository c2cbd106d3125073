"""`Dataset.retain`: old shards go, what others commit and what readers hold stays."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from growing import commit

import headrace as hr
from headrace.stores import open_store
from headrace.stores.store_directory import StoreDirectory


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus"
    for part in range(5):
        commit(path, 10 * part, 10)
    return path


def files(path: Path) -> int:
    return len(list((path / "shards").iterdir()))


def make_older(path: Path) -> None:
    for manifest in (path / "manifests").iterdir():
        os.utime(manifest, (0, 0))


def test_the_newest_shards_stay(corpus: Path) -> None:
    before = hr.open(corpus)
    kept = before.retain(newest=2)
    assert kept["y"][:].tolist() == list(range(30, 50))
    assert kept.version == 6
    assert hr.open(corpus)["y"][:].tolist() == list(range(30, 50))
    assert hr.open(corpus).shard_ids == before.shard_ids[3:]
    assert before["y"][:].tolist() == list(range(50)), "who has opened a version keeps it"
    assert len(before.retain(rows=11)) == 20, "shards stay whole"
    assert before.retain(newest=9).version == 6, "there is nothing to drop"
    commit(corpus, 50, 10)
    assert hr.open(corpus)["y"][:].tolist() == list(range(30, 60))


def test_views_of_columns_stay_what_they_are(corpus: Path) -> None:
    kept = hr.open(corpus).select_columns(["y"]).cast("int32").rename({"y": "z"}).retain(newest=1)
    assert kept["z"][:].dtype == np.int32
    assert kept["z"][:].tolist() == list(range(40, 50))


def test_files_go_when_their_versions_are_old(corpus: Path) -> None:
    ds = hr.open(corpus)
    ds.retain(newest=1)
    assert files(corpus) == 5
    make_older(corpus)
    reader = hr.open(corpus)
    ds.retain(newest=1)
    assert files(corpus) == 1
    assert reader["y"][:].tolist() == list(range(40, 50))
    with pytest.raises(hr.NotFoundError, match="was removed; the oldest that is left is 6"):
        hr.open(corpus, version=5)
    commit(corpus, 50, 10)
    assert len(hr.open(corpus).retain(newest=1, age=0)) == 10
    assert files(corpus) == 1


def test_nothing_that_others_add_meanwhile_is_lost(corpus: Path) -> None:
    def add() -> None:
        for part in range(5, 25):
            commit(corpus, 10 * part, 10)

    writer = threading.Thread(target=add)
    writer.start()
    while writer.is_alive():
        hr.open(corpus).retain(newest=3)
    writer.join()
    ds = hr.open(corpus).retain(newest=3)
    assert ds["y"][:].tolist() == list(range(220, 250))


def test_what_cannot_be_retained_is_named(corpus: Path, tmp_path: Path) -> None:
    ds = hr.open(corpus)
    for other in (
        hr.from_arrays(np.arange(3)),
        ds.subset(slice(0, 10)),
        hr.concat([ds, ds]),
        hr.zip([ds.select_columns(["x"]), ds.select_columns(["y"])]),
        hr.open(str(corpus / "shards" / "*.arrow")),
    ):
        with pytest.raises(hr.InvalidError, match=r"hr\.open\(directory\)"):
            other.retain(newest=1)
    for arguments in ({}, {"newest": 1, "rows": 1}):
        with pytest.raises(hr.InvalidError, match="one of the two"):
            ds.retain(**arguments)
    for bad in ({"newest": 0}, {"rows": -1}, {"newest": 1, "age": -1}, {"newest": True}):
        with pytest.raises(hr.InvalidError, match=next(iter(reversed(bad)))):
            ds.retain(**bad)
    assert ds.version == hr.open(corpus).version


def test_selected_shards_come_in_the_order_that_is_asked_for(corpus: Path) -> None:
    ds = hr.open(corpus)
    chosen = [ds.shard_ids[k] for k in (3, 0, 1)]
    picked = ds.select_shards(chosen)
    assert picked["y"][:].tolist() == [*range(30, 40), *range(20)]
    assert picked.shard_ids == chosen
    for shard, sid in zip(ds.shards(), ds.shard_ids, strict=True):
        assert shard.shard_ids == [sid]


def test_a_dataset_in_a_store_drops_shards_while_others_commit() -> None:
    pytest.importorskip("obstore")
    url = "memory://test_retain"
    directory = StoreDirectory(open_store(url))
    for part in range(4):
        with hr.Writer(url) as writer:
            writer.write(y=np.full(10, part))

    def add() -> None:
        for part in range(4, 12):
            with hr.Writer(url) as writer:
                writer.write(y=np.full(10, part))

    adding = threading.Thread(target=add)
    adding.start()
    while adding.is_alive():
        StoreDirectory(open_store(url)).retain(3, 0)
    adding.join()
    version = directory.retain(3, 0)
    info = directory.read()
    assert (info["version"], info["rows"], info["first_row"]) == (version, 30, 90)
    assert directory.retain(3, 0) == version, "there is nothing to drop"
    nowhere = StoreDirectory(open_store("memory://test_retain_nowhere"))
    with pytest.raises(hr.NotFoundError, match="memory://test_retain_nowhere is no dataset"):
        nowhere.retain(1, 0)


def test_old_shards_of_a_store_are_deleted_with_their_versions() -> None:
    pytest.importorskip("obstore")
    url = "memory://test_retain_deletes"
    store = open_store(url)
    for part in range(70):
        with hr.Writer(url) as writer:
            writer.write(y=np.full(10, part))
    directory = StoreDirectory(store)
    ids = [entry["id"] for entry in directory.entries()]
    assert directory.remove_dropped(0) == ([], []), "nothing was dropped"
    assert directory.retain(2, 0) == 71
    assert directory.remove_dropped(3600) == ([], []), "who reads version 70 needs them"
    time.sleep(0.05)
    versions, shards = directory.remove_dropped(0)
    assert versions == list(range(1, 71))
    assert sorted(shards) == sorted(ids[:68])
    assert sorted(info.key for info in store.list("shards")) == sorted(
        f"shards/{sid}.arrow" for sid in ids[68:]
    )
    other = StoreDirectory(store)
    assert other.remove_dropped(0) == ([], []), "nothing twice"
    assert [entry["id"] for entry in other.entries()] == ids[68:]
    with pytest.raises(hr.NotFoundError, match="version 70 was removed"):
        other.entries(70)
    with hr.Writer(url) as writer:
        writer.write(y=np.full(10, 70))
    assert other.retain(1, 0) == 73
    time.sleep(0.05)
    versions, shards = StoreDirectory(store).remove_dropped(0)
    assert (versions, sorted(shards)) == ([71, 72], sorted(ids[68:]))


def test_the_next_shard_is_asked_for_while_one_is_used(corpus: Path) -> None:
    def open_files() -> list[str]:
        with open("/proc/self/maps") as maps:
            text = maps.read()
        return [sid for sid in ds.shard_ids if sid in text]

    ds = hr.open(corpus)
    shards = ds.shards()
    assert open_files() == []
    first = next(shards)
    assert open_files() == ds.shard_ids[:2], "extents are known once a shard is open"
    assert first["y"][:].tolist() == list(range(10))
    assert [shard["y"][0] for shard in shards] == [10, 20, 30, 40]
