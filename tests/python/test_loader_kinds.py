"""Batches of columns whose rows have any size: text, bytes, ragged, csr."""

from __future__ import annotations

import copy
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_row_kinds import ROWS, text, write

import headrace as hr

COLUMNS = ["x", "t", "b", "r"]


@pytest.fixture(params=["auto", "pread"])
def ds(request: pytest.FixtureRequest, tmp_path: Path) -> hr.Dataset:
    return hr.open(write(tmp_path / "a.arrow"), io=request.param).select_columns(COLUMNS)


def expect_batch(batch: dict[str, Any], rows: list[int], output: str) -> None:
    kind = torch.Tensor if output == "torch" else np.ndarray
    assert isinstance(batch["x"], kind)
    assert batch["x"].tolist() == rows
    assert batch["t"] == [text(row) for row in rows]
    assert batch["b"] == [bytes([row]) * (row % 3) for row in rows]
    ragged = batch["r"]
    assert isinstance(ragged, hr.RaggedRows)
    assert isinstance(ragged.values, kind)
    assert isinstance(ragged.offsets, kind)
    ends = ragged.offsets.tolist()
    values = ragged.values.tolist()
    parts = [values[a:b] for a, b in itertools.pairwise(ends)]
    assert parts == [list(range(row % 5)) for row in rows]


@pytest.mark.parametrize("output", ["torch", "numpy"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_the_rows_in_the_loaders_order(
    ds: hr.Dataset, output: Any, shuffle: bool
) -> None:
    loader = hr.Loader(ds.with_row_ids("id"), batch_size=7, shuffle=shuffle, output=output)
    seen = []
    for batch in loader:
        rows = batch["id"].tolist()
        expect_batch(batch, rows, output)
        seen += rows
    assert sorted(seen) == list(range(ROWS))
    assert (seen == list(range(ROWS))) is not shuffle


def test_batches_that_are_kept_stay_as_they_are(ds: hr.Dataset) -> None:
    loader = hr.Loader(ds, batch_size=2, prefetch=2, num_threads=1)
    for _ in range(3):
        for number, batch in enumerate(list(loader)):
            expect_batch(batch, [2 * number, 2 * number + 1], "torch")


def test_peek_state_and_listed_batches(ds: hr.Dataset) -> None:
    loader = hr.Loader(ds, batch_size=4)
    batches = iter(loader)
    next(batches)
    expect_batch(loader.peek(), [4, 5, 6, 7], "torch")
    state = loader.state_dict()
    other = hr.Loader(ds, batch_size=6, output="numpy")
    other.load_state_dict(state)
    expect_batch(next(iter(other)), [4, 5, 6, 7, 8, 9], "numpy")
    listed = hr.Loader(ds, batch_sampler=[[3, 3, 29], [0]])
    expect_batch(listed.peek(), [3, 3, 29], "torch")
    first, second = listed
    expect_batch(first, [3, 3, 29], "torch")
    expect_batch(second, [0], "torch")


def test_stats_count_the_bytes_of_rows_of_any_size(ds: hr.Dataset) -> None:
    loader = hr.Loader(ds.select_columns(["b"]), batch_size=10, output="numpy")
    list(loader)
    offsets = 8 * (ROWS + 3)  # each batch has one more than rows
    assert loader.stats()["bytes"] == offsets + sum(row % 3 for row in range(ROWS))


def test_rows_without_elements(tmp_path: Path) -> None:
    with hr.Writer(tmp_path / "d") as writer:
        writer.write(t=["", ""], b=[b"", b""], r=hr.ragged([[], []]))
    for batch in hr.Loader(hr.open(tmp_path / "d"), batch_size=2):
        assert batch["t"] == ["", ""]
        assert batch["b"] == [b"", b""]
        assert batch["r"].offsets.tolist() == [0, 0, 0]
        assert batch["r"].values.shape == (0,)


@pytest.mark.parametrize("threads", [None, 2])
def test_transforms_take_and_return_them(ds: hr.Dataset, threads: int | None) -> None:
    def lengths(batch: dict[str, Any]) -> dict[str, Any]:
        return {**batch, "n": [len(t) for t in batch["t"]]}

    loader = hr.Loader(ds, batch_size=7, transform=lengths, transform_threads=threads)
    for number, batch in enumerate(loader):
        rows = list(range(7 * number, min(ROWS, 7 * number + 7)))
        assert batch.pop("n") == [row % 4 for row in rows]
        expect_batch(batch, rows, "torch")


def test_copies_of_a_loader_give_the_same(ds: hr.Dataset) -> None:
    loader = hr.Loader(ds, batch_size=9)
    for same in (pickle.loads(pickle.dumps(loader)), copy.deepcopy(loader)):
        for number, batch in enumerate(same):
            expect_batch(batch, list(range(9 * number, min(ROWS, 9 * number + 9))), "torch")


@pytest.mark.parametrize("output", ["torch", "numpy"])
def test_workers_of_a_dataloader_send_them(ds: hr.Dataset, output: Any) -> None:
    loader = hr.Loader(ds, batch_size=8, output=output)
    data: Any = torch.utils.data.DataLoader
    batches = list(data(loader, batch_size=None, num_workers=2))
    assert len(batches) == 4
    for number, batch in enumerate(batches):  # torch makes tensors of arrays that come from workers
        expect_batch(batch, list(range(8 * number, min(ROWS, 8 * number + 8))), "torch")


def test_dlpack_batches(ds: hr.Dataset) -> None:
    batch = hr.Loader(ds, batch_size=6, output="dlpack").peek()
    assert batch["t"] == [text(row) for row in range(6)]
    assert np.from_dlpack(batch["r"].offsets).tolist() == [0, 0, 1, 3, 6, 10, 10]
    assert batch["r"].values.dtype == "int16"


def test_csr_without_a_layout_says_what_to_choose(tmp_path: Path) -> None:
    ds = hr.open(write(tmp_path / "a.arrow"))
    advice = r"'w' is csr \(7 columns\).*with_layout\(\{'w': \"dense\"\}\)"
    with pytest.raises(hr.UnsupportedError, match=advice) as error:
        hr.Loader(ds)
    assert error.value.column == "w"


def test_text_that_is_not_utf8_fails_in_its_batch(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    broken = pa.Array.from_buffers(pa.utf8(), 3, pa.array([b"a", b"\xff", b"c"]).buffers())
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file:
        batch = pa.record_batch([broken], ["t"])
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
    batches = iter(hr.Loader(hr.open(str(tmp_path / "a.arrow")), batch_size=1))
    assert next(batches)["t"] == ["a"]
    with pytest.raises(hr.CorruptError, match="column t: row 1 is no UTF-8") as error:
        next(batches)
    assert (error.value.column, error.value.row) == ("t", 1)
