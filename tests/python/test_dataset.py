from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
@pytest.mark.parametrize(
    "key",
    [
        slice(None),
        slice(3, 17),
        slice(-5, None),
        slice(None, None, -1),
        slice(20, 2, -3),
        slice(5, 5),
        slice(100, 200),
        [0, 20, 3, 3, -1],
        [],
        np.array([4, 2], np.uint8),
        np.arange(21) % 4 == 1,
        torch.tensor([1, 20]),
    ],
    ids=str,
)
def test_batches_are_what_numpy_gives(tier: str, key: Any, tiers: Tiers) -> None:
    batch = tiers(21)[tier][key]
    if not isinstance(key, slice):
        key = np.asarray(key) if len(key) else np.empty(0, np.int64)
    y = np.arange(21)[key]
    np.testing.assert_array_equal(batch["y"], y)
    np.testing.assert_array_equal(batch["x"], np.stack([y, 2 * y, -y], axis=1))
    assert batch["x"].dtype == np.float32


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_rows_are_read_by_any_integer(tier: str, tiers: Tiers) -> None:
    ds = tiers(21)[tier]
    for key in (7, -14, np.int16(7), np.array(7), torch.tensor(7)):
        assert ds[key]["y"] == 7
        assert ds[key]["x"].tolist() == [7.0, 14.0, -7.0]


@pytest.mark.parametrize("row", [10, -11, 2**40])
def test_a_row_that_is_not_there_is_an_index_error(row: int, numbered: Numbered) -> None:
    ds = numbered(10)
    for read in (lambda: ds[row], lambda: ds[[0, row]], lambda: ds.locate(row)):
        with pytest.raises(hr.RowIndexError, match=f"row {row} is out of range for 10 rows") as e:
            read()
        assert e.value.row == row
        assert isinstance(e.value, IndexError)


def test_a_for_loop_over_a_dataset_ends(numbered: Numbered) -> None:
    ds = numbered(5)
    assert [row["y"] for row in ds] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("key", [1.5, None, True, (1, 2), {1}, [0.5], [True], ["x"], [[0], [1]]])
def test_other_keys_are_refused(key: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError):
        numbered(10)[key]


def test_a_tuple_of_rows_is_told_to_be_a_list(numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=r"ds\[\[1, 2\]\]"):
        numbered(10)[1, 2]


def test_an_unknown_column_lists_what_exists(numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=r"no column 'yy'; .* 'x', 'y'.*mean 'y'"):
        numbered(10)["yy"]


def test_batches_are_the_users_own(arrays: Callable[[int], dict[str, Any]]) -> None:
    columns = arrays(4)
    ds = hr.from_arrays(**columns)
    ds[:]["y"][:] = -1
    ds[[1, 2]]["x"][:] = -1
    assert columns["y"].tolist() == [0, 1, 2, 3]
    assert columns["x"].min() == -3


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_subsets_of_subsets(tier: str, tiers: Tiers) -> None:
    ds = tiers(50)[tier]
    rows: Any = np.arange(50)
    for key in (slice(40, 3, -3), [5, 0, 0, -1, 7], np.arange(5) != 2, slice(None, None, 2)):
        ds, rows = ds.subset(key), rows[key]
        np.testing.assert_array_equal(ds["y"][:], rows)
        assert [row["y"] for row in ds] == rows.tolist()


def test_a_subset_keeps_rows_of_its_own(numbered: Numbered) -> None:
    chosen = np.array([1, 2, 3])
    ds = numbered(10).subset(chosen)
    chosen[:] = 10**12
    assert ds["y"][:].tolist() == [1, 2, 3]


