"""Iterations over several epochs, or without end: `Loader(epochs=...)`."""

from __future__ import annotations

import itertools
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

MakeLoader = Callable[..., hr.Loader]


@pytest.fixture
def make(numbered: Callable[[int], hr.Dataset]) -> MakeLoader:
    def loader(rows: int = 10, **arguments: Any) -> hr.Loader:
        settings: dict[str, Any] = {"batch_size": 4, "shuffle": True, "output": "numpy"}
        return hr.Loader(numbered(rows), **(settings | arguments))

    return loader


def rows(batches: Any) -> list[list[int]]:
    return [batch["y"].tolist() for batch in batches]


def one_by_one(loader: hr.Loader, epochs: int) -> list[list[int]]:
    return list(itertools.chain.from_iterable(rows(loader) for _ in range(epochs)))


def double(batch: dict[str, Any], context: hr.BatchContext) -> dict[str, Any]:
    return batch | {"y": batch["y"] * 2 + 100 * context.epoch}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_threads": 2, "prefetch": 1},
        {"num_threads": 3, "prefetch": 2},
        {"num_threads": 1, "prefetch": 64},
        {"drop_last": True},
        {"rank": 1, "world_size": 3},
        {"rank": 2, "world_size": 3, "exact": True},
        {"shuffle": hr.BlockShuffle(block_rows=2, window=3)},
        {"transform": double},
        {"transform": double, "transform_threads": 2, "prefetch": 3},
    ],
)
def test_batches_are_those_of_the_epochs_one_by_one(
    make: MakeLoader, arguments: dict[str, Any]
) -> None:
    expected = one_by_one(make(**arguments), 12)
    assert rows(make(epochs=12, **arguments)) == expected
    assert rows(itertools.islice(make(epochs=None, **arguments), len(expected))) == expected


def test_listed_batches_go_on_from_epoch_to_epoch(numbered: Callable[[int], hr.Dataset]) -> None:
    listed = [[0, 1], [7], [3, 4, 5], [2], [9, 8]]
    arguments: dict[str, Any] = {"batch_sampler": listed, "shuffle": True, "output": "numpy"}
    expected = one_by_one(hr.Loader(numbered(10), **arguments), 6)
    for prefetch in (1, 2, 3, 8):
        loader = hr.Loader(numbered(10), epochs=6, prefetch=prefetch, **arguments)
        assert rows(loader) == expected


def test_an_iteration_ends_before_the_next_multiple(make: MakeLoader) -> None:
    loader = make(epochs=3)
    assert len(loader) == 9
    assert rows(loader) == one_by_one(make(), 3)
    assert loader.epoch == 3
    loader.set_epoch(4)
    assert len(rows(loader)) == 6, "epochs 4 and 5"
    assert loader.epoch == 6


def test_a_resumed_iteration_gives_what_is_left(make: MakeLoader) -> None:
    whole = rows(make(epochs=4))
    for taken in range(len(whole)):
        loader = make(epochs=4)
        batches = iter(loader)
        assert rows(itertools.islice(batches, taken)) == whole[:taken]
        state = loader.state_dict()
        assert state == make(epochs=4, prefetch=7).state_dict() | {
            "epoch": state["epoch"],
            "position": state["position"],
        }
        other = make(epochs=4, num_threads=1)
        other.load_state_dict(state)
        assert rows(other) == whole[taken:]
        if taken > 0:
            assert rows(pickle.loads(pickle.dumps(loader))) == whole[taken:]


def test_a_state_goes_from_one_epoch_to_many_and_back(make: MakeLoader) -> None:
    loader = make(epochs=None)
    batches = iter(loader)
    for _ in range(7):
        next(batches)
    single = make()
    single.load_state_dict(loader.state_dict())
    assert single.epoch == 2
    assert rows(single) == rows(itertools.islice(batches, 2))


def test_without_end_there_is_no_length(make: MakeLoader) -> None:
    loader = make(epochs=None)
    with pytest.raises(TypeError, match="no length: it never ends"):
        len(loader)
    assert "batches=endless" in repr(loader)
    assert "batches=9" in repr(make(epochs=3))
    for bad in (0, -1, 1.5, True):
        with pytest.raises(hr.InvalidError, match="epochs must"):
            make(epochs=bad)


