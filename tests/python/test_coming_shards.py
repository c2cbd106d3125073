"""ds.shards() of a store: the next shard is fetched while one is used."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fault_server import FaultServer, fault_server

import headrace as hr

SHARDS = 5
ROWS = 2000  # of a shard


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FaultServer]:
    """A dataset of shards that have one size, and who counts requests for them."""
    for shard in range(SHARDS):
        with hr.Writer(tmp_path / "store" / "data") as writer:
            writer.write(y=np.arange(shard * ROWS, (shard + 1) * ROWS))
    with fault_server(tmp_path / "store") as server:
        yield server


def opened(store: FaultServer, tmp_path: Path, shards: int) -> hr.Dataset:
    """The dataset with a cache that has room for so many shards."""
    largest = max(path.stat().st_size for path in store.folder.rglob("shards/*.arrow"))
    return hr.open(
        "s3://bucket/data",
        cache=tmp_path / "cache",
        cache_bytes=shards * -(-largest // 4096) * 4096,
        storage_options=store.options,
    )


def downloads(store: FaultServer) -> Counter[str]:
    """How often each shard was asked for."""
    return Counter({Path(k).stem: n for k, n in list(store.gets.items()) if "/shards/" in k})


def comes_to(store: FaultServer, shards: set[str]) -> bool:
    """Whether these shards, and no others, are asked for within five seconds."""
    end = time.monotonic() + 5
    while set(downloads(store)) != shards and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(0.05)  # for one too many
    return set(downloads(store)) == shards


@pytest.mark.parametrize("reverse", [False, True])
def test_the_next_one_comes_while_one_is_used(
    store: FaultServer, tmp_path: Path, *, reverse: bool
) -> None:
    ds = opened(store, tmp_path, 2)
    sids = ds.shard_ids[:: -1 if reverse else 1]
    for number, shard in enumerate(ds.select_shards(sids).shards()):
        # Nobody has read a row of this one, and there is room for one more.
        assert comes_to(store, set(sids[: number + 2]))
        rows = np.concatenate([batch["y"] for batch in hr.Loader(shard, batch_size=300)])
        first = ds.shard_ids.index(sids[number]) * ROWS
        assert np.array_equal(rows, np.arange(first, first + ROWS))
    assert set(downloads(store).values()) == {1}


def test_with_room_for_one_it_comes_in_its_turn(store: FaultServer, tmp_path: Path) -> None:
    ds = opened(store, tmp_path, 1)
    rows = [shard["y"][:] for shard in ds.shards()]
    assert np.array_equal(np.concatenate(rows), np.arange(SHARDS * ROWS))
    assert downloads(store) == dict.fromkeys(ds.shard_ids, 1)


def test_who_stops_wants_no_more(store: FaultServer, tmp_path: Path) -> None:
    ds = opened(store, tmp_path, 1)
    shards = ds.shards()
    next(shards)
    first, last = ds.shard_ids[0], ds.shard_ids[-1]
    assert comes_to(store, {first})  # which takes all the room until nobody wants it
    del shards
    assert ds["y"][-1] == SHARDS * ROWS - 1
    time.sleep(0.2)  # for one that is wanted still, and has room now
    assert downloads(store) == {first: 1, last: 1}
