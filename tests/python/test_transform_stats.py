"""What stats() tells of a loader with a transform: what training received, not what was taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Make = Callable[..., hr.Loader]
THREADS = [None, 1, 3]


@pytest.fixture
def make(numbered: Numbered) -> Make:
    def loader(rows: int = 20, **arguments: Any) -> hr.Loader:
        settings: dict[str, Any] = {"batch_size": 2, "shuffle": True, "output": "numpy"}
        return hr.Loader(numbered(rows), **(settings | arguments))

    return loader


def test_stats_and_repr_tell_of_the_transform(make: Make) -> None:
    def slow(batch: Any) -> Any:
        threading.Event().wait(0.005)
        return batch

    for threads in THREADS:
        loader = make(transform=slow, transform_threads=threads)
        list(loader)
        assert float(loader.stats()["transform_s"]) >= 0.05
        list(loader)
        assert float(loader.stats()["transform_s"]) >= 0.1
        assert "slow" in repr(loader)
    assert "transform_s" not in make().stats()


def counts(loader: hr.Loader) -> list[Any]:
    stats: dict[str, Any] = loader.stats()
    return [stats[name] for name in ("passes", "batches", "rows", "bytes", "padding")]


@pytest.mark.parametrize("threads", THREADS)
def test_stats_count_what_the_user_received(threads: int | None, make: Make) -> None:
    width = 12 + 8  # bytes of a row

    def refuse(batch: Any, context: hr.BatchContext) -> Any:
        if (context.epoch, context.batch) == (3, 2):
            raise ValueError
        return {"y": batch["y"].astype(np.float64)}

    loader = make(22, batch_size=4, transform=refuse, transform_threads=threads)
    assert counts(loader) == [0, 0, 0, 0, 0]
    batches = iter(loader)
    for number in range(1, 4):
        next(batches)
        assert counts(loader) == [1, number, 4 * number, 4 * number * width, 0]
    assert len(list(loader)) == 6
    assert counts(loader) == [2, 9, 34, 34 * width, 0]
    loader.load_state_dict(loader.state_dict())
    assert counts(loader) == [2, 9, 34, 34 * width, 0]
    assert loader.stats()["queue_depth"] == 0
    loader.set_epoch(3)
    with pytest.raises(hr.TransformError):
        list(loader)
    assert counts(loader) == [3, 11, 42, 42 * width, 0]


@pytest.mark.parametrize("threads", THREADS)
def test_stats_count_padding_that_the_user_received(threads: int | None, make: Make) -> None:
    loader = make(
        9, batch_size=4, transform=dict, transform_threads=threads, rank=1, world_size=2, prefetch=8
    )
    for passes in (1, 2):
        batches = iter(loader)
        next(batches)
        for _ in range(200):
            if threads is None or loader.stats()["queue_depth"] == 1:
                break
            threading.Event().wait(0.01)
        assert counts(loader)[4] == passes - 1
        next(batches)
        assert counts(loader) == [passes, 2 * passes, 5 * passes, 100 * passes, passes]


def test_stats_of_threads_tell_of_training_not_of_the_threads(make: Make) -> None:
    go_on = threading.Event()

    def wait(batch: Any, context: hr.BatchContext) -> Any:
        if context.batch == 5:
            go_on.wait(30)
        return batch

    loader = make(200, transform=wait, transform_threads=2, prefetch=8)
    batches = iter(loader)
    next(batches)
    for _ in range(500):
        if loader.stats()["queue_depth"] == 7:
            break
        threading.Event().wait(0.01)
    assert loader.stats()["queue_depth"] == 7  # 1 to 4 and 6 to 8
    waited: Any = loader.stats()["consumer_wait_s"]
    threading.Event().wait(0.6)  # training computes, and waits for nothing
    for _ in range(4):
        next(batches)
    assert float(loader.stats()["consumer_wait_s"]) - waited < 0.5
    threading.Timer(0.3, go_on.set).start()
    next(batches)
    assert float(loader.stats()["consumer_wait_s"]) - waited > 0.1


@pytest.mark.parametrize("threads", THREADS)
def test_the_time_in_the_transform_survives_a_resume(threads: int | None, make: Make) -> None:
    def slow(batch: Any) -> Any:
        threading.Event().wait(0.01)
        return batch

    loader = make(8, transform=slow, transform_threads=threads)
    list(loader)
    before: Any = loader.stats()["transform_s"]
    assert before >= 0.04
    loader.load_state_dict(loader.state_dict())
    assert loader.stats()["transform_s"] == before
    list(loader)
    assert float(loader.stats()["transform_s"]) >= before + 0.04
