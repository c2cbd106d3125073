"""Row ids: every row says which row of the numbered dataset it is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

Tiers = Callable[[int], dict[str, hr.Dataset]]
Numbered = Callable[[int], hr.Dataset]


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_ids_follow_their_rows_through_every_view(tiers: Tiers, tier: str) -> None:
    ds = tiers(60)[tier].with_row_ids("row")
    assert repr(ds.schema) == "Schema(x: float32[3], y: int64, row: int64)"
    train, test = ds.split(0.8, seed=3)
    views = {
        "itself": ds,
        "subset": ds.subset([5, 5, 40, 0]),
        "step": ds.subset(slice(50, 3, -7)),
        "split": train,
        "split again": test.split(0.5, seed=1)[1],
        "concat": hr.concat([test, train.subset(slice(3, 9)), ds]),
        "selected": ds.select_columns(["row", "y"]),
        "zip": hr.zip([ds.subset(slice(0, 50)), hr.from_arrays(z=np.zeros(50))]),
        "cast": ds.cast(y="float32"),
        "windows": hr.windows(ds, length=7, stride=3),
        "ids again": ds.subset(slice(9, None)).with_row_ids("second"),
    }
    for name, view in views.items():
        rows = view["row"][:]
        np.testing.assert_array_equal(rows, view["y"][:], err_msg=name)
        np.testing.assert_array_equal([view[i]["row"] for i in (0, -1)], rows[[0, -1]])
        np.testing.assert_array_equal(view[2:4]["row"], rows[2:4])
        np.testing.assert_array_equal(view[[1, 0]]["row"], rows[[1, 0]])
    assert views["ids again"]["second"][:].tolist() == list(range(51))
    assert ds["row"][:].tolist() == list(range(60))


@pytest.mark.parametrize("num_threads", [1, 2, 8])
def test_batches_of_the_loader_say_their_rows(tiers: Tiers, num_threads: int) -> None:
    found = tiers(90)
    for shuffle in (False, True, hr.BlockShuffle(block_rows=8, window=3)):
        for ds in found.values():
            train, _ = ds.with_row_ids("row").split(0.9, seed=1)
            loader = hr.Loader(
                train, batch_size=7, shuffle=shuffle, seed=5, num_threads=num_threads
            )
            seen = []
            for batch in loader:
                assert batch["row"].dtype == torch.int64
                assert torch.equal(batch["row"], batch["y"])
                seen += batch["row"].tolist()
            assert sorted(seen) == train["row"][:].tolist()


def test_ids_say_the_rows_where_the_method_was_called(numbered: Numbered) -> None:
    ds = numbered(20).subset([7, 3, 11]).with_row_ids("row")
    assert ds["row"][:].tolist() == [0, 1, 2]
    assert ds.subset([2, 0])["row"][:].tolist() == [2, 0]
    assert ds.subset([2, 0])["y"][:].tolist() == [11, 7]


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "float64", "bool"])
def test_ids_can_be_cast(numbered: Numbered, dtype: str) -> None:
    ds = numbered(200).with_row_ids("row").cast(row=dtype)
    rows = np.random.default_rng(0).permutation(200)
    np.testing.assert_array_equal(ds["row"][rows], rows.astype(dtype))
    np.testing.assert_array_equal(ds["row"][:], np.arange(200).astype(dtype))


def test_the_ids_of_parts_start_anew_unless_the_whole_is_numbered(numbered: Numbered) -> None:
    parts = [numbered(3).with_row_ids("row"), numbered(2).with_row_ids("row")]
    assert hr.concat(parts)["row"][:].tolist() == [0, 1, 2, 0, 1]
    whole = hr.concat([numbered(3), numbered(2)]).with_row_ids("row")
    assert whole["row"][:].tolist() == [0, 1, 2, 3, 4]
    stored = hr.from_arrays(row=np.array([40, 41]))
    mixed = hr.concat([numbered(2).with_row_ids("row").select_columns(["row"]), stored])
    assert mixed.subset([3, 0, 2, 1])["row"][:].tolist() == [41, 0, 40, 1]
    assert mixed.cast("float32")["row"][:].tolist() == [0.0, 1.0, 40.0, 41.0]


def test_a_trillion_rows_are_numbered_without_memory() -> None:
    rows = 1 << 40
    values = np.broadcast_to(np.float32(1), (rows,))
    tracemalloc.start()
    ds = hr.from_arrays(x=values).with_row_ids("row").subset(slice(None, None, -1))
    batch = next(iter(hr.Loader(ds, batch_size=1000, num_threads=1)))
    assert batch["row"].tolist() == list(range(rows - 1, rows - 1001, -1))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_positional_columns_get_one_more(numbered: Numbered) -> None:
    ds = hr.from_arrays(np.arange(4.0), np.ones(4)).with_row_ids()
    assert list(ds.schema) == ["0", "1", "2"]
    assert ds[2] == (2.0, 1.0, 2)
    assert list(ds.with_row_ids().schema) == ["0", "1", "2", "3"]
    with pytest.raises(hr.InvalidError, match=r"no names.*as_dict.*with_row_ids\('row'\)"):
        ds.with_row_ids("row")
    named = hr.from_arrays(np.ones(4)).as_dict("x").with_row_ids("row")
    assert list(named.schema) == ["x", "row"]
    with pytest.raises(hr.InvalidError, match=r'need a name.*with_row_ids\("row"\)'):
        numbered(4).with_row_ids()


def test_names_that_cannot_be(numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match="a column 'y' already; give the row ids another"):
        numbered(4).with_row_ids("y")
    with pytest.raises(hr.InvalidError, match="name is a str"):
        numbered(4).with_row_ids(3)  # type: ignore[arg-type]


def test_files_are_still_located_and_split(tiers: Tiers) -> None:
    plain = tiers(70)["npy"]
    ds = plain.with_row_ids("row")
    for columns in (["x", "y", "row"], ["row", "x"], ["row", "y"]):
        view = ds.select_columns(columns)
        path, row = view.subset([12]).locate(0)
        assert (Path(path).name, row) == ("01.npy", 2)
        parts = view.split(0.5, by="file", seed=2)
        expected = plain.select_columns([x for x in columns if x != "row"])
        for part, same in zip(parts, expected.split(0.5, by="file", seed=2), strict=True):
            located = [part.locate(i) for i in range(len(part))]
            assert located == [same.locate(i) for i in range(len(same))]
            for row_id, place in zip(part["row"][:].tolist(), located, strict=True):
                assert view.locate(row_id) == place
    alone = ds.select_columns(["row"]).subset([12])
    assert alone.locate(0) == ("", 12)
    with pytest.raises(hr.InvalidError, match="in memory"):
        alone.split(0.5, by="file")


def test_a_resume_is_the_same_with_ids(numbered: Numbered) -> None:
    def loader() -> hr.Loader:
        return hr.Loader(
            numbered(100).with_row_ids("row"), batch_size=8, shuffle=True, seed=2, output="numpy"
        )

    whole: list[Any] = [batch["row"].tolist() for batch in loader()]
    first, later = loader(), loader()
    batches = iter(first)
    for _ in range(4):
        next(batches)
    later.load_state_dict(first.state_dict())
    assert [batch["row"].tolist() for batch in later] == whole[4:]
    # Without the ids it is another dataset.
    with pytest.raises(hr.InvalidError):
        hr.Loader(numbered(100), batch_size=8, shuffle=True, seed=2).load_state_dict(
            first.state_dict()
        )
