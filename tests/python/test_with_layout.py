"""Layouts as views of a dataset: what the schema says, which views keep them, what is refused."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.layouts import Layout

ROWS = 12


@pytest.fixture(name="ds")
def everything() -> hr.Dataset:
    return hr.from_arrays(
        w=hr.csr(
            [[row % 5, row % 3] for row in range(ROWS)], columns=9, values=[[1.5, 2.5]] * ROWS
        ),
        k=hr.csr([[row % 7] * (row % 3) for row in range(ROWS)], columns=7),
        r=hr.ragged([np.full(row % 4, row, np.int16) for row in range(ROWS)]),
        t=["é" * (row % 3) for row in range(ROWS)],
        b=[bytes([row]) * (row % 3) for row in range(ROWS)],
        i=np.array([[row % 6, -1.0] for row in range(ROWS)]),
        y=np.arange(ROWS),
        z=np.arange(ROWS) * 10,
    )


@pytest.mark.parametrize(
    ("column", "given", "shown", "layout"),
    [
        ("w", "dense", "w: float32[9] as dense", hr.Dense()),
        ("w", "csr", "w: csr float64[9] as csr", hr.Csr(dtype="float64")),
        ("k", "csr", "k: csr float32[7] as csr", hr.Csr(dtype="float32")),
        ("k", hr.Csr(dtype="uint8"), "k: csr uint8[7] as csr", hr.Csr(dtype="uint8")),
        (
            "w",
            hr.Coo(columns=[8, 2], total=10, scale=2, log1p=True),
            "w: csr float64[2] as coo",
            hr.Coo(columns=[8, 2], total=10, scale=2, log1p=True, dtype="float64"),
        ),
        ("w", hr.Dense(columns=[3], dtype="int8"), "w: int8[1] as dense", None),
        ("w", hr.Jagged(nested=False), "w: csr float64[9] as jagged", None),
        ("r", "padded", "r: ragged int16 as padded", hr.Padded(dtype="int16")),
        ("r", "jagged", "r: ragged int16 as jagged", hr.Jagged(dtype="int16")),
        (
            "t",
            hr.Padded(fill=255, max_length=4, side="left", truncate=True, mask=True),
            "t: ragged uint8 as padded",
            None,
        ),
        ("r", hr.Padded(fill=-0.5, dtype="bfloat16"), "r: ragged bfloat16 as padded", None),
        ("b", "jagged", None, hr.Jagged(dtype="uint8")),
    ],
)
def test_a_layout_is_in_the_schema(
    ds: hr.Dataset, column: str, given: Any, shown: str | None, layout: Layout | None
) -> None:
    field = ds.with_layout({column: given}).schema[column]
    assert shown is None or repr(field) == shown
    assert field.layout == (layout or given.__class__(**{**vars(given), "dtype": field.dtype}))


def test_layouts_follow_their_columns_through_views(ds: hr.Dataset) -> None:
    shown = ds.with_layout(w=hr.Dense(columns=[4, 1]), r="padded").multi_hot("i", columns=6, pad=-1)
    fields = shown.schema
    views = [
        shown.subset([3, 1]),
        shown.subset(slice(None, None, -1)),
        *shown.split(0.5, seed=1),
        hr.concat([shown, shown]),
        hr.zip(
            [shown.select_columns(["w", "k", "r"]), shown.select_columns(["t", "b", "i", "y", "z"])]
        ),
        shown.rename(w="v").rename(v="w"),
        pickle.loads(pickle.dumps(shown)),
        copy.deepcopy(shown),
    ]
    for view in views:
        assert view.schema == fields
    part = pickle.loads(pickle.dumps(shown.select_columns(["i", "y"])))
    assert part.schema == hr.Schema([fields["i"], fields["y"]])


def test_a_layout_replaces_the_one_before(ds: hr.Dataset) -> None:
    once = ds.with_layout(w=hr.Dense(columns=[1], dtype="float16"), r="padded")
    assert once.with_layout(w="csr").schema["w"] == ds.with_layout(w="csr").schema["w"]
    assert once.with_layout(w=None, r=None).schema == ds.schema
    hot = ds.multi_hot("i", columns=6, pad=-1)
    assert repr(hot.schema["i"]) == "i: float32[6] as dense"
    assert repr(hot.with_layout(i="csr").schema["i"]) == "i: csr float32[6] as csr"
    assert hot.with_layout(i=hr.Dense(columns=[5, 0])).schema["i"].row_shape == (2,)
    assert hot.multi_hot("i", columns=8, dtype="uint8").schema["i"].row_shape == (8,)
    assert hot.with_layout(i=None).schema == ds.schema


def test_casts_before_and_behind_a_layout(ds: hr.Dataset) -> None:
    assert ds.cast(r="float32").with_layout(r="padded").schema["r"].dtype == "float32"
    behind = ds.with_layout(w=hr.Dense(columns=[1])).cast(w="float16").schema["w"]
    assert behind.layout == hr.Dense(columns=[1], dtype="float16")


def test_tuple_rows_have_layouts_by_number() -> None:
    ds = hr.from_arrays(hr.csr([[1], [0]], columns=2), np.arange(2))
    assert ds.with_layout({"0": "dense"}).schema["0"].row_shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"w": "padded"}, "column w: it is csr float64.*padded is for ragged.*use dense"),
        ({"r": "dense"}, "column r: it is ragged int16.*use multi_hot"),
        ({"y": "dense"}, "column y: it is int64.*use multi_hot"),
        ({"y": "jagged"}, "column y: it is int64.*cast changes its dtype"),
        ({"t": "csr"}, "column t: it is text.*for csr"),
        ({"w": hr.Dense(columns=[0, 9])}, "column w: column 9 is selected.*last one is 8"),
        ({"k": hr.Csr(dtype="uint8", log1p=True)}, "column k: total, scale and log1p.*uint8"),
        ({"r": hr.Padded(fill=40_000)}, "column r: fill=40000 is no int16"),
        ({"r": hr.Padded(fill=0.5)}, r"column r: fill=0\.5 is no int16"),
        ({"r": hr.Padded(fill=math.nan)}, "column r: fill=nan is no int16"),
        ({"r": hr.Padded(fill=-math.inf)}, "column r: fill=-inf is no int16"),
        ({"t": hr.Padded(fill=-1)}, "column t: fill=-1 is no uint8"),
        ({"q": "dense"}, "there is no column 'q'"),
        ({"w": "sparse"}, "'w': 'sparse' is no layout"),
        ({}, "with_layout takes layouts by column"),
    ],
    ids=str,
)
def test_a_layout_that_cannot_be_is_refused(
    ds: hr.Dataset, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(hr.InvalidError, match=said):
        ds.with_layout(arguments)


@pytest.mark.parametrize("given", ["dense", hr.Dense(), [("w", "dense")], 3])
def test_a_layout_without_its_column_is_refused(ds: hr.Dataset, given: Any) -> None:
    with pytest.raises(hr.InvalidError, match="with_layout takes layouts by column"):
        ds.with_layout(given)


def test_multi_hot_needs_a_column_of_indices(ds: hr.Dataset) -> None:
    with pytest.raises(hr.InvalidError, match="column t: it is text"):
        ds.multi_hot("t", columns=3)
    with pytest.raises(hr.InvalidError, match="columns must lie between 1"):
        ds.multi_hot("i", columns=0)
    with pytest.raises(hr.InvalidError, match="pad must be an int"):
        ds.multi_hot("i", columns=3, pad=0.5)  # type: ignore[arg-type]


def test_a_stack_stands_where_its_first_member_stood(ds: hr.Dataset) -> None:
    stacked = ds.stack(x=["z", "y"])
    assert list(stacked.schema) == ["w", "k", "r", "t", "b", "i", "x"]
    assert repr(stacked.schema["x"]) == "x: int64[2]"
    assert pickle.loads(pickle.dumps(stacked)).schema == stacked.schema
    assert list(ds.stack(y=["y"], z=["z", "y"][:1]).schema)[-2:] == ["y", "z"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "stack takes lists of columns"),
        ({"x": "ab"}, "a list of columns, not 'ab'"),
        ({"x": []}, "at least one"),
        ({"x": ["y", "y"]}, "each column once"),
        ({"w": ["y", "z"]}, "there is a column 'w' already"),
        ({"x": ["y", "q"]}, "there is no column 'q'"),
    ],
    ids=str,
)
def test_a_stack_that_cannot_be_is_refused(
    ds: hr.Dataset, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(hr.InvalidError, match=said):
        ds.stack(**arguments)


def test_a_stack_takes_columns_of_one_dtype_and_named_ones(ds: hr.Dataset) -> None:
    with pytest.raises(hr.HeadraceError, match=r"(?s)i.*float64"):
        ds.stack(x=["y", "i"])
    with pytest.raises(hr.HeadraceError, match="text"):
        ds.stack(x=["t", "y"])
    with pytest.raises(hr.InvalidError, match="as_dict"):
        hr.from_arrays(np.zeros(2), np.zeros(2)).stack(x=["0", "1"])


def narrow_and_wide() -> list[hr.Dataset]:
    return [
        hr.from_arrays(x=hr.csr([[0], [1]], columns=2), y=np.arange(2)),
        hr.from_arrays(x=hr.csr([[3]], columns=4), y=np.arange(1)),
    ]


@pytest.mark.parametrize("columns", [4, 5, {"x": 4}])
def test_concat_of_different_widths_takes_the_one_that_is_given(columns: Any) -> None:
    ds = hr.concat(narrow_and_wide(), columns=columns)
    width = columns if isinstance(columns, int) else 4
    assert ds.schema["x"].width == width
    assert ds["x"][:].shape == (3, width)
    assert [row.indices.tolist() for row in pickle.loads(pickle.dumps(ds))["x"]] == [[0], [1], [3]]


def test_concat_of_different_widths_is_an_error_that_says_what_to_pass() -> None:
    with pytest.raises(hr.InvalidError, match=r"csr binary\[2\].*csr binary\[4\].*columns=4"):
        hr.concat(narrow_and_wide())
    with pytest.raises(hr.InvalidError, match=r"is csr binary.*3"):
        hr.concat(narrow_and_wide(), columns=3)
    with pytest.raises(hr.InvalidError, match="'y', and y: int64 is no csr"):
        hr.concat(narrow_and_wide(), columns={"y": 4})
    with pytest.raises(hr.InvalidError, match="no column is csr"):
        hr.concat([hr.from_arrays(np.zeros(2))] * 2, columns=4)
    one, other = (hr.from_arrays(x=hr.csr([[0]], columns=width)) for width in (4, 70_000))
    joined = hr.concat([one, other], columns=70_000)
    assert joined.schema["x"].index_dtype == "int32"  # the wider of uint16 and int32


def test_concat_of_different_layouts_is_refused() -> None:
    one, other = narrow_and_wide()
    wide = hr.concat([one], columns=4)
    assert len(hr.concat([wide.with_layout(x="dense"), other.with_layout(x="dense")])) == 3
    with pytest.raises(hr.InvalidError, match=r"as dense.*as csr"):
        hr.concat([wide.with_layout(x="dense"), other.with_layout(x="csr")])


def test_to_arrow_and_a_writer_take_what_is_stored(ds: hr.Dataset, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    shown = ds.with_layout(w="dense", r="padded", k="csr").multi_hot("i", columns=6, pad=-1)
    table = shown.to_arrow().read_all()
    assert table.equals(ds.to_arrow().read_all())
    with hr.Writer(tmp_path / "ds") as writer:
        writer.write(shown.to_arrow())
    again = hr.open(str(tmp_path / "ds"))
    assert again.schema == ds.schema
    assert again[5]["w"].values.tolist() == ds[5]["w"].values.tolist()
