"""A loader used at random for a long time: no wrong row, no lost row, nothing that grows.

Run by `make check`. SOAK_SECONDS says how long (120), SOAK_SEED repeats a run; a failure names it.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import headrace as hr

SECONDS = float(os.environ.get("SOAK_SECONDS", "120"))
SEED = int(os.environ.get("SOAK_SEED", str(time.time_ns() % 2**32)))
ROWS = 5_000
WIDTH = 24
GROWTH_LIMIT = 32 * 2**20


@dataclass(frozen=True)
class Usage:
    """What this process holds."""

    resident: int
    threads: int
    descriptors: int
    maps: int


def usage() -> Usage:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    maps = Path("/proc/self/maps").read_text().splitlines()
    return Usage(
        resident=pages * os.sysconf("SC_PAGE_SIZE"),
        threads=len(os.listdir("/proc/self/task")),
        descriptors=len(os.listdir("/proc/self/fd")),
        maps=sum(".npy" in line for line in maps),
    )


def features_of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What row r holds, a function of r: a wrong row is seen at once."""
    return ((rows[:, None] * 31 + np.arange(WIDTH) * 7) % 65_521).astype(np.float32)


@pytest.fixture
def datasets(tmp_path: Path) -> list[hr.Dataset]:
    """The same rows from memory, from files of unequal length, and from views of both."""
    rows = np.arange(ROWS)
    features = features_of(rows)
    cuts = [0, 1, 700, 701, 2_500, 2_501, 4_096, ROWS]
    for column, values in (("row", rows), ("x", features)):
        (tmp_path / column).mkdir()
        for start, stop in itertools.pairwise(cuts):
            np.save(tmp_path / column / f"{start:05}.npy", values[start:stop])
    in_memory = hr.from_arrays(row=rows, x=torch.from_numpy(features))
    in_files = hr.open({"row": f"{tmp_path}/row/*.npy", "x": f"{tmp_path}/x/*.npy"})
    mixed = hr.concat([in_memory.subset(slice(0, 1_234)), in_files.subset(slice(1_234, None))])
    permuted = in_files.subset(np.random.default_rng(SEED).permutation(ROWS))
    return [in_memory, in_files, mixed, permuted]


def make_loader(choose: random.Random, ds: hr.Dataset, **fixed: Any) -> hr.Loader:
    blocks = hr.BlockShuffle(
        block_rows=choose.choice([1, 7, 64, 999]), window=choose.choice([1, 3, 50])
    )
    arguments: dict[str, Any] = {
        "batch_size": choose.choice([1, 7, 64, 256, ROWS, 2 * ROWS]),
        "shuffle": choose.choice([False, True, blocks]),
        "seed": choose.randrange(2**63),
        "num_threads": choose.choice([1, 2, 3, 8]),
        "prefetch": choose.choice([None, 1, 2, 9]),
        "output": choose.choice(["torch", "numpy"]),
    }
    return hr.Loader(ds, **(arguments | fixed))


def checked_rows(batch: dict[str, Any]) -> list[int]:
    """The row numbers of a batch whose features are those of its rows."""
    rows = np.asarray(batch["row"])
    np.testing.assert_array_equal(np.asarray(batch["x"]), features_of(rows))
    return [int(row) for row in rows]


def read(batches: Iterator[Any], choose: random.Random, limit: int | None = None) -> list[int]:
    """Rows of up to `limit` batches; some batches are kept for a while and must not change."""
    rows: list[int] = []
    kept: list[dict[str, Any]] = []
    for number, batch in enumerate(batches, start=1):
        rows.extend(checked_rows(batch))
        if choose.random() < 0.05:
            kept.append(batch)
        if number == limit:
            break
    for batch in kept:
        checked_rows(batch)
    return rows


def full_pass(choose: random.Random, ds: hr.Dataset) -> None:
    with make_loader(choose, ds) as loader:
        for _ in range(2):
            assert sorted(read(iter(loader), choose)) == list(range(ROWS))


