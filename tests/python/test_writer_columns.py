"""What a user gives a writer as columns, and what of it is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from written import read_table

import headrace as hr
from headrace import _core
from headrace.schema import Schema


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "corpus"


def test_strided_arrays_and_tensors_are_written_as_they_look(path: Path) -> None:
    x = np.arange(2400, dtype=np.int16).reshape(40, 60)
    with hr.Writer(path) as writer:
        writer.write(a=x[::2, ::3], b=x.T[:20], c=torch.arange(60).reshape(3, 20).T, d=x[::-2, 0])
    table = read_table(path)
    np.testing.assert_array_equal(np.stack(table["a"].to_numpy()), x[::2, ::3])
    np.testing.assert_array_equal(np.stack(table["b"].to_numpy()), x.T[:20])
    np.testing.assert_array_equal(np.stack(table["c"].to_numpy()), np.arange(60).reshape(3, 20).T)
    assert table["d"].to_pylist() == x[::-2, 0].tolist()


@pytest.mark.parametrize("commits", [False, True])
def test_a_sparse_column_is_as_wide_as_its_first_batch(commits: bool, path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with hr.Writer(path) as writer:
        writer.write(w=sparse.csr_matrix(np.eye(3, 9)))
        if commits:
            writer.commit()
        with pytest.raises(
            hr.InvalidError, match=r"'w' is 9 wide.*row 11 .*index 11;.*'width': 12"
        ):
            writer.write(w=sparse.csr_matrix(np.eye(12, 12)))
        writer.write(w=sparse.coo_matrix(np.eye(3, 4)))
        writer.write(w=sparse.csr_array(np.eye(3, 12)))  # whose last columns are empty
        assert repr(writer.schema) == "Schema(w: csr float64[9])"
    assert (
        Schema(map(hr.Field.from_core, _core.Directory(str(path)).read()["schema"]))["w"].width == 9
    )
    rows = read_table(path)["w"].to_pylist()
    assert [row[0]["indices"] for row in rows] == [0, 1, 2] * 3


def test_sparse_input_keeps_its_sums_and_its_index_type(path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    twice = sparse.csr_matrix(([1.0, 2.0, 4.0], [3, 1, 3], [0, 3]), shape=(1, 5))
    wide = sparse.csr_matrix(np.eye(1, 5))
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    with hr.Writer(path, columns={"w": {"width": 30000, "index_dtype": "int32"}}) as writer:
        writer.write(w=twice)
        writer.write(w=wide)
        assert repr(writer.schema) == "Schema(w: csr float64[30000])"
    assert not twice.has_canonical_format  # the caller's was not touched
    rows = read_table(path)["w"].to_pylist()
    assert rows[0] == [{"indices": 1, "values": 2.0}, {"indices": 3, "values": 5.0}]
    assert rows[1] == [{"indices": 0, "values": 1.0}]


def test_binary_sparse_columns_keep_no_values(path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with hr.Writer(path, columns={"w": {"binary": True}}) as writer:
        writer.write(w=sparse.csr_matrix(np.eye(3, 5, dtype=np.int8)))
        with pytest.raises(hr.InvalidError, match=r"'w' is binary.*other than 1"):
            writer.write(w=sparse.csr_matrix(2 * np.eye(3, 5)))
    assert read_table(path)["w"].to_pylist() == [[0], [1], [2]]
    with hr.Writer(path.parent / "copy") as copy:
        copy.write(read_table(path))
        assert repr(copy.schema) == "Schema(w: csr binary[5])"


def test_lists_have_the_dtype_of_their_column(path: Path) -> None:
    with hr.Writer(path, columns={"x": {"dtype": "float32"}, "i": {"dtype": np.uint8}}) as writer:
        writer.write(x=[1, 2], i=[1, 255])
        writer.write(x=[0.5, 2], i=[1, 2])
        with pytest.raises(hr.InvalidError, match=r"'i' is uint8.*int64"):
            writer.write(x=[0.5], i=[256])
        with pytest.raises(hr.InvalidError, match=r"'i' is uint8.*float64"):
            writer.write(x=[0.5], i=[1.5])
    assert read_table(path)["x"].to_pylist() == [1, 2, 0.5, 2]


@pytest.mark.parametrize(
    ("dtype", "numbers"), [("f4", [0.1, 1e300]), ("f2", [70_000]), ("f4", [2**24 + 1])]
)
def test_numbers_that_a_column_of_floats_does_not_hold_are_refused(
    dtype: str, numbers: list[float], path: Path
) -> None:
    with hr.Writer(path) as writer:
        writer.write(x=np.ones(1, dtype))
        with pytest.raises(hr.InvalidError, match="'x' is float"):
            writer.write(x=numbers)
        writer.write(x=[0.1, float("inf"), float("nan")])
        writer.write(x=[2])
    assert str(hr.open(path)["x"][:]) == "[1.  0.1 inf nan 2. ]"


def test_ragged_columns_are_marked(path: Path) -> None:
    with hr.Writer(path, columns={"q": {"kind": "ragged"}}) as writer:
        writer.write(
            r=hr.ragged([np.ones((2, 3)), np.zeros((0, 3)), np.full((1, 3), 7.0)]),
            s=hr.ragged(np.arange(6), offsets=np.array([1, 1, 4, 5], np.int32)),
            q=[[1], [2, 3], []],
        )
        with pytest.raises(hr.InvalidError, match=r"column s, row 1 of the batch: .*offset 9"):
            writer.write(
                r=hr.ragged([np.ones((2, 3))] * 2),
                s=hr.ragged(np.arange(6), offsets=[0, 1, 9]),
                q=[[1], [2]],
            )
        with pytest.raises(hr.InvalidError, match=r"different shapes.*hr\.ragged\(rows\)"):
            hr.Writer(path.parent / "other").write(x=[np.ones(2), np.ones(3)])
    table = read_table(path)
    assert [len(row) for row in table["r"].to_pylist()] == [2, 0, 1]
    assert table["s"].to_pylist() == [[], [1, 2, 3], [4]]
    assert table["q"].to_pylist() == [[1], [2, 3], []]


def test_text_that_is_no_unicode_is_refused_and_bytes_are_not(path: Path) -> None:
    with hr.Writer(path) as writer:
        with pytest.raises(hr.InvalidError, match=r"'t', row 1 .*surrogateescape"):
            writer.write(t=["fine", os.fsdecode(b"\xff")])
        hostile = pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
        )
        with pytest.raises(hr.InvalidError, match=r"column t, row 0 .*UTF-8"):
            writer.write(t=hostile)
        writer.write(t=np.array(["grün", "", "日本"]))
        writer.write(t=np.array(["object"], dtype=object))
    assert read_table(path)["t"].to_pylist() == ["grün", "", "日本", "object"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, None, 3], r"'x' has 1 null value in 3 rows.*fill="),
        (pa.array([None, None, 1]), r"'x' has 2 null values in 3 rows.*x_valid"),
        (pa.array([[1, None], [2], []]), r"'x' has 1 null elements within"),
        (pa.array([[1, None]] * 3, pa.list_(pa.int8(), 2)), r"'x' has 3 null values within"),
        (pa.nulls(3), r"'x' has 3 null values"),
        (pa.array([1, 2, 3], pa.timestamp("ns")), r"timestamp.*pyarrow\.int64"),
        (pa.array([1, 2, 3], pa.date32()), r"date32.*pyarrow\.int32"),
        (pa.array([1, 2, 3], pa.decimal128(9, 2)), r"decimal.*float64"),
        (pa.array([{"a": 1}] * 3), r"struct.*flatten"),
        (pa.array([[(1, 2)]] * 3, pa.map_(pa.int8(), pa.int8())), r"map.*two columns"),
        (pa.array([["a"]] * 3), r"lists of .*string"),
        (pa.array([[{"a": 1}]] * 3), r"structures with the fields a"),
        (np.array(["2020-01-01"] * 3, "datetime64[D]"), r"datetime64.*int64"),
        (np.ma.masked_array([1, 2, 3], [0, 1, 0]), r"masked.*filled"),
        (torch.ones(3).to_sparse(), r"1 dimensions.*rows and width"),
        ({"a": 1}, r"dict"),
        (7, r"single number"),
        (hr.chunks([np.ones(3)]), r"hr\.chunks; write each"),
    ],
)
def test_what_no_column_can_hold_is_refused_with_advice(
    path: Path, value: object, message: str
) -> None:
    with hr.Writer(path) as writer:
        with pytest.raises((hr.InvalidError, hr.UnsupportedError), match=message) as caught:
            writer.write(x=value, y=[1, 2, 3])
        assert caught.value.column == "x"
        assert writer.rows == 0


def test_fill_stands_in_for_nulls_and_says_where(path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int32()),
            "t": ["a", None, "c"],
            "v": pa.array([[1.0, 2.0], None, [5.0, 6.0]], pa.list_(pa.float32(), 2)),
            "r": pa.array([[1], None, [2, 3]]),
            "whole": [1, 2, 3],
        }
    )
    fill = {"n": -1, "t": "", "v": 0.5, "r": []}
    with hr.Writer(path, fill=fill) as writer:
        writer.write(table)
        writer.write(table.slice(2))  # without nulls
        assert writer.schema is not None
        assert list(writer.schema)[5:] == ["n_valid", "t_valid", "v_valid", "r_valid"]
    found = read_table(path).to_pydict()
    assert found["n"] == [1, -1, 3, 3]
    assert found["t"] == ["a", "", "c", "c"]
    assert found["v"] == [[1, 2], [0.5, 0.5], [5, 6], [5, 6]]
    assert found["r"] == [[1], [], [2, 3], [2, 3]]
    assert found["n_valid"] == found["r_valid"] == [1, 0, 1, 1]
    with hr.Writer(path, fill=fill) as writer:  # adds to what it filled
        writer.write(table)
    assert len(read_table(path)) == 7


def test_a_fill_may_be_a_whole_row(path: Path) -> None:
    rows = pa.array([[1, 2], None], pa.list_(pa.int64(), 2))
    with hr.Writer(path, fill={"x": [3, 4]}) as writer:
        writer.write(x=rows)
    assert hr.open(path)["x"][:].tolist() == [[1, 2], [3, 4]]
    with (
        hr.Writer(path.parent / "other", fill={"x": [3, 4.5]}) as writer,
        pytest.raises(hr.InvalidError, match="cannot stand in for nulls"),
    ):
        writer.write(x=rows)


def test_a_fill_that_does_not_fit_is_refused(path: Path) -> None:
    numbers, late = pa.array([1, None], pa.uint8()), pa.array([1, 2], pa.uint8())
    for fill in (-1, 0.5, 256, "a", float("nan")):
        with (
            hr.Writer(path, fill=fill) as writer,
            pytest.raises(hr.InvalidError, match=r"cannot stand in for nulls of column 'x'"),
        ):
            writer.write(x=numbers)
    with (
        hr.Writer(path, fill={"z": 0}) as writer,
        pytest.raises(hr.InvalidError, match="fill names 'z', and the columns are 'x'"),
    ):
        writer.write(x=late)
    with hr.Writer(path, fill=0) as writer:
        writer.write(x=late)
        with pytest.raises(hr.InvalidError, match=r"'x' has nulls in this batch.*fill=\{'x'"):
            writer.write(x=numbers)


def test_tables_of_all_libraries_are_taken(path: Path) -> None:
    pl, pd = pytest.importorskip("polars"), pytest.importorskip("pandas")
    columns = {"n": [1, 2], "t": ["a", "b"]}
    stream = pa.table(columns).to_reader()
    with hr.Writer(path) as writer:
        for table in (columns, pa.table(columns), pl.DataFrame(columns), pd.DataFrame(columns),
                      pa.record_batch(columns), stream):  # fmt: skip
            writer.write(table)
        writer.write(n=pl.Series([9]), t=pd.Series(["z"]))
        writer.write(n=pa.chunked_array([[9], [9]]), t=pl.Series(["z", "z"], dtype=pl.Categorical))
        with pytest.raises(hr.InvalidError, match="two columns named 'n'"):
            writer.write(pa.table([[1], [2]], names=["n", "n"]))
        with pytest.raises(hr.InvalidError, match="not as a list"):
            writer.write([{"n": 1}])
    assert read_table(path)["n"].to_pylist() == [1, 2] * 6 + [9] * 3
    assert read_table(path)["t"].to_pylist() == ["a", "b"] * 6 + ["z"] * 3


def test_duckdb_results_are_taken(path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with hr.Writer(path) as writer:
        writer.write(duckdb.sql("select range as n, range::varchar as t from range(5000)"))
    table = read_table(path)
    assert table["n"].to_pylist() == list(range(5000))
    assert table["t"].to_pylist() == [str(n) for n in range(5000)]


def test_what_was_written_can_be_written_again(path: Path) -> None:
    """Our own field metadata comes back: bool, bfloat16, csr."""
    sparse = pytest.importorskip("scipy.sparse")
    with hr.Writer(path) as writer:
        writer.write(
            m=np.array([True, False]),
            h=torch.ones(2, 3, dtype=torch.bfloat16),
            w=sparse.csr_matrix(np.eye(2, 900, dtype=np.float32)),
        )
    with hr.Writer(path.parent / "copy") as copy:
        copy.write(read_table(path))
    assert copy.schema == writer.schema
    assert read_table(path.parent / "copy").equals(read_table(path))


def test_columns_that_the_first_batch_lacks_are_refused(path: Path) -> None:
    with (
        hr.Writer(path, columns={"w": {"width": 10}}) as writer,
        pytest.raises(hr.InvalidError, match="'w', which the first batch does not have"),
    ):
        writer.write(x=[1])
