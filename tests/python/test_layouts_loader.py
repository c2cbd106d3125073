"""Layouts through the Loader: batches agree with the rows of the dataset, in every output."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

sparse = pytest.importorskip("scipy.sparse")

ROWS, WIDTH = 60, 40


def make_rows() -> Any:
    """Returns csr rows with repeated indices in any order; every fifth is empty."""
    rng = np.random.default_rng(3)
    counts = np.where(np.arange(ROWS) % 5 == 0, 0, rng.integers(0, 7, ROWS))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    indices = rng.integers(0, WIDTH, offsets[-1])
    return sparse.csr_array(
        (rng.integers(1, 9, offsets[-1]).astype(np.float32), indices, offsets), shape=(ROWS, WIDTH)
    )


@pytest.fixture(params=["memory", "shards", "pread"])
def ds(request: pytest.FixtureRequest, tmp_path: Path) -> hr.Dataset:
    rows = make_rows()
    columns = {
        "x": rows,
        "r": hr.ragged(rows.data, offsets=rows.indptr.astype(np.int64)),
        "t": ["é" * (row % 3) for row in range(ROWS)],
        "y": np.arange(ROWS),
    }
    if request.param == "memory":
        return hr.from_arrays(**columns)
    with hr.Writer(tmp_path / "d") as writer:
        writer.write(**columns)
    return hr.open(tmp_path / "d", io="pread" if request.param == "pread" else "auto")


def dense(value: Any) -> Any:
    """Returns a dense numpy array of what any output shows of csr."""
    if isinstance(value, torch.Tensor):
        return (value if value.layout == torch.strided else value.to_dense()).numpy()
    return value.toarray() if sparse.issparse(value) else value


@pytest.mark.parametrize("output", ["torch", "numpy"])
@pytest.mark.parametrize("layout", ["dense", "csr", "coo"])
def test_sparse_batches_are_the_rows(ds: hr.Dataset, layout: Any, output: Any) -> None:
    expected = make_rows().toarray()
    shown = ds.with_layout(x=layout).select_columns(["x", "y"])
    for batch in hr.Loader(shown, batch_size=7, shuffle=True, output=output):
        assert np.array_equal(dense(batch["x"]), expected[batch["y"]])
    assert np.array_equal(dense(shown[5:20]["x"]), expected[5:20])
    if layout == "csr" and output == "torch":
        first = hr.Loader(shown, batch_size=7).peek()["x"]
        assert first.crow_indices().dtype == first.col_indices().dtype


def test_options_are_applied_in_the_loader_too(ds: hr.Dataset) -> None:
    rows = make_rows().toarray()
    sums = rows.sum(1, keepdims=True)
    expected = rows * np.divide(100, sums, where=sums > 0, out=np.ones_like(sums)) / 4
    shown = ds.with_layout(x=hr.Dense(columns=[7, 2], total=100, scale=0.25))
    batch = hr.Loader(shown.select_columns(["x"]), batch_size=ROWS).peek()
    np.testing.assert_allclose(batch["x"], expected[:, [7, 2]], rtol=1e-5)


@pytest.mark.parametrize("column", ["r", "t"])
def test_padded_and_nested_rows(ds: hr.Dataset, column: str) -> None:
    alone = ds.select_columns([column, "y"])
    rows = [np.frombuffer(r.encode(), np.uint8) if isinstance(r, str) else r for r in ds[:][column]]
    for batch in hr.Loader(alone.with_layout({column: "padded"}), batch_size=9, shuffle=True):
        values, lengths = batch[column]
        assert values.shape == (len(batch["y"]), int(lengths.max()))
        for row, value, length in zip(batch["y"].tolist(), values, lengths, strict=True):
            assert value[:length].tolist() == rows[row].tolist()
            assert not value[length:].any()
    masked = alone.with_layout({column: hr.Padded(max_length=12, mask=True, side="left")})
    batch = hr.Loader(masked, batch_size=ROWS, output="numpy").peek()[column]
    assert batch.values.shape == batch.mask.shape == (ROWS, 12)
    assert [v[m].tolist() for v, m in zip(*batch, strict=True)] == [r.tolist() for r in rows]
    for batch in hr.Loader(alone.with_layout({column: "jagged"}), batch_size=9):
        nested = [row.tolist() for row in batch[column].unbind()]
        assert nested == [rows[row].tolist() for row in batch["y"].tolist()]


def test_jagged_csr_feeds_an_embedding_bag(ds: hr.Dataset) -> None:
    bag = torch.nn.EmbeddingBag(WIDTH, 3, mode="sum", include_last_offset=True)
    batch = hr.Loader(ds.with_layout(x="jagged").select_columns(["x"]), batch_size=ROWS).peek()
    expected = torch.from_numpy(make_rows().toarray()) @ bag.weight
    torch.testing.assert_close(bag(*batch["x"]), expected)


def test_batches_that_are_all_empty(ds: hr.Dataset) -> None:
    empty = ds.subset([0, 5, 10])
    for layout in (hr.Dense(), hr.Csr(), hr.Coo()):
        batch = hr.Loader(empty.with_layout(x=layout), batch_size=3, output="numpy").peek()
        assert dense(batch["x"]).shape == (3, WIDTH)
        assert not dense(batch["x"]).any()
    padded = empty.with_layout(x="dense", r="padded", t=hr.Padded(mask=True))
    batch = hr.Loader(padded, batch_size=3).peek()
    assert batch["r"].values.shape == (3, 0)
    assert batch["r"].lengths.tolist() == [0, 0, 0]
    nested = hr.Loader(empty.with_layout(x="jagged", r="jagged"), batch_size=3).peek()
    assert [len(row) for row in nested["r"].unbind()] == [0, 0, 0]
    assert nested["x"].offsets.tolist() == [0, 0, 0, 0]


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # of torch, as it receives a tensor
@pytest.mark.parametrize("workers", [0, 2])
def test_every_layout_goes_through_transforms_pickles_and_workers(
    ds: hr.Dataset, workers: int
) -> None:
    shown = ds.with_layout(x="csr", r="padded", t="jagged")
    loader = hr.Loader(pickle.loads(pickle.dumps(shown)), batch_size=8, transform=dict)
    expected = make_rows().toarray()
    if workers:
        loader = hr.Loader(shown, batch_size=8)
        data: Any = torch.utils.data.DataLoader
        loader = data(loader, batch_size=None, num_workers=workers)
    seen = []
    for batch in loader:
        rows = batch["y"]
        assert np.array_equal(batch["x"].to_dense().numpy(), expected[rows])
        assert type(batch["r"]).__name__ == "PaddedRows"
        assert batch["t"].is_nested
        seen += rows.tolist()
    assert seen == list(range(ROWS))


def test_a_batch_of_rows_taken_one_by_one_collates(ds: hr.Dataset) -> None:
    data: Any = torch.utils.data.DataLoader
    shown = ds.with_layout(x="dense", r=hr.Padded(max_length=8)).select_columns(["x", "r"])
    batch = next(iter(data(shown, batch_size=4)))
    assert batch["x"].numpy().tolist() == make_rows().toarray()[:4].tolist()
    assert batch["r"].values.shape == (4, 8)


def test_memory_that_there_is_not_is_an_error_before_it_is_taken() -> None:
    rows = sparse.csr_array(([1.0], [2**29], [0, 1]), shape=(1, 2**30))
    wide = hr.concat([hr.from_arrays(x=rows)] * 64).with_layout(x="dense")
    with pytest.raises(hr.InvalidError, match=r"column x: .* dense rows.*batch_size"):
        hr.Loader(wide, batch_size=64)


def test_bad_rows_name_the_column_and_the_row() -> None:
    long = hr.from_arrays(r=hr.ragged([[1], [1, 2, 3]])).with_layout(r=hr.Padded(max_length=2))
    batches = iter(hr.Loader(long, batch_size=1))
    assert next(batches)["r"].values.tolist() == [[1, 0]]
    with pytest.raises(hr.InvalidError, match=r"column r.*row 1") as caught:
        next(batches)
    assert (caught.value.column, caught.value.row) == ("r", 1)
