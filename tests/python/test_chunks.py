from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]


def cut(array: Any, *bounds: int) -> list[Any]:
    return [array[a:b] for a, b in itertools.pairwise([0, *bounds, len(array)])]


def test_chunks_are_one_column() -> None:
    x = np.arange(42.0).reshape(21, 2)
    ds = hr.from_arrays(x=hr.chunks(cut(x, 3, 4, 20)), y=hr.chunks(cut(np.arange(21), 9)))
    assert repr(ds.schema) == "Schema(x: float64[2], y: int64)"
    np.testing.assert_array_equal(ds["x"], x)
    rows = [20, 3, 3, 19, 0, 4]
    np.testing.assert_array_equal(ds[rows]["x"], x[rows])
    np.testing.assert_array_equal(ds[rows]["y"], rows)
    with hr.Loader(ds, batch_size=4, shuffle=True, output="numpy") as loader:
        for batch in loader:
            np.testing.assert_array_equal(batch["x"], x[batch["y"]])


@pytest.mark.parametrize("mixed", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_columns_keep_their_order_however_they_are_cut(mixed: list[int]) -> None:
    y = np.arange(10)
    columns = [hr.chunks(cut(y, 5)), y * 2, hr.chunks(cut(y * 3, 5))]
    ds = hr.from_arrays(*(columns[k] for k in mixed))
    assert ds[7] == tuple([7, 14, 21][k] for k in mixed)


def test_chunks_are_not_copied() -> None:
    parts: list[Any] = [np.arange(3), torch.arange(3, 6)]
    ds = hr.from_arrays(hr.chunks(parts))
    parts[0][1], parts[1][1] = 70, 80
    assert ds["0"][:].tolist() == [0, 70, 2, 3, 80, 5]


def test_chunks_without_rows_are_passed_over() -> None:
    parts = [np.zeros((0, 2)), np.ones((2, 2)), np.zeros((0, 2))]
    assert len(hr.from_arrays(x=hr.chunks(iter(parts)), y=[1, 2])) == 2
    with pytest.raises(hr.InvalidError, match="zero rows"):
        hr.from_arrays(hr.chunks(parts[:1]))


def test_chunks_in_a_dataset_can_be_pickled() -> None:
    y = np.arange(10)
    ds = hr.from_arrays(hr.chunks(cut(y, 2)), hr.chunks(cut(y, 7)), y)
    assert pickle.loads(pickle.dumps(ds))[6] == (6, 6, 6)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [np.zeros(2), np.zeros(2, int)]}, "'x'.*array 0 .*float64 and array 1 .*int64"),
        ({"x": [np.zeros((2, 3)), np.zeros((2, 4))]}, r"float64\[3\] and array 1 .*float64\[4\]"),
        ({"x": [np.zeros(2)], "y": [np.zeros(1), np.zeros(2)]}, "'x' has 2 rows .*'y' has 3"),
        ({"x": [np.zeros(2), 3]}, "single number"),
    ],
)
def test_chunks_that_do_not_fit(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.from_arrays(**{name: hr.chunks(parts) for name, parts in columns.items()})


@pytest.mark.parametrize("arrays", [np.zeros(3), torch.zeros(3), "x", 3, [], iter([])])
def test_only_lists_of_arrays_are_chunks(arrays: Any) -> None:
    with pytest.raises(hr.InvalidError, match="chunks"):
        hr.chunks(arrays)


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
@pytest.mark.parametrize("rows", [1, 4, 21, 100, None])
def test_a_dataset_is_read_in_chunks(tier: str, rows: int | None, tiers: Tiers) -> None:
    batches = list(tiers(21)[tier].chunks(rows))
    assert [len(batch["y"]) for batch in batches[:-1]] == [rows] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate([b["y"] for b in batches]), np.arange(21))
    np.testing.assert_array_equal(np.concatenate([b["x"] for b in batches])[:, 2], -np.arange(21))


def test_chunks_choose_their_size_by_bytes() -> None:
    wide = hr.from_arrays(np.broadcast_to(np.zeros(500_000), (5, 500_000)))
    assert [len(batch[0]) for batch in wide.chunks()] == [1] * 5
    assert len(list(hr.from_arrays(np.zeros(1_000_000)).chunks())) == 2


@pytest.mark.parametrize("rows", [0, -1, 1.5, True])
def test_chunks_of_no_size_are_refused_at_once(rows: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match="rows must"):
        numbered(4).chunks(rows)
