"""Workers of torch's DataLoader over files: cold ones, left half-way, and such that fail."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import headrace as hr

ROWS = 600
MakeCold = Callable[[Iterable[Path]], None]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]

# More workers than processors.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

IO = pytest.mark.parametrize("io", ["mmap", "pread"])
KIND = pytest.mark.parametrize("kind", ["rows", "batches"])
PERSISTENT = pytest.mark.parametrize("persistent", [False, True], ids=["fresh", "persistent"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.repeat(np.arange(ROWS, dtype=np.float32), 1024).tofile(tmp_path / "x.bin")
    return tmp_path / "x.bin"


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    gc.collect()
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not multiprocessing.active_children()


def open_file(path: Path, io: Any) -> hr.Dataset:
    return hr.memmap({"x": [path]}, dtype="float32", row_shape=1024, io=io)


def loader_of(ds: hr.Dataset) -> hr.Loader:
    return hr.Loader(ds, batch_size=16, shuffle=True)


def as_tensor(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {"x": torch.from_numpy(np.stack([row["x"] for row in rows]))}


def dataloader(ds: Any, kind: str, *, persistent: bool) -> DataLoader[Any]:
    """Two workers, over rows that torch puts together or over a Loader's batches."""
    settings: dict[str, Any] = {"num_workers": 2, "persistent_workers": persistent, "timeout": 60}
    if kind == "rows":
        return DataLoader(ds, batch_size=16, shuffle=True, collate_fn=as_tensor, **settings)
    return DataLoader(loader_of(ds), batch_size=None, **settings)  # type: ignore[arg-type]


def end_workers(batches: Any) -> None:
    # Where torch's iterator is collected together with the traceback of an error, its queues may
    # be gone first, and it waits 5 s for each worker.
    batches._shutdown_workers()


def rows_of(batches: Iterable[dict[str, torch.Tensor]]) -> list[int]:
    rows: list[int] = []
    for batch in batches:
        assert bool((batch["x"] == batch["x"][:, :1]).all())
        rows += batch["x"][:, 0].int().tolist()
    return rows


@IO
@KIND
@PERSISTENT
def test_epochs_of_workers_that_are_left_half_way(
    persistent: bool, kind: str, io: str, path: Path, make_cold: MakeCold
) -> None:
    make_cold([path])
    outer = dataloader(open_file(path, io), kind, persistent=persistent)
    for count, _ in enumerate(outer):
        if count == 4:
            break
    for _ in range(2):
        assert sorted(rows_of(outer)) == list(range(ROWS))


@IO
@KIND
def test_workers_are_forked_in_the_middle_of_a_pass_of_their_parent(
    kind: str, io: str, path: Path, make_cold: MakeCold
) -> None:
    make_cold([path])
    ds = open_file(path, io)
    with loader_of(ds) as own:
        batches = iter(own)
        first = next(batches)
        outer = iter(dataloader(ds, kind, persistent=False))
        second = next(batches)
        assert sorted(rows_of(outer)) == list(range(ROWS))
        assert sorted(rows_of([first, second, *batches])) == list(range(ROWS))


@IO
@KIND
@PERSISTENT
def test_a_file_that_is_cut_is_an_error_that_names_it(
    persistent: bool, kind: str, io: str, path: Path
) -> None:
    ds = open_file(path, io)
    assert ds[ROWS - 1]["x"][0] == ROWS - 1
    outer = dataloader(ds, kind, persistent=persistent)
    os.truncate(path, 4096 * 100)
    for _ in range(1 + persistent):
        batches = iter(outer)
        with pytest.raises(hr.TruncatedError, match=r"x\.bin"):
            rows_of(batches)
    end_workers(batches)


@IO
def test_a_worker_that_stops_in_a_pass_ends_for_good(io: str, path: Path) -> None:
    loader = loader_of(open_file(path, io))

    class Half(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            for count, batch in enumerate(loader):
                if count == 3:
                    raise KeyError("half-way")
                yield batch

    batches = iter(DataLoader(Half(), batch_size=None, num_workers=2, timeout=60))
    with pytest.raises(KeyError, match="half-way"):
        rows_of(batches)
    end_workers(batches)
    assert sorted(rows_of(loader)) == list(range(ROWS))  # its own epochs are as they were


@KIND
@pytest.mark.parametrize(("end", "returncode"), [("", 0), ("sys.exit(3)", 3)])
def test_a_process_ends_with_workers_in_a_pass(
    end: str, returncode: int, kind: str, path: Path, run_script: RunScript
) -> None:
    done = run_script(
        f"""
        import sys
        from pathlib import Path
        from test_dataloader_files import dataloader, open_file

        ds = open_file(Path({str(path)!r}), "auto")
        batches = iter(dataloader(ds, {kind!r}, persistent=True))
        first = next(batches)
        {end}
        """,
        PYTHONPATH=str(Path(__file__).parent),
    )
    assert (done.returncode, done.stderr) == (returncode, "")
