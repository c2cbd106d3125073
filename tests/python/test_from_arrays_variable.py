"""Columns in memory whose rows have any size: csr, ragged, text, bytes."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import _core, column_input
from headrace.arrays import from_rows

scipy_sparse = pytest.importorskip("scipy.sparse")
torch = pytest.importorskip("torch")

ROWS, WIDTH = 40, 25

# torch says so of every first sparse tensor of a process.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR tensor support|invariant checks)")


def matrix(rows: int = ROWS, *, seed: int = 3, dtype: str = "float32") -> Any:
    generator = np.random.default_rng(seed)
    dense = generator.integers(1, 99, (rows, WIDTH)) * (generator.random((rows, WIDTH)) < 0.2)
    dense[5] = 0
    return scipy_sparse.csr_array(dense.astype(dtype))


def stored(ds: hr.Dataset) -> list[dict[str, Any]]:
    return [
        {
            name: value.tolist()
            if isinstance(value, np.ndarray | np.generic)
            else [part.tolist() for part in value]
            if isinstance(value, hr.SparseRow)
            else value
            for name, value in row.items()
        }
        for row in ds
    ]


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "lil", "dok"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_scipy_of_any_layout_is_csr(layout: str, kind: str) -> None:
    given = matrix().asformat(layout)
    if kind == "matrix":
        given = getattr(scipy_sparse, f"{layout}_matrix")(given)
    ds = hr.from_arrays(x=given)
    assert repr(ds.schema) == f"Schema(x: csr float32[{WIDTH}])"
    assert (ds["x"][:].toarray() == matrix().toarray()).all()
    assert ds[5]["x"].indices.size == 0


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_torch_sparse_tensors_are_csr(layout: str) -> None:
    dense = torch.from_numpy(matrix(dtype="float64").toarray()).requires_grad_()
    given = getattr(dense, {"coo": "to_sparse"}.get(layout, f"to_sparse_{layout}"))()
    ds = hr.from_arrays(x=given, y=torch.arange(ROWS))
    assert repr(ds.schema) == f"Schema(x: csr float64[{WIDTH}], y: int64)"
    assert (ds["x"][:].toarray() == matrix().toarray()).all()


def test_bfloat16_values_are_kept_as_they_are() -> None:
    values = torch.tensor([1.5, 2.5, 3.5], dtype=torch.bfloat16)
    given = torch.sparse_csr_tensor(
        torch.tensor([0, 1, 3]), torch.tensor([2, 0, 1]), values, (2, 3)
    )
    ds = hr.from_arrays(x=given)
    assert ds.schema["x"].dtype == "bfloat16"
    assert pickle.loads(pickle.dumps(ds)).schema == ds.schema


def test_rows_in_csr_layout_are_read_where_they_are() -> None:
    given = matrix()
    ds = hr.from_arrays(x=given, r=hr.ragged(given.data, offsets=given.indptr))
    given.data[:] = 7
    assert set(ds["x"][:].data.tolist()) == {7.0}
    assert set(np.concatenate(ds["r"][:]).tolist()) == {7.0}
    assert ds[:3]["x"].nnz == given.indptr[3]


def test_repeats_and_order_are_kept() -> None:
    indptr, indices = np.array([0, 3, 3, 5]), np.array([4, 1, 4, 2, 0])
    given = scipy_sparse.csr_array((np.arange(5.0), indices, indptr), shape=(3, 5))
    ds = hr.from_arrays(x=given)
    assert ds[0]["x"].indices.tolist() == [4, 1, 4]
    assert ds[0]["x"].values.tolist() == [0.0, 1.0, 2.0]
    assert (ds["x"][:].toarray() == given.toarray()).all()
    assert given.indices.tolist() == indices.tolist()


def test_a_writer_stores_the_sum_of_repeats(tmp_path: Path) -> None:
    indptr, indices = np.array([0, 3]), np.array([4, 1, 4])
    given = scipy_sparse.csr_array((np.array([1.0, 2.0, 3.0]), indices, indptr), shape=(1, 5))
    with hr.Writer(tmp_path / "ds") as writer:
        writer.write(x=given, y=hr.csr([[4, 1, 4]], columns=5))
    row = hr.open(str(tmp_path / "ds"))[0]
    assert (row["x"].indices.tolist(), row["x"].values.tolist()) == ([1, 4], [2.0, 4.0])
    assert row["y"].indices.tolist() == [4, 1, 4]


def test_what_is_read_without_scipy_can_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = hr.from_arrays(x=matrix())
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    rows = ds["x"][3:9]
    assert isinstance(rows, hr.SparseRows)
    assert stored(hr.from_arrays(x=rows)) == stored(ds)[3:9]
    with pytest.raises(hr.UnsupportedError, match=r"a SparseRow \(indices, values\)"):
        hr.from_arrays(x=ds["x"][3])


def test_text_bytes_and_ragged() -> None:
    rows = ["to", "", "né"]
    ds = hr.from_arrays(
        t=rows, b=[b"a", b"", b"\xff\x00"], r=hr.ragged([[1, 2], [], [3]]), u=np.array(rows)
    )
    assert repr(ds.schema) == "Schema(t: text, b: bytes, r: ragged int64, u: text)"
    assert ds[2]["t"] == ds[2]["u"] == "né"
    assert ds[::-1]["b"] == [b"\xff\x00", b"", b"a"]
    assert [row.tolist() for row in ds["r"][:]] == [[1, 2], [], [3]]
    assert hr.from_arrays(np.array(rows, object))[0] == ("to",)


@pytest.fixture(name="ds")
def everything() -> hr.Dataset:
    return hr.from_arrays(
        w=matrix(),
        y=np.arange(ROWS),
        t=[f"row {row}" for row in range(ROWS)],
        b=[bytes([row]) * (row % 3) for row in range(ROWS)],
        r=hr.ragged([np.full((row % 4, 2), row, np.int16) for row in range(ROWS)]),
        k=hr.csr([[row % 7, row % 3] for row in range(ROWS)], columns=9),
    )


def test_views_of_columns_in_memory(ds: hr.Dataset) -> None:
    rows = stored(ds)
    assert stored(ds.subset([7, 2, 2])) == [rows[7], rows[2], rows[2]]
    assert stored(ds.subset(slice(30, None, -4))) == rows[30::-4]
    assert stored(hr.concat([ds, ds.subset([3])])) == [*rows, rows[3]]
    left, right = ds.select_columns(["w", "t", "k"]), ds.select_columns(["y", "b", "r"])
    assert stored(hr.zip([left, right]).select_columns(list(ds.schema))) == rows
    for part in ds.split(0.7, seed=2):
        assert stored(part) == [rows[int(y)] for y in part["y"][:]]
    assert ds.locate(3) == ("", 3)


def test_a_pickle_holds_the_rows(ds: hr.Dataset) -> None:
    rows = stored(ds)
    assert stored(pickle.loads(pickle.dumps(ds))) == rows
    assert stored(copy.deepcopy(ds)) == rows
    part = ds.subset([4, 9]).select_columns(["t", "k"])
    again = pickle.loads(pickle.dumps(part))
    assert stored(again) == [{name: rows[row][name] for name in ("t", "k")} for row in (4, 9)]


def test_a_pickle_leaves_out_columns_that_are_not_shown() -> None:
    wide = hr.ragged(np.zeros(10**6), offsets=np.arange(0, 10**6 + 1, 10**5))
    x = hr.csr(indptr=np.arange(11), indices=np.arange(10), values=np.arange(10.0), columns=10)
    ds = hr.from_arrays(r=wide, x=x, y=np.arange(10))
    assert len(pickle.dumps(ds)) > 8 * 10**6
    small = pickle.dumps(hr.concat([ds, ds]).select_columns(["y", "x"]))
    assert len(small) < 10_000
    assert pickle.loads(small)[13]["x"].values.tolist() == [3.0]


def test_columns_that_are_dropped_are_let_go() -> None:
    data = np.ones(4)
    given = hr.csr(indptr=np.arange(5), indices=np.arange(4), values=data, columns=4)
    ds = hr.from_arrays(x=given, y=np.arange(4))
    gone = weakref.ref(data)
    del data, given
    gc.collect()
    assert gone() is not None
    del ds
    gc.collect()
    hr.from_arrays(y=np.arange(2))  # a call of the core releases what was let go elsewhere
    assert gone() is None


def test_chunks_of_any_kind_follow_one_another() -> None:
    parts = [matrix(10, seed=1), matrix(7, seed=2)]
    ds = hr.from_arrays(x=hr.chunks(parts), t=hr.chunks([["a"] * 10, ["b"] * 7]), y=np.arange(17))
    assert (ds["x"][:].toarray() == scipy_sparse.vstack(parts).toarray()).all()
    assert ds["t"][8:12] == ["a", "a", "b", "b"]
    with pytest.raises(hr.InvalidError, match=r"array 0 has csr float32\[25\].*array 1 has csr"):
        hr.from_arrays(x=hr.chunks([matrix(), matrix()[:, :9]]))


def test_arrays_and_shards_give_the_same_rows(ds: hr.Dataset, tmp_path: Path) -> None:
    with hr.Writer(tmp_path / "ds") as writer:
        writer.write(
            w=matrix(),
            y=np.arange(ROWS),
            t=ds["t"][:],
            b=ds["b"][:],
            r=hr.ragged(ds["r"][:]),
            k=hr.csr([row.indices for row in ds["k"]], columns=9),
        )
    again = hr.open(str(tmp_path / "ds"))
    assert again.schema == ds.schema
    assert stored(again) == stored(ds)


def test_what_a_dataset_shows_can_be_given_again(ds: hr.Dataset, tmp_path: Path) -> None:
    equal = hr.from_arrays(r=hr.ragged([[1, 2, 3], [4, 5, 6], [7], []]), y=np.arange(4))
    assert hr.from_arrays(**equal[:2]).schema == equal.schema
    assert stored(hr.from_arrays(**equal[[1, 3]])) == stored(equal.subset([1, 3]))
    with hr.Writer(tmp_path / "chunks") as writer:
        for chunk in equal.chunks(2):
            writer.write(**chunk)
        writer.write(r=[[1, 2], [3, 4]], y=np.arange(2))  # as ragged as those before
    with hr.Writer(tmp_path / "lists") as writer:
        writer.write(r=[[1, 2], [3, 4]])
        with pytest.raises(hr.InvalidError, match=r"int64\[2\].*every batch with hr\.ragged"):
            writer.write(**equal.select_columns(["r"])[2:])
    loaded = hr.from_items([0, 1], lambda k: equal[k : k + 2], rows="many")
    assert loaded.schema == equal.schema
    again = hr.open(tmp_path / "chunks")
    assert again.schema == equal.schema
    assert stored(again)[:4] == stored(equal)
    assert again["r"][4:][1].tolist() == [3, 4]


def test_a_writer_takes_datasets_as_they_are_stored(
    ds: hr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.stored_rows._STEP_BYTES", 1000)
    ds = hr.zip([ds, hr.from_arrays(f=torch.arange(ROWS).to(torch.bfloat16), z=np.ones((ROWS, 2)))])
    shown = ds.with_layout(w="dense", r="padded", t="jagged")
    with hr.Writer(tmp_path / "ds") as writer:
        writer.write(shown.subset(slice(0, 30)))
        writer.write(shown.subset(range(30, ROWS)))
    again = hr.open(tmp_path / "ds")
    assert again.schema == ds.schema
    names = [name for name in ds.schema if name != "f"]
    assert stored(again.select_columns(names)) == stored(ds.select_columns(names))
    assert again.cast(f="float32")["f"][:].tolist() == list(range(ROWS))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (hr.csr(indptr=[0, 1], indices=[3], columns=3), r"row 0: the index 3 lies outside"),
        (hr.csr(indptr=[0, 0, 1], indices=[-1], columns=3), "row 1: the index -1 lies outside"),
        (hr.csr(indptr=[0, 2, 1, 2], indices=[0, 1], columns=3), "row 1: the row ends at offset 1"),
        (hr.csr(indptr=[0, 3, 2], indices=[0, 1], columns=3), "row 0: the offset 3 lies outside"),
        (hr.ragged(np.arange(3), offsets=[0, 4]), "row 0: the offset 4 lies outside"),
        (["a", "\udc80"], "row 1.*not Unicode"),
        (["a", None], "1 None in 2 rows"),
        (["a", b"b"], "row 1 of the batch is a bytes"),
        ([b"a", 3], "row 1 of the batch is a int"),
        (scipy_sparse.coo_array(np.ones(3)), "sparse with 1 dimensions"),
        (torch.eye(3).unsqueeze(0).to_sparse(), "3 dimensions"),
        (scipy_sparse.csr_array((3, 0)), "without columns"),
    ],
)
def test_rows_that_cannot_be_are_refused(given: object, said: str) -> None:
    with pytest.raises(hr.InvalidError, match=f"column '?x'?.*{said}") as error:
        hr.from_arrays(x=given)
    assert error.value.column == "x"


def test_damage_is_found_when_the_column_is_given() -> None:
    given = matrix()
    given.indices[7] = WIDTH
    row = int(np.searchsorted(given.indptr, 7, side="right")) - 1
    with pytest.raises(hr.InvalidError, match=f"row {row}: the index {WIDTH} lies") as error:
        hr.from_arrays(x=given)
    assert (error.value.column, error.value.row) == ("x", row)


def test_rows_of_the_core_are_looked_at_when_they_come_from_elsewhere() -> None:
    given = column_input.read_column("x", matrix())
    assert given.indices is not None
    given.indices[7] = WIDTH
    ds = from_rows({"x": [replace(given, checked=True)]}, as_tuple=False)
    again = pickle.dumps(ds)
    with pytest.raises(hr.InvalidError, match=f"the index {WIDTH} lies"):
        pickle.loads(again)
    with pytest.raises(hr.InvalidError, match=f"the index {WIDTH} lies"):
        from_rows({"x": [given]}, as_tuple=False)


def test_all_rows_empty() -> None:
    ds = hr.from_arrays(
        x=scipy_sparse.csr_array((3, 4)), k=hr.csr([[], [], []], columns=4), t=["", "", ""]
    )
    assert ds["x"][:].toarray().tolist() == [[0.0] * 4] * 3
    assert ds["k"][:].nnz == 0
    assert ds["t"][:] == ["", "", ""]


def test_the_core_takes_rows_of_one_size_as_arrays_only() -> None:
    field = ("x", "float32", (3,), "tensor", "int32", 0, False)
    rows = (field, 2, np.zeros((2, 3), np.float32), None, None)
    with pytest.raises(hr.InvalidError, match="column x: rows of one size are given as an array"):
        _core.Dataset.from_arrays(["x"], [rows])
