"""Columns whose rows have any size: text, bytes, ragged, csr."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

pa = pytest.importorskip("pyarrow")

ROWS = 30


def text(row: int) -> str:
    return "é" * (row % 4)


def csr_type(index: Any, value: Any) -> Any:
    return pa.large_list(pa.struct([("indices", index), ("values", value)]))


def table(rows: int = ROWS) -> Any:
    numbers = range(rows)
    entries = [[{"indices": k, "values": row + k / 2} for k in range(row % 3)] for row in numbers]
    field = pa.field(
        "w",
        csr_type(pa.int32(), pa.float32()),
        metadata={"headrace.columns": "7"},
    )
    columns = {
        "x": pa.array(np.arange(rows, dtype=np.float32)),
        "t": pa.array([text(row) for row in numbers]),
        "b": pa.array([bytes([row]) * (row % 3) for row in numbers], pa.large_binary()),
        "r": pa.array([list(range(row % 5)) for row in numbers], pa.list_(pa.int16())),
        "w": pa.array(entries, field.type),
        "o": pa.array([row % 3 == 0 for row in numbers]),
    }
    schema = pa.schema(
        [field if name == "w" else pa.field(name, c.type) for name, c in columns.items()]
    )
    return pa.table(list(columns.values()), schema=schema)


def write(path: Path, rows: int = ROWS, *, batch_rows: int = 8) -> str:
    """Writes the table in uneven record batches."""
    whole = table(rows)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
        writer.write_table(whole.slice(0, 3))
        writer.write_table(whole.slice(3), max_chunksize=batch_rows)
    return str(path)


@pytest.fixture(params=["auto", "pread"])
def ds(request: pytest.FixtureRequest, tmp_path: Path) -> hr.Dataset:
    return hr.open(write(tmp_path / "a.arrow"), io=request.param)


def expect_row(found: dict[str, Any], row: int) -> None:
    assert found["x"] == row
    assert found["t"] == text(row)
    assert found["b"] == bytes([row]) * (row % 3)
    assert found["r"].dtype == np.int16
    assert found["r"].tolist() == list(range(row % 5))
    assert isinstance(found["w"], hr.SparseRow)
    assert found["w"].indices.tolist() == list(range(row % 3))
    assert found["w"].values.tolist() == [row + k / 2 for k in range(row % 3)]
    assert found["o"] == (row % 3 == 0)


def test_a_row_has_a_value_of_each_kind(ds: hr.Dataset) -> None:
    assert repr(ds.schema) == (
        "Schema(x: float32, t: text, b: bytes, r: ragged int16, w: csr float32[7], o: bool)"
    )
    for row in range(-ROWS, ROWS):
        expect_row(ds[row], row % ROWS)
    for row, found in enumerate(ds):
        expect_row(found, row)
    for row, found in zip([29, 0, 0, 7], ds.__getitems__([29, 0, 0, 7]), strict=True):
        expect_row(found, row)


@pytest.mark.parametrize("key", [slice(2, 9), slice(None, None, -3), slice(5, 5), [29, 0, 0, 7]])
def test_several_rows_are_lists_and_sparse_arrays(ds: hr.Dataset, key: Any) -> None:
    rows = list(range(ROWS))[key] if isinstance(key, slice) else key
    batch = ds[key]
    assert batch["t"] == [text(row) for row in rows]
    assert batch["b"] == [bytes([row]) * (row % 3) for row in rows]
    assert [part.tolist() for part in batch["r"]] == [list(range(row % 5)) for row in rows]
    assert batch["w"].shape == (len(rows), 7)
    dense = batch["w"].toarray()
    for place, row in enumerate(rows):
        assert dense[place].tolist() == [row + k / 2 if k < row % 3 else 0.0 for k in range(7)]
    assert batch["o"].tolist() == [row % 3 == 0 for row in rows]


def test_without_scipy_csr_is_the_same_arrays(
    ds: hr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ds["w"][:]
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    found = ds["w"][:]
    assert isinstance(found, hr.SparseRows)
    assert found.shape == whole.shape
    for part in ("data", "indices", "indptr"):
        assert getattr(found, part).tolist() == getattr(whole, part).tolist()


def test_columns_are_arrays_of_objects(ds: hr.Dataset) -> None:
    column = ds["t"]
    assert (len(column), column.shape, column.ndim) == (ROWS, (ROWS,), 1)
    assert column.dtype == np.dtype(object)
    assert repr(column) == "headrace.Column(t: text, rows=30)"
    assert column[-1] == text(29)
    assert column[1:4] == [text(1), text(2), text(3)]
    assert column[column == "é"] == ["é"] * len(range(1, ROWS, 4))
    assert len(ds.subset(column == "éé")) == len(range(2, ROWS, 4))
    assert np.asarray(column).tolist() == [text(row) for row in range(ROWS)]
    assert list(ds["b"])[:3] == [b"", b"\x01", b"\x02\x02"]
    assert ds["w"].shape == (ROWS, 7)
    assert ds["w"].dtype == np.float32
    for key in ((0, 1), [[0, 1], [2, 3]], "x"):
        with pytest.raises(hr.InvalidError, match="column 't' \\(text\\)"):
            column[key]
    with pytest.raises(hr.UnsupportedError, match=r"toarray"):
        np.asarray(ds["w"])


def test_views_keep_the_kinds(ds: hr.Dataset, tmp_path: Path) -> None:
    expect_row(ds.subset([5, 3])[1], 3)
    expect_row(ds.subset(slice(20, None, -2))[3], 14)
    expect_row(hr.concat([ds, ds])[ROWS + 4], 4)
    left, right = ds.select_columns(["t", "w"]), ds.select_columns(["x", "b", "r", "o"])
    expect_row(hr.zip([left, right])[6], 6)
    assert ds.rename(t="u").select_columns(["u"])[7] == {"u": text(7)}
    for part in ds.split([0.5, 0.5], seed=3):
        for found in part:
            expect_row(found, int(found["x"]))
    assert [len(batch["t"]) for batch in ds.chunks(8)] == [8, 8, 8, 6]
    assert len(list(ds.chunks())) == 1
    assert ds.head(2)["t"] == ["", "é"]
    assert len(ds.select_columns(["w", "t"]).filter(lambda b: np.array(b["t"]) == "é")) == 8
    (tmp_path / "many").mkdir()  # the folder's name is part of what decides the split
    more = hr.open([write(tmp_path / "many" / f"{k}.arrow") for k in range(8)])
    parts = more.split([0.5, 0.5], by="file", seed=2)
    assert sum(map(len, parts)) == 8 * ROWS
    assert all(len(part) % ROWS == 0 for part in parts)
    assert more.locate(ROWS + 13) == (str(tmp_path / "many" / "1.arrow"), 13)


def test_pickles_and_copies_open_the_files_again(ds: hr.Dataset, tmp_path: Path) -> None:
    for same in (pickle.loads(pickle.dumps(ds.subset([4, 2]))), copy.deepcopy(ds.subset([4, 2]))):
        expect_row(same[0], 4)
        assert pickle.loads(pickle.dumps(same["t"]))[:] == [text(4), text(2)]
    pickled = pickle.dumps(ds)
    write(tmp_path / "a.arrow", 29)
    with pytest.raises((hr.TruncatedError, hr.InvalidError), match=r"a\.arrow"):
        pickle.loads(pickled)


def test_what_needs_tensors_names_the_columns(ds: hr.Dataset) -> None:
    with pytest.raises(hr.UnsupportedError, match=r"r \(ragged int16\)"):
        hr.windows(ds, length=2)
    with pytest.raises(hr.UnsupportedError, match="column t is text"):
        ds.cast("float32")
    batches = list(hr.Loader(ds.select_columns(["x", "o"]), batch_size=7, output="numpy"))
    assert np.concatenate([b["x"] for b in batches]).tolist() == list(range(ROWS))
    assert np.concatenate([b["o"] for b in batches]).tolist() == [r % 3 == 0 for r in range(ROWS)]


def test_text_that_is_not_utf8_names_the_row(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.utf8(), 3, pa.array([b"a", b"\xff", b"c"]).buffers())
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file:
        batch = pa.record_batch([broken], ["t"])
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
    ds = hr.open(str(tmp_path / "a.arrow"))
    assert ds["t"][::2] == ["a", "c"]
    for column, key in ((ds, 1), (ds, slice(None)), (ds["t"], [2, 1])):
        with pytest.raises(hr.CorruptError, match="column 't': row 1 is no UTF-8") as caught:
            column[key]
        assert (caught.value.column, caught.value.row) == ("t", 1)


def test_an_index_beyond_the_width_names_the_row(tmp_path: Path) -> None:
    whole = table()
    narrow = whole.schema.field("w").with_metadata({"headrace.columns": "1"})
    schema = pa.schema([narrow])
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file, pa.ipc.new_file(file, schema) as out:
        out.write_table(whole.select(["w"]).cast(schema))
    ds = hr.open(str(tmp_path / "a.arrow"))
    assert ds[1]["w"].indices.tolist() == [0]
    with pytest.raises(hr.CorruptError, match="column 'w': row 5 has the index 1") as caught:
        ds["w"][3:9]
    assert (caught.value.row, caught.value.file) == (5, str(tmp_path / "a.arrow"))


def test_a_sparse_row_can_be_made_dense() -> None:
    rows, values = [[3, 0, 3], []], [[0.5, 2.0, 1.0], []]
    ds = hr.from_arrays(x=hr.csr(rows, columns=5, values=values), b=hr.csr(rows, columns=5))
    for name, dense in (("x", [2.0, 0.0, 0.0, 1.5, 0.0]), ("b", [1, 0, 0, 2, 0])):
        row = pickle.loads(pickle.dumps(ds[0][name]))
        assert isinstance(row, hr.SparseRow)
        assert (row.shape, row.toarray().tolist()) == ((5,), dense)
        indices, found = row
        assert row.toarray().dtype == found.dtype
        assert ds[1][name].toarray().tolist() == [0] * 5
        assert len(indices) == len(found) == 3
