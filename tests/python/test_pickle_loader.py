"""Copies of a loader, by pickle, copy.deepcopy and multiprocessing: arguments and state."""

from __future__ import annotations

import copy
import functools
import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

COPIES = [
    pytest.param(lambda loader: pickle.loads(pickle.dumps(loader)), id="p"),
    pytest.param(copy.deepcopy, id="deepcopy"),
]

Numbered = Callable[[int], hr.Dataset]
Copy = Callable[[hr.Loader], hr.Loader]


def shifted(batch: Any, by: int = 0) -> Any:
    return {"y": batch["y"] + by}


def ys(batches: Any) -> list[list[int]]:
    return [batch["y"].tolist() for batch in batches]


def loader_of(ds: hr.Dataset, **arguments: Any) -> hr.Loader:
    settings: dict[str, Any] = {"batch_size": 2, "shuffle": True, "seed": 3, "output": "numpy"}
    return hr.Loader(ds, **(settings | arguments))


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"shuffle": hr.BlockShuffle(block_rows=4, window=3), "drop_last": True},
        {"shuffle": hr.ShardShuffle(window=3, lanes=2)},
        {"exact": True, "rank": 1, "world_size": 3},
        {"num_threads": 2, "prefetch": 5},
        {"batch_size": 1, "batch_sampler": [[1, 2], [3], [4, 4, 4], [0]]},
        {"transform": shifted, "transform_threads": 2},
        {"transform": functools.partial(shifted, by=5)},
        {"seed": None},
    ],
)
def test_a_copy_goes_on_where_the_loader_stands(
    arguments: Any, copied: Copy, numbered: Numbered
) -> None:
    loader = loader_of(numbered(20), **arguments)
    list(loader)
    run = iter(loader)
    next(run)
    other = copied(loader)
    assert repr(other).split(";")[0] == repr(loader).split(";")[0]
    assert other.state_dict() == loader.state_dict()
    assert other.stats()["num_threads"] == loader.stats()["num_threads"]
    assert other.stats()["prefetch"] == loader.stats()["prefetch"]
    assert ys(other) == ys(run)
    assert ys(other) == ys(loader)


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_loader_that_drew_its_seed_takes_seeds_as_well(
    copied: Copy, numbered: Numbered
) -> None:
    state = loader_of(numbered(20), seed=4).state_dict()
    other = copied(loader_of(numbered(20), seed=None))
    other.load_state_dict(state)
    assert ys(other) == ys(loader_of(numbered(20), seed=4))


@pytest.mark.parametrize("copied", COPIES)
def test_copies_are_apart(copied: Copy, numbered: Numbered) -> None:
    loader = loader_of(numbered(20))
    run = iter(loader)
    got = ys(itertools.islice(run, 2))
    other = copied(loader)
    other.set_epoch(9)
    list(other)
    assert got + ys(run) == ys(loader_of(numbered(20)))
    assert (loader.epoch, other.epoch) == (1, 10)


def test_a_pickle_holds_no_more_than_arguments_and_state(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.arange(100_000))
    loader = loader_of(hr.open({"y": [str(tmp_path / "y.npy")]}), batch_size=50)
    next(iter(loader))
    assert len(pickle.dumps(loader)) < 2000


def test_a_rank_is_pickled_whatever_the_environment_says(
    numbered: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pickle.dumps(loader_of(numbered(20)))
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert len(pickle.loads(data)) == 10


def test_a_transform_that_cannot_be_pickled_is_named(numbered: Numbered) -> None:
    def local(batch: Any) -> Any:
        return batch

    for function in (lambda batch: batch, local):
        loader = loader_of(numbered(4), transform=function)
        with pytest.raises(
            hr.UnsupportedError, match=r"transform=.*define the function at the top"
        ):
            pickle.dumps(loader)
        assert ys(copy.deepcopy(loader)) == ys(loader)


def test_a_library_that_pickles_any_function_may(numbered: Numbered) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    loader = loader_of(numbered(4), transform=lambda batch: batch)
    assert ys(pickle.loads(cloudpickle.dumps(loader))) == ys(loader)


def test_a_deep_copy_has_a_list_of_batches_of_its_own(numbered: Numbered) -> None:
    batches = [[1], [2]]
    loader = hr.Loader(numbered(4), batch_sampler=batches, output="numpy")
    other = copy.deepcopy(loader)
    batches[0] = [3]
    assert (ys(loader), ys(other)) == ([[3], [2]], [[1], [2]])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_gets_a_loader_that_stands_where_the_next_pass_begins(
    method: str, tmp_path: Path
) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        f"""
import multiprocessing
import numpy as np
import headrace as hr

def make():
    return hr.Loader(hr.from_arrays(np.arange(40)), batch_size=4, shuffle=True, output="numpy")

def ys(loader):
    return [y.tolist() for [y] in loader]

def work(loader, queue):
    queue.put([ys(loader), ys(loader), loader.epoch])

if __name__ == "__main__":
    plain, loader = make(), make()
    expected = [ys(plain) for _ in range(3)]
    for batch in loader:
        break
    context = multiprocessing.get_context({method!r})
    queue = context.Queue()
    process = context.Process(target=work, args=(loader, queue))
    process.start()
    assert queue.get(timeout=60) == [*expected[1:], 3]
    process.join(30)
    assert process.exitcode == 0
    assert loader.epoch == 1
    assert ys(loader) == expected[1]
"""
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