def test_a_column_chooses_rows(numbered: Numbered) -> None:
    ds = numbered(10)
    assert ds.subset(ds["y"] > 6)["y"][:].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "zero rows"),
        (slice(5, 5), "zero rows"),
        (np.zeros(10, bool), "zero rows"),
        (np.ones(9, bool), r"shape \(9,\).*\(10,\)"),
        ([10], "out of range"),
        ([-11], "out of range"),
        ([0.5], "integers"),
        ([[1], [2]], "one dimension"),
        (3, "a subset is"),
        ("y", "a subset is"),
        (slice("a"), "no slice"),
        (slice(None, None, 0), "no slice"),
    ],
)
def test_subsets_that_cannot_be_right(rows: Any, message: str, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        numbered(10).subset(rows)


def test_select_columns_chooses_and_reorders(numbered: Numbered) -> None:
    ds = numbered(4)
    assert list(ds.select_columns(["y", "x"])[1]) == ["y", "x"]
    assert list(ds.select_columns(["y"])[1]) == ["y"]
    positional = hr.from_arrays(np.zeros(3), np.arange(3)).select_columns(["1"])
    assert positional[2] == (2,)
    assert positional["0"][:].tolist() == [0, 1, 2]


@pytest.mark.parametrize("names", ["x", [], ["x", "x"], ["z"], [0], 3])
def test_selections_that_cannot_be_right(names: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError):
        numbered(4).select_columns(names)


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_cast_converts_rows_as_astype_does(tier: str, tiers: Tiers) -> None:
    ds = tiers(20)[tier]
    for cast in (ds.cast(x="int16"), ds.cast({"x": np.int16})):
        assert repr(cast.schema) == "Schema(x: int16[3], y: int64)"
        assert cast[3]["x"].tolist() == [3, 6, -3]
        assert cast[3]["x"].dtype == np.int16
    everything = ds.cast(torch.float64)
    assert repr(everything.schema) == "Schema(x: float64[3], y: float64)"
    assert everything["y"][-1] == 19.0


@pytest.mark.parametrize("source", ["bool", "uint8", "int16", "int64", "float16", "float64"])
@pytest.mark.parametrize("target", ["bool", "uint8", "int32", "float16", "float32", "float64"])
def test_cast_equals_numpy_where_values_fit(source: str, target: str) -> None:
    values = np.array([0, 1, 2, 100]).astype(source)
    cast = hr.from_arrays(values).cast(target)["0"][:]
    np.testing.assert_array_equal(cast, values.astype(target))
    assert cast.dtype == target


@pytest.mark.parametrize(
    ("arguments", "columns", "message"),
    [
        ((), {"z": "float32"}, "no column 'z'; the columns are 'x', 'y'"),
        ((), {"x": "float33"}, "'float33' is no dtype; the dtypes are bool"),
        (("complex64",), {}, "complex64 is not supported"),
        ((), {}, "cast takes"),
        (("float32",), {"x": "float32"}, "cast takes"),
    ],
)
def test_casts_that_cannot_be_right(
    arguments: Any, columns: Any, message: str, numbered: Numbered
) -> None:
    with pytest.raises(hr.HeadraceError, match=message):
        numbered(4).cast(*arguments, **columns)


def test_locate_names_file_and_row(tiers: Tiers, tmp_path: Path) -> None:
    found = tiers(21)
    assert found["memory"].locate(5) == ("", 5)
    path, row = found["npy"].subset([4])["y"], found["npy"].subset([4]).locate(0)
    assert path[0] == 4
    assert Path(row[0]).name == "01.npy"  # the first file ends before row 21 // 7
    assert row[1] == 1
    assert found["npy"].locate(-1)[1] == 0
    assert Path(found["npy"].locate(-1)[0]).name == "03.npy"


def test_repr_says_what_there_is(tiers: Tiers) -> None:
    found = tiers(21)
    assert repr(found["memory"]) == (
        "headrace.Dataset(rows=21, columns=(x: float32[3], y: int64), in memory, 420 B)"
    )
    assert "8 files" in repr(found["raw"])


def test_schema_is_a_mapping() -> None:
    schema = hr.from_arrays(x=np.zeros((3, 28, 28), np.float32), y=np.arange(3)).schema
    assert list(schema) == ["x", "y"]
    assert schema["x"] == hr.Field("x", "float32", (28, 28))
    assert repr(schema) == "Schema(x: float32[28, 28], y: int64)"
    assert schema == hr.from_arrays(x=np.ones((1, 28, 28), np.float32), y=np.arange(1)).schema


def test_in_asks_for_columns() -> None:
    ds = hr.from_arrays(x=np.arange(3), y=np.arange(3))
    assert "x" in ds
    assert "z" not in ds
    assert 1 not in ds


def test_a_list_of_names_is_answered_with_select_columns() -> None:
    ds = hr.from_arrays(x=np.arange(3), y=np.arange(3))
    with pytest.raises(hr.InvalidError, match="select_columns"):
        ds[["x", "y"]]
