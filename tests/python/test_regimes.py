"""Files that are not in memory: how they get there, and that nothing else depends on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

ROWS = 2500
CUTS = [900, 901, 1700]
MakeCold = Callable[[Iterable[Path]], None]
Batches = list[dict[str, np.ndarray[Any, Any]]]

RANK = {"rank": 1, "world_size": 3}
IO = pytest.mark.parametrize("io", ["mmap", "pread"])


class Corpus:
    """The same rows in memory and in files: x, a page each and 10 MB in all, and y, 20 kB."""

    def __init__(self, folder: Path) -> None:
        x = np.random.default_rng(5).standard_normal((ROWS, 1024), np.float32)
        y = np.arange(ROWS)
        for name, values in ("x", x), ("y", y):
            for k, part in enumerate(np.split(values, CUTS)):
                (folder / name).mkdir(exist_ok=True)
                part.tofile(folder / name / f"{k}.bin")
        self.paths = sorted(folder.glob("*/*.bin"))
        self.bytes = sum(path.stat().st_size for path in self.paths)
        cut = {"x": hr.chunks(np.split(x, CUTS)), "y": hr.chunks(np.split(y, CUTS))}
        self.in_memory = hr.from_arrays(**cut)
        self._columns = {name: f"{folder}/{name}/*.bin" for name in "xy"}

    def open(self, io: Any) -> hr.Dataset:
        dtypes = {"x": "float32", "y": "int64"}
        return hr.memmap(self._columns, dtype=dtypes, row_shape={"x": 1024}, io=io)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))


def loader_of(ds: hr.Dataset, **arguments: Any) -> hr.Loader:
    settings: dict[str, Any] = {"shuffle": True, "seed": 2, "output": "numpy"}
    if "batch_sampler" not in arguments:
        settings["batch_size"] = 32
    return hr.Loader(ds, **(settings | arguments))


def check_equal(got: Batches, expected: Batches) -> None:
    assert len(got) == len(expected)
    for batch, other in zip(got, expected, strict=True):
        assert list(batch) == list(other)
        for name, values in batch.items():
            assert values.dtype == other[name].dtype
            assert values.shape == other[name].shape
            assert values.tobytes() == other[name].tobytes()


def wait_for_regime(loader: hr.Loader, regime: str) -> dict[str, Any]:
    """Returns the stats as soon as the running pass is in `regime`."""
    deadline = time.monotonic() + 30
    while (stats := loader.stats())["regime"] != regime and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stats["regime"] == regime, stats
    return stats


@IO
def test_a_cold_file_that_fits_is_read_ahead_and_then_resident(
    io: str, corpus: Corpus, make_cold: MakeCold
) -> None:
    make_cold(corpus.paths)
    with loader_of(corpus.open(io), prefetch=2) as loader:
        batches = iter(loader)
        next(batches)
        stats = wait_for_regime(loader, "resident")
        assert stats["read_ahead_bytes"] >= 0.9 * corpus.bytes  # 98 % in memory is resident
        assert stats["regime_changes"] >= 1
        assert len(list(batches)) == len(loader) - 1
        assert loader.stats()["regime"] == "resident"


@IO
def test_a_warm_file_is_resident_and_nothing_is_asked_for(
    io: str, corpus: Corpus, make_cold: MakeCold
) -> None:
    make_cold(corpus.paths)  # skips where it cannot be told what is in memory
    for path in corpus.paths:
        path.read_bytes()
    with loader_of(corpus.open(io), prefetch=2) as loader:
        batches = iter(loader)
        next(batches)
        stats = wait_for_regime(loader, "resident")
    assert (stats["read_ahead_bytes"], stats["regime_changes"]) == (0, 0)


def test_arrays_have_no_regime_of_files(corpus: Corpus) -> None:
    loader = loader_of(corpus.in_memory)
    list(loader)
    stats = loader.stats()
    assert stats["regime"] == "arrays"
    assert (stats["hinted_bytes"], stats["read_ahead_bytes"], stats["regime_changes"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("view", "shuffle"),
    [
        (lambda ds: ds.subset(range(0, ROWS, 50)), True),  # a small part of the files
        (lambda ds: ds, hr.BlockShuffle(block_rows=50, window=4)),
        (lambda ds: ds, hr.ShardShuffle(window=2)),
        (lambda ds: ds, False),
    ],
    ids=["few rows", "blocks", "shards", "in order"],
)
def test_rows_that_need_no_whole_files_are_asked_for_alone(
    view: Callable[[hr.Dataset], hr.Dataset], shuffle: Any, corpus: Corpus, make_cold: MakeCold
) -> None:
    make_cold(corpus.paths)
    loader = loader_of(view(corpus.open("mmap")), shuffle=shuffle, batch_size=10, prefetch=2)
    batches = iter(loader)
    next(batches)
    deadline = time.monotonic() + 30
    while loader.stats()["hinted_bytes"] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    stats = loader.stats()
    assert (stats["regime"], stats["read_ahead_bytes"]) == ("hints", 0)
    assert stats["hinted_bytes"] != 0
    list(batches)
    assert loader.stats()["read_ahead_bytes"] == 0


@IO
@pytest.mark.parametrize(
    "shuffle",
    [False, True, hr.BlockShuffle(block_rows=64, window=4), hr.ShardShuffle(window=2)],
    ids=str,
)
def test_batches_are_equal_bit_for_bit_cold_and_warm(
    io: str, shuffle: Any, corpus: Corpus, make_cold: MakeCold
) -> None:
    expected = list(loader_of(corpus.in_memory, shuffle=shuffle))
    loader = loader_of(corpus.open(io), shuffle=shuffle, num_threads=3)
    for cold in (True, False):
        if cold:
            make_cold(corpus.paths)
        loader.set_epoch(0)
        check_equal(list(loader), expected)


def _pairs(ds: hr.Dataset) -> list[list[int]]:
    rng = np.random.default_rng(8)
    return [rng.integers(len(ds), size=size).tolist() for size in (1, 40, 7, 300, 2) * 4]


@IO
@pytest.mark.parametrize(
    ("view", "arguments"),
    [
        (lambda ds: ds.subset(np.random.default_rng(1).permutation(ROWS)[:700]), {}),
        (lambda ds: ds.subset([5] * 40 + [2499, 0]), {}),
        (lambda ds: ds.split(0.7, seed=4)[1], {}),
        (lambda ds: hr.windows(ds, length=5, stride=3), {}),
        (lambda ds: ds.with_row_ids("row"), {}),
        (lambda ds: ds.cast(x="float64"), {}),
        (lambda ds: ds.select_columns(["y"]), {}),
        (lambda ds: ds.subset(range(ROWS - 1, -1, -2)), {}),
        (lambda ds: hr.concat([ds, ds]), {}),
        (lambda ds: ds, RANK),
        (lambda ds: ds, {"batch_sampler": _pairs}),
        (lambda ds: ds.split(0.5, seed=1)[0], {"batch_sampler": _pairs}),
        (lambda ds: ds.subset(range(3, 2400)), {"shuffle": hr.BlockShuffle(block_rows=50)}),
        (lambda ds: hr.windows(ds, length=4, stride=4), {"shuffle": hr.BlockShuffle()}),
        (lambda ds: ds.split(0.7, seed=4)[0], {"shuffle": hr.ShardShuffle(window=2)}),
        (lambda ds: ds, {"shuffle": hr.ShardShuffle(window=2, lanes=3)} | RANK),
    ],
    ids=[
        *("subset", "repeated rows", "split", "windows", "row ids", "cast", "one column"),
        *(
            "reversed",
            "concat",
            "rank",
            "listed batches",
            "listed of a split",
            "blocks of a subset",
        ),
        "blocks of windows",
        "shards of a split",
        "lanes of a rank",
    ],
)
def test_views_of_cold_files_give_what_they_give_in_memory(
    view: Any, arguments: Any, io: str, corpus: Corpus, make_cold: MakeCold
) -> None:
    batches = []
    for ds in (corpus.in_memory, corpus.open(io)):
        shown = view(ds)
        listed = arguments.get("batch_sampler")
        settings = arguments | ({"batch_sampler": listed(shown)} if listed else {})
        make_cold(corpus.paths)
        batches.append(list(loader_of(shown, **settings)))
    check_equal(batches[1], batches[0])


@IO
@pytest.mark.parametrize(
    "shuffle",
    [True, hr.BlockShuffle(block_rows=50, window=4), hr.ShardShuffle(window=3)],
    ids=str,
)
def test_a_resume_in_the_middle_of_a_cold_epoch_is_exact(
    io: str, shuffle: Any, corpus: Corpus, make_cold: MakeCold
) -> None:
    expected = list(loader_of(corpus.in_memory, shuffle=shuffle))

    def interrupted(taken: int) -> tuple[Batches, dict[str, Any]]:
        make_cold(corpus.paths)
        loader = loader_of(corpus.open(io), shuffle=shuffle, num_threads=2)
        batches = iter(loader)
        return [next(batches) for _ in range(taken)], loader.state_dict()

    def resumed(state: dict[str, Any]) -> Batches:
        make_cold(corpus.paths)
        loader = loader_of(corpus.open(io), shuffle=shuffle, num_threads=1)
        loader.load_state_dict(state)
        return list(loader)

    for taken in (1, 40, len(expected) - 1):
        got, state = interrupted(taken)
        check_equal(got + resumed(state), expected)