def dropped_tail(choose: random.Random, ds: hr.Dataset) -> None:
    batch_size = choose.choice([3, 64, 333])
    with make_loader(choose, ds, batch_size=batch_size, drop_last=True) as loader:
        rows = read(iter(loader), choose)
        assert len(rows) == len(set(rows)) == len(loader) * batch_size


def break_and_resume(choose: random.Random, ds: hr.Dataset) -> None:
    shuffle, seed = choose.choice([False, True]), choose.randrange(2**63)
    with make_loader(choose, ds, shuffle=shuffle, seed=seed) as loader:
        rows = read(iter(loader), choose, limit=choose.randint(1, max(1, len(loader) - 1)))
        state = loader.state_dict()
    if state["epoch"] > 0:
        assert len(rows) == ROWS
        rows = []
    with make_loader(choose, ds, shuffle=shuffle, seed=seed) as loader:
        loader.load_state_dict(state)
        rows += read(iter(loader), choose)
    assert sorted(rows) == list(range(ROWS))


def supersede(choose: random.Random, ds: hr.Dataset) -> None:
    with make_loader(choose, ds, batch_size=64) as loader:
        first = iter(loader)
        checked_rows(next(first))
        second = iter(loader)
        with pytest.raises(hr.CancelledError):
            next(first)
        assert sorted(read(second, choose)) == list(range(ROWS))


def abandon(choose: random.Random, ds: hr.Dataset) -> None:
    loader = make_loader(choose, ds, batch_size=64)
    batches = iter(loader)
    kept = [next(batches) for _ in range(choose.randint(1, 20))]
    del batches, loader
    for batch in kept:
        checked_rows(batch)


def ranks(choose: random.Random, ds: hr.Dataset) -> None:
    world_size, seed = choose.choice([2, 3, 5]), choose.randrange(2**63)
    rows: list[int] = []
    for rank in range(world_size):
        with make_loader(
            choose, ds, shuffle=True, seed=seed, batch_size=50, exact=True,
            rank=rank, world_size=world_size,
        ) as loader:  # fmt: skip
            rows += read(iter(loader), choose)
    assert sorted(rows) == list(range(ROWS))


USES = (full_pass, dropped_tail, break_and_resume, supersede, abandon, ranks)


def test_random_use_keeps_every_row_and_leaves_nothing_behind(datasets: list[hr.Dataset]) -> None:
    print(f"SOAK_SEED={SEED}")
    choose = random.Random(SEED)
    for use in USES:  # threads, pools and caches that stay belong to the start
        for ds in datasets:
            use(choose, ds)
    before, rounds, deadline = usage(), 0, time.monotonic() + SECONDS

    while time.monotonic() < deadline:
        choose.choice(USES)(choose, choose.choice(datasets))
        rounds += 1

    after = usage()
    print(f"{rounds} uses; before {before}, after {after}")
    assert rounds >= 1
    assert (after.threads, after.descriptors) == (before.threads, before.descriptors)
    assert after.maps <= before.maps
    assert after.resident - before.resident < GROWTH_LIMIT


@pytest.mark.parametrize("source", ["in memory", "in files"])
def test_many_batches_of_one_loader_do_not_grow(datasets: list[hr.Dataset], source: str) -> None:
    ds = datasets[("in memory", "in files").index(source)]
    batches_to_read, batch_size = 100_000, 16
    with hr.Loader(ds, batch_size=batch_size, shuffle=True) as loader:
        for _ in range(4):
            for batch in loader:
                checked_rows(batch)
        before, read_batches, epochs = usage(), 0, 0
        while read_batches < batches_to_read:
            seen = np.zeros(ROWS, dtype=bool)
            for batch in loader:
                seen[batch["row"].numpy()] = True
                read_batches += 1
            epochs += 1
            assert seen.all()
        after = usage()
    print(f"{read_batches} batches in {epochs} epochs; before {before}, after {after}")
    assert after.threads == before.threads
    assert after.descriptors == before.descriptors
    assert after.maps == before.maps
    assert after.resident - before.resident < 4 * 2**20
