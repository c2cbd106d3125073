"""What columns are called, and what kind of rows they make."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]


def test_rename_takes_a_dict_or_keywords(numbered: Numbered) -> None:
    ds = numbered(4)
    assert list(ds.rename(y="target")[2]) == ["x", "target"]
    assert ds.rename({"y": "a b"})["a b"][2] == 2
    swapped = ds.rename(x="y", y="x")
    assert repr(swapped.schema) == "Schema(y: float32[3], x: int64)"
    assert pickle.loads(pickle.dumps(swapped))["x"][3] == 3


@pytest.mark.parametrize(
    ("arguments", "columns", "message"),
    [
        ((), {"z": "a"}, "no column 'z'"),
        ((), {"x": "y"}, "two columns would be named 'y'"),
        ((), {"x": 3}, "a column's name is a str"),
        ((), {}, "rename takes"),
        (({"x": "a"},), {"y": "b"}, "rename takes"),
        (("x",), {}, "rename takes"),
    ],
)
def test_names_that_cannot_be_right(
    arguments: Any, columns: Any, message: str, numbered: Numbered
) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        numbered(4).rename(*arguments, **columns)


def test_tuple_rows_have_no_names() -> None:
    with pytest.raises(hr.InvalidError, match="as_dict"):
        hr.from_arrays(np.zeros(3)).rename({"0": "x"})


def test_as_tuple_makes_tuple_rows(numbered: Numbered) -> None:
    ds = numbered(4)
    assert ds.as_tuple("y")[3] == (3,)
    y, x = ds.as_tuple("y", "x")[2]
    assert (y, x.tolist()) == (2, [2, 4, -2])
    assert list(ds.as_tuple().schema) == ["0", "1"]
    assert ds.as_tuple().as_tuple("1")[1] == (1,)
    assert len(hr.zip([ds.as_tuple("y"), hr.from_arrays(np.zeros(4))])[0]) == 2
    with pytest.raises(hr.InvalidError, match="no column 'z'"):
        ds.as_tuple("z")


def test_as_dict_names_the_columns_of_tuple_rows(numbered: Numbered) -> None:
    ds = hr.from_arrays(np.zeros(3), np.arange(3)).as_dict("x", "y")
    assert ds[2] == {"x": 0.0, "y": 2}
    assert ds.subset([1])[0] == {"x": 0.0, "y": 1}
    assert numbered(3).as_dict()[1]["y"] == 1
    assert numbered(3).as_tuple().as_dict("x", "y").schema == numbered(3).schema


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("x",), "one name for each of 2 columns"),
        ((), "one name for each"),
        (("x", "x"), "two columns would be named 'x'"),
        (("x", 3), "a column's name is a str"),
    ],
)
def test_tuple_rows_need_a_name_for_each_column(names: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.from_arrays(np.zeros(3), np.zeros(3)).as_dict(*names)


def test_dict_rows_have_their_names_already(numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=r"rename.*select_columns"):
        numbered(4).as_dict("y")


def test_head_is_the_first_rows(numbered: Numbered) -> None:
    ds = numbered(8)
    assert ds.head()["y"].tolist() == [0, 1, 2, 3, 4]
    assert ds.head(2)["x"].shape == (2, 3)
    assert ds.head(100)["y"].tolist() == [*range(8)]
    assert ds.head(0)["x"].shape == (0, 3)
    for n in (-1, 1.5):
        with pytest.raises(hr.InvalidError, match="n must"):
            ds.head(n)  # type: ignore[arg-type]