def test_a_rank_without_batches_is_refused_where_it_would_wait_for_ever(make: MakeLoader) -> None:
    with pytest.raises(hr.InvalidError, match="rank 11 of 12 no batch"):
        make(epochs=None, exact=True, rank=11, world_size=12)
    assert rows(make(epochs=2, exact=True, rank=11, world_size=12)) == []


def test_set_epoch_chooses_the_next_pass_of_a_running_iteration(make: MakeLoader) -> None:
    loader = make(epochs=None, prefetch=8)
    batches = iter(loader)
    first = rows(itertools.islice(batches, 2))  # the next epoch is being prepared
    loader.set_epoch(5)
    rest = rows(itertools.islice(batches, 4))
    other = make()
    assert first + rest[:1] == rows(other)
    other.set_epoch(5)
    assert rest[1:] == rows(other)
    assert loader.epoch == 6


def test_a_second_iteration_ends_the_first(make: MakeLoader) -> None:
    loader = make(epochs=None, prefetch=8)
    first = iter(loader)
    rows(itertools.islice(first, 2))
    second = iter(loader)
    with pytest.raises(hr.CancelledError, match="superseded"):
        next(first)
    assert rows(itertools.islice(second, 3)) == one_by_one(make(), 2)[3:]
    loader.close()
    with pytest.raises(hr.CancelledError, match="closed"):
        next(second)
    assert rows(itertools.islice(loader, 3)) == one_by_one(make(), 3)[6:]


@pytest.mark.parametrize("transform_threads", [None, 2])
def test_an_iteration_that_nobody_holds_leaves_no_threads(
    make: MakeLoader, transform_threads: int | None
) -> None:
    before = threading.active_count()
    for _ in range(5):
        loader = make(
            epochs=None, prefetch=8, transform=double, transform_threads=transform_threads
        )
        for _batch in itertools.islice(loader, 2):
            pass
    del loader
    assert threading.active_count() == before


def test_an_error_comes_in_its_place_and_the_state_names_its_batch(make: MakeLoader) -> None:
    def fails(batch: dict[str, Any], context: hr.BatchContext) -> dict[str, Any]:
        if (context.epoch, context.batch) == (1, 1):
            raise ValueError("no")
        return batch

    for threads in (None, 2):
        loader = make(epochs=None, transform=fails, transform_threads=threads, prefetch=8)
        batches = iter(loader)
        for _ in range(4):
            next(batches)
        with pytest.raises(hr.TransformError, match="no"):
            next(batches)
        state = loader.state_dict()
        assert (state["epoch"], state["position"]) == (1, 4)


def test_the_next_epoch_is_made_while_the_last_batches_are_used(
    numbered: Callable[[int], hr.Dataset],
) -> None:
    made: dict[tuple[int, int], float] = {}

    def stamp(batch: dict[str, Any], context: hr.BatchContext) -> dict[str, Any]:
        made[context.epoch, context.batch] = time.monotonic()
        return batch

    loader = hr.Loader(
        numbered(8),
        batch_size=1,
        output="numpy",
        epochs=3,
        prefetch=4,
        transform=stamp,
        transform_threads=1,
    )
    used = {}
    for number, _batch in enumerate(loader):
        used[divmod(number, 8)] = time.monotonic()
        time.sleep(0.02)
    for epoch in (1, 2):
        assert made[epoch, 0] < used[epoch - 1, 7]


def test_many_threads_share_an_iteration(make: MakeLoader) -> None:
    loader = make(rows=40, epochs=25, batch_size=1)
    batches = iter(loader)
    taken: list[int] = []

    def take() -> None:
        taken.extend(int(batch["y"][0]) for batch in batches)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.bincount(taken).tolist() == [25] * 40


def test_stats_count_all_epochs(make: MakeLoader) -> None:
    for arguments in ({}, {"transform": double}, {"transform": double, "transform_threads": 2}):
        loader = make(epochs=4, rank=0, world_size=3, batch_size=2, prefetch=8, **arguments)
        taken = rows(loader)
        stats = loader.stats()
        assert (stats["batches"], stats["rows"]) == (len(taken), sum(map(len, taken)))
        assert stats["passes"] == 4
        other = make(rank=0, world_size=3, batch_size=2, **arguments)
        one_by_one(other, 4)
        assert stats["padding"] == other.stats()["padding"]
