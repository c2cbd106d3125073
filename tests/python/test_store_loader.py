"""Loaders over shards in a store: the batches of the directory, also through a small cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_files import bytes_in, watched

import headrace as hr

SIZES = [40, 60, 25, 75, 50, 50]
ROWS = sum(SIZES)
ROW_BYTES = 1024


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Returns a directory of shards, as a store and as it is."""
    folder = tmp_path_factory.mktemp("store_loader") / "shards"
    for part in np.split(np.arange(ROWS), np.cumsum(SIZES)[:-1]):
        with hr.Writer(folder) as writer:
            writer.write(
                x=np.repeat(part[:, None], ROW_BYTES // 8, axis=1),
                y=part,
                text=[f"row {k}" for k in part],
            )
    return folder.as_uri(), folder


def opened(places: tuple[str, Path], cache: Path, part: float = 1.5) -> hr.Dataset:
    """Opens the store through a cache that has room for this part of it."""
    room = int(part * (ROWS * ROW_BYTES + len(SIZES) * 16384))
    return hr.open(places[0], cache=cache, cache_bytes=room)


def batches(ds: hr.Dataset, **options: Any) -> list[Any]:
    with hr.Loader(ds, batch_size=16, output="numpy", **options) as loader:
        return [
            {name: np.asarray(rows).tolist() for name, rows in batch.items()} for batch in loader
        ]


@pytest.mark.parametrize(
    "shuffle",
    [False, True, hr.BlockShuffle(block_rows=16, window=3), hr.ShardShuffle(window=3, lanes=2)],
)
def test_batches_are_those_of_the_directory(
    places: tuple[str, Path], tmp_path: Path, shuffle: Any
) -> None:
    remote, local = opened(places, tmp_path), hr.open(places[1])
    expected = batches(local, shuffle=shuffle, seed=3)
    for threads in (1, 2):
        assert batches(remote, shuffle=shuffle, seed=3, num_threads=threads) == expected
    for rank in (0, 1):
        ranks = {"rank": rank, "world_size": 2, "seed": 3, "shuffle": shuffle}
        assert batches(remote, **ranks) == batches(local, **ranks)


def test_training_goes_on_from_a_state_of_the_directory(
    places: tuple[str, Path], tmp_path: Path
) -> None:
    shuffle = hr.ShardShuffle(window=2)
    loader = hr.Loader(hr.open(places[1]), batch_size=16, shuffle=shuffle, output="numpy")
    taken = iter(loader)
    for _ in range(9):
        next(taken)
    state = loader.state_dict()
    expected = [batch["y"].tolist() for batch in taken]
    with hr.Loader(
        opened(places, tmp_path), batch_size=16, shuffle=shuffle, output="numpy"
    ) as resumed:
        resumed.load_state_dict(state)
        assert [batch["y"].tolist() for batch in resumed] == expected


def test_stats_tell_what_was_downloaded(places: tuple[str, Path], tmp_path: Path) -> None:
    local = hr.Loader(hr.open(places[1]), batch_size=16, output="numpy")
    assert not [name for name in local.stats() if name.startswith("shard_")]
    with hr.Loader(opened(places, tmp_path), batch_size=16, output="numpy") as loader:
        assert loader.stats()["shard_fetches"] == 0
        list(loader)
        stats = loader.stats()
        assert stats["shard_fetches"] == len(SIZES)
        list(loader)
        assert loader.stats()["shard_fetches"] == stats["shard_fetches"]
    assert stats["shard_refetches"] == stats["shard_retries"] == 0
    assert stats["shard_ahead_failures"] == 0
    assert stats["shard_bytes"] >= ROWS * ROW_BYTES
    with hr.Loader(opened(places, tmp_path), batch_size=16, output="numpy") as again:
        list(again)
        assert again.stats()["shard_fetches"] == 0
        assert again.stats()["shard_hits"] >= len(SIZES)


def test_a_small_cache_keeps_its_limit(places: tuple[str, Path], tmp_path: Path) -> None:
    remote, local = opened(places, tmp_path, 0.8), hr.open(places[1])
    limit = int(0.8 * (ROWS * ROW_BYTES + len(SIZES) * 16384))
    with watched(tmp_path) as seen:
        for shuffle in (False, hr.ShardShuffle(window=2)):
            assert batches(remote, shuffle=shuffle) == batches(local, shuffle=shuffle)
    assert 0 < max(seen) <= limit


def test_all_rows_at_once_need_room_for_all_shards(
    places: tuple[str, Path], tmp_path: Path
) -> None:
    remote = opened(places, tmp_path, 0.8)
    with (
        hr.Loader(remote, batch_size=16, shuffle=True) as loader,
        pytest.raises(hr.InvalidError, match=r"hr\.ShardShuffle\(\)") as error,
    ):
        next(iter(loader))
    assert "cache_bytes" in str(error.value)
    assert bytes_in(tmp_path) == 0


def test_a_batch_sampler_names_rows_of_any_shards(places: tuple[str, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    lists = [rng.integers(0, ROWS, size=5).tolist() for _ in range(20)]
    with hr.Loader(opened(places, tmp_path), batch_sampler=lists, output="numpy") as loader:
        assert [batch["y"].tolist() for batch in loader] == lists


def test_two_loaders_take_turns_in_a_cache_for_one(
    places: tuple[str, Path], tmp_path: Path
) -> None:
    remote = opened(places, tmp_path, 0.8)
    local = hr.open(places[1])
    shuffle = hr.ShardShuffle(window=2)
    expected = [batches(local, shuffle=shuffle, seed=seed) for seed in (1, 2)]
    loaders = [
        hr.Loader(remote, batch_size=16, shuffle=shuffle, seed=seed, output="numpy")
        for seed in (1, 2)
    ]
    with loaders[0], loaders[1]:
        for number, found in enumerate(zip(*loaders, strict=True)):
            assert [batch["y"].tolist() for batch in found] == [
                of_loader[number]["y"] for of_loader in expected
            ]
