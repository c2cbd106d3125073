"""One dataset over files that many threads read, and batches that outlive what made them."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

ROWS = 3000
THREADS = 8
MakeCold = Callable[[Iterable[Path]], None]

IO = pytest.mark.parametrize("io", ["mmap", "pread"])


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"{k}.bin" for k in range(3)]
    values = np.repeat(np.arange(ROWS), 128).reshape(ROWS, 128)
    for path, part in zip(made, np.split(values, [1100, 1101]), strict=True):
        part.tofile(path)
    return made


def open_files(paths: list[Path], io: Any) -> hr.Dataset:
    return hr.memmap({"x": paths}, dtype="int64", row_shape=128, io=io)


def rows_of(batch: Any) -> list[int]:
    values = np.asarray(batch["x"])
    assert (values == values[..., :1]).all(), "a row is of one number"
    return values[..., 0].reshape(-1).tolist()


def run_in_threads(work: Callable[[int], None]) -> None:
    failed: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(k,), daemon=True) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    assert not failed, failed


@IO
def test_threads_read_one_dataset_in_every_way(
    io: str, paths: list[Path], make_cold: MakeCold
) -> None:
    make_cold(paths)
    ds = open_files(paths, io)

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        for _ in range(20):
            row = int(rng.integers(ROWS))
            assert rows_of(ds[row]) == [row]
            assert rows_of(ds[row : row + 300]) == list(range(row, min(row + 300, ROWS)))
            some = rng.integers(ROWS, size=70)
            assert rows_of(ds[some]) == some.tolist()
            assert ds["x"][row][0] == row
        part = ds.split(0.5, seed=number)[number % 2]
        with hr.Loader(part, batch_size=32, shuffle=True, seed=number, output="numpy") as loader:
            for _ in range(2):
                got = [row for batch in loader for row in rows_of(batch)]
                assert len(set(got)) == len(got) == len(part)
            for batch in itertools.islice(loader, 3):  # and a pass that is left
                rows_of(batch)

    run_in_threads(work)


@IO
def test_threads_that_open_a_file_first_at_the_same_time_agree(io: str, paths: list[Path]) -> None:
    for _ in range(20):
        ds = open_files(paths, io)
        together = threading.Barrier(THREADS)

        def work(number: int, ds: hr.Dataset = ds, together: Any = together) -> None:
            together.wait(30)
            assert rows_of(ds[number :: THREADS * 50]) == list(range(number, ROWS, THREADS * 50))

        run_in_threads(work)


@IO
@pytest.mark.parametrize("output", ["numpy", "torch", "dlpack"])
def test_batches_outlive_dataset_and_loader(
    output: Any, io: str, paths: list[Path], make_cold: MakeCold
) -> None:
    make_cold(paths)
    loader = hr.Loader(open_files(paths, io), batch_size=64, shuffle=True, output=output)
    batches = iter(loader)
    kept = [next(batches) for _ in range(20)]
    loader.close()
    del loader, batches
    for path in paths:
        path.unlink()
    gc.collect()
    read = np.from_dlpack if output == "dlpack" else np.asarray
    rows = [row for batch in kept for row in rows_of({"x": read(batch["x"])})]
    assert len(set(rows)) == 20 * 64


@IO
def test_a_dataset_collected_in_a_pass_is_kept_by_the_pass(
    io: str, paths: list[Path], make_cold: MakeCold
) -> None:
    make_cold(paths)
    ds = open_files(paths, io)
    part = hr.concat([ds, ds]).subset(range(ROWS, 2 * ROWS))
    batches = iter(hr.Loader(part, batch_size=50, shuffle=True, output="numpy"))
    first = next(batches)
    del ds, part
    gc.collect()
    rows = [row for batch in (first, *batches) for row in rows_of(batch)]
    assert sorted(rows) == list(range(ROWS))
