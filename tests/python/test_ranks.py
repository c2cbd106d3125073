from __future__ import annotations

import itertools
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import headrace as hr
from headrace.ranks import local_ranks
from headrace.torch_bridge import process_group_size

Numbered = Callable[[int], hr.Dataset]
RunScript = Callable[..., subprocess.CompletedProcess[str]]

GRID = [
    (rows, batch_size, world_size)
    for rows in (1, 2, 5, 12, 13, 24, 31)
    for batch_size in (1, 2, 3, 8)
    for world_size in (1, 2, 3, 4, 7)
]


def one_epoch(
    ds: hr.Dataset, batch_size: int, world_size: int, **arguments: Any
) -> tuple[list[list[list[int]]], int]:
    """Returns the batches of every rank, and the number of repeated rows."""
    ranks, padding = [], 0
    for rank in range(world_size):
        with hr.Loader(
            ds,
            batch_size=batch_size,
            shuffle=True,
            seed=5,
            rank=rank,
            world_size=world_size,
            num_threads=1,
            output="numpy",
            **arguments,
        ) as loader:
            ranks.append([batch["y"].tolist() for batch in loader])
            assert len(ranks[-1]) == len(loader)
            padding += int(loader.stats()["padding"])
    return ranks, padding


def global_order(ds: hr.Dataset) -> list[int]:
    with hr.Loader(ds, batch_size=len(ds), shuffle=True, seed=5, output="numpy") as loader:
        return next(iter(loader))["y"].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(("rows", "batch_size", "world_size"), GRID)
def test_ranks_share_the_epoch_with_equally_many_batches(
    rows: int, batch_size: int, world_size: int, numbered: Numbered
) -> None:
    ds = numbered(rows)
    ranks, padding = one_epoch(ds, batch_size, world_size)
    assert len({len(batches) for batches in ranks}) == 1
    seen = Counter(row for batches in ranks for batch in batches for row in batch)
    assert seen.keys() == set(range(rows))
    assert padding == seen.total() - rows
    assert padding < world_size  # at most one repeat for each rank but one


@pytest.mark.parametrize(("rows", "batch_size", "world_size"), GRID)
def test_exact_ranks_repeat_nothing(
    rows: int, batch_size: int, world_size: int, numbered: Numbered
) -> None:
    ranks, padding = one_epoch(numbered(rows), batch_size, world_size, exact=True)
    counts = [len(batches) for batches in ranks]
    assert max(counts) - min(counts) <= 1
    assert padding == 0
    assert sorted(row for batches in ranks for batch in batches for row in batch) == [*range(rows)]


@pytest.mark.parametrize(("rows", "batch_size", "world_size"), GRID)
def test_drop_last_gives_every_rank_full_batches(
    rows: int, batch_size: int, world_size: int, numbered: Numbered
) -> None:
    step = batch_size * world_size
    if step > rows:
        with pytest.raises(hr.InvalidError, match="leaves no batch"):
            one_epoch(numbered(rows), batch_size, world_size, drop_last=True)
        return
    ranks, padding = one_epoch(numbered(rows), batch_size, world_size, drop_last=True)
    assert padding == 0
    assert {len(batch) for batches in ranks for batch in batches} == {batch_size}
    assert {len(batches) for batches in ranks} == {rows // step}
    seen = Counter(row for batches in ranks for batch in batches for row in batch)
    assert max(seen.values()) == 1


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_the_order_of_rows_does_not_depend_on_the_world_size(
    world_size: int, numbered: Numbered
) -> None:
    ds = numbered(24)
    order = global_order(ds)
    ranks, _ = one_epoch(ds, 2, world_size)
    for rank, batches in enumerate(ranks):
        expected = order[rank::world_size]
        assert list(itertools.chain.from_iterable(batches)) == expected


def test_world_size_1_alone_reads_all_rows(
    numbered: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert len(hr.Loader(numbered(10), world_size=1, output="numpy")) == 10


def test_a_launcher_of_many_processes_needs_a_rank(
    numbered: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(
        hr.InvalidError,
        match="4 processes would each read all rows; pass rank= and world_size=, "
        "or world_size=1 to mean it",
    ):
        hr.Loader(numbered(10), output="numpy")
    assert len(hr.Loader(numbered(10), rank=3, world_size=4, output="numpy")) == 3
    for harmless in ("1", "", "many", "-2"):
        monkeypatch.setenv("WORLD_SIZE", harmless)
        hr.Loader(numbered(10), output="numpy")


def test_a_process_group_needs_a_rank(run_script: RunScript) -> None:
    # torch's own fake back end: a group of four without the other three.
    done = run_script(
        """
        import numpy as np
        import torch.distributed as dist
        from torch.testing._internal.distributed.fake_pg import FakeStore
        import headrace as hr
        dist.init_process_group("fake", rank=1, world_size=4, store=FakeStore())
        ds = hr.from_arrays(np.arange(8))
        try:
            hr.Loader(ds)
        except hr.InvalidError as error:
            print(error)
        assert len(hr.Loader(ds, world_size=1)) == 8
        assert len(hr.Loader(ds, rank=1, world_size=4)) == 2
        dist.destroy_process_group()
        assert len(hr.Loader(ds)) == 8
        """
    )
    assert done.returncode == 0, done.stderr
    assert "4 processes would each read all rows" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"rank": 4, "world_size": 4},
            "rank 4 is out of range for world_size 4; ranks start at 0",
        ),
        ({"rank": -1, "world_size": 4}, "rank -1 is out of range"),
        ({"rank": 0}, "rank=0 is given without world_size="),
        ({"world_size": 2}, "world_size=2 is given without rank="),
        ({"rank": 0, "world_size": 0}, "world_size must lie between 1"),
        ({"rank": True, "world_size": 2}, "rank must be an int"),
        ({"rank": 0, "world_size": 2.0}, "world_size must be an int"),
    ],
    ids=str,
)
def test_ranks_that_cannot_be_right(
    arguments: dict[str, Any], message: str, numbered: Numbered
) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.Loader(numbered(10), **arguments)


@pytest.mark.parametrize(
    ("text", "expected"), [(None, 0), ("4", 4), ("64", 8), ("0", 0), ("many", 0), ("-3", 0)]
)
def test_ranks_of_this_machine_are_those_that_the_launcher_names(
    text: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if text is not None:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", text)
    assert local_ranks(8) == expected


def test_a_torch_that_is_just_being_imported_has_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.distributed", types.ModuleType("torch.distributed"))
    assert process_group_size() == 1
