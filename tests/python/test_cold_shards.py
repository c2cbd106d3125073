"""Shards that are not in memory are read ahead like other files, whatever their record batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

ROWS = 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 MB in four shards."""
    folder = tmp_path_factory.mktemp("corpus")
    y = np.arange(ROWS)
    for part in np.split(y, 4):
        with hr.Writer(folder) as writer:
            x = np.repeat(part.astype(np.float32)[:, None], 1024, axis=1)
            writer.write(x=x, y=part, t=[str(k) for k in part])
    return folder


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_cold_shards_are_read_ahead_and_then_resident(
    folder: Path, io: Any, make_cold: Callable[[Iterable[Path]], None]
) -> None:
    make_cold((folder / "shards").iterdir())
    ds = hr.open(folder, io=io).select_columns(["x", "y"])
    with hr.Loader(ds, batch_size=32, shuffle=True, output="numpy", prefetch=2) as loader:
        batches = iter(loader)
        found = [next(batches)]
        deadline = time.monotonic() + 30
        while loader.stats()["regime"] != "resident" and time.monotonic() < deadline:
            time.sleep(0.01)
        stats = loader.stats()
        assert stats["regime"] == "resident"
        assert stats["read_ahead_bytes"] >= 0.9 * ROWS * (4096 + 8)
        found.extend(batches)
    y = np.concatenate([batch["y"] for batch in found])
    x = np.concatenate([batch["x"] for batch in found])
    assert np.array_equal(np.sort(y), np.arange(ROWS))
    assert np.array_equal(x[:, 1023], y)


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_cold_rows_of_any_size_are_asked_for_and_right(
    folder: Path, io: Any, make_cold: Callable[[Iterable[Path]], None]
) -> None:
    make_cold((folder / "shards").iterdir())
    rows = np.random.default_rng(1).permutation(ROWS)
    assert hr.open(folder, io=io)["t"][rows] == [str(row) for row in rows]


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize(
    "shuffle", [True, hr.BlockShuffle(block_rows=64, window=4), hr.ShardShuffle(window=2)]
)
def test_a_loader_gives_cold_rows_of_any_size(
    tmp_path: Path, io: Any, shuffle: Any, make_cold: Callable[[Iterable[Path]], None]
) -> None:
    lengths = np.random.default_rng(2).integers(0, 4000, ROWS)
    for part in np.split(np.arange(ROWS), 4):
        offsets = np.concatenate([[0], np.cumsum(lengths[part])])
        with hr.Writer(tmp_path) as writer:
            writer.write(y=part, r=hr.ragged(np.repeat(part, lengths[part]), offsets=offsets))
    make_cold((tmp_path / "shards").iterdir())
    seen = []
    with hr.Loader(
        hr.open(tmp_path, io=io), batch_size=50, shuffle=shuffle, output="numpy"
    ) as loader:
        for batch in loader:
            rows, offsets = batch["y"], batch["r"].offsets
            assert np.array_equal(np.diff(offsets), lengths[rows])
            assert np.array_equal(batch["r"].values, np.repeat(rows, lengths[rows]))
            seen.append(rows)
        stats = loader.stats()
    assert np.array_equal(np.sort(np.concatenate(seen)), np.arange(ROWS))
    assert stats["hinted_bytes"] + stats["read_ahead_bytes"] > 0
    assert stats["regime"] in ("hints", "read_ahead", "resident")


def test_a_missing_shard_fails_its_batch_and_no_other(folder: Path) -> None:
    ds = hr.open(folder)
    path = Path(ds.locate(ROWS - 1)[0])
    away = path.rename(path.with_suffix(".away"))
    try:
        loader = hr.Loader(ds.select_columns(["y"]), batch_size=500, output="numpy")
        batches = iter(loader)
        assert [int(next(batches)["y"][0]) for _ in range(3)] == [0, 500, 1000]
        with pytest.raises(hr.NotFoundError, match=path.stem):
            next(batches)
    finally:
        away.rename(path)


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("stored", ["shards", "csr files", "indices"])
def test_cold_rows_are_expanded(
    tmp_path: Path, io: Any, stored: str, make_cold: Callable[[Iterable[Path]], None]
) -> None:
    rng = np.random.default_rng(4)
    indices = rng.integers(0, 500, (ROWS, 300)).astype(np.int32)
    indptr = np.arange(ROWS + 1) * 300
    ds: hr.Dataset
    if stored == "shards":
        with hr.Writer(tmp_path) as writer:
            writer.write(x=hr.csr(indptr=indptr, indices=indices.ravel(), columns=500))
        ds = hr.open(tmp_path, io=io)
    elif stored == "csr files":
        np.save(tmp_path / "indptr.npy", indptr)
        np.save(tmp_path / "indices.npy", indices.ravel())
        ds = hr.open({"x": tmp_path}, columns=500, io=io)
    else:
        np.save(tmp_path / "x.npy", indices)
        ds = hr.open({"x": tmp_path / "x.npy"}, io=io).multi_hot("x", columns=500)
    shown = ds.with_layout(x="dense").with_row_ids("id")
    expected = np.zeros((ROWS, 500), np.float32)
    np.put_along_axis(expected, indices, 1, axis=1)
    make_cold(path for path in tmp_path.rglob("*") if path.is_file())
    with hr.Loader(shown, batch_size=64, shuffle=True, output="numpy") as loader:
        seen = 0
        for batch in loader:
            assert np.array_equal(batch["x"], expected[batch["id"]])
            seen += len(batch["id"])
        # "unknown" if all was read before the first look at memory
        assert loader.stats()["regime"] != "arrays"
    assert seen == ROWS
