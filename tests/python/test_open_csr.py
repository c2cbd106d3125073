"""hr.open of folders with indptr.npy, indices.npy and values.npy."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

scipy_sparse = pytest.importorskip("scipy.sparse")

ROWS, WIDTH = 30, 40


def matrix(rows: int = ROWS, *, seed: int = 0) -> Any:
    return scipy_sparse.random_array((rows, WIDTH), density=0.2, format="csr", rng=seed)


def save(folder: Path, given: Any, *, values: str = "values.npy") -> str:
    folder.mkdir()
    np.save(folder / "indptr.npy", given.indptr)
    np.save(folder / "indices.npy", given.indices)
    if values:
        np.save(folder / values, given.data)
    return str(folder)


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("values", ["values.npy", "data.npy"])
def test_a_folder_is_a_column(tmp_path: Path, io: Any, values: str) -> None:
    ds = hr.open(save(tmp_path / "x", matrix(), values=values), columns=WIDTH, io=io)
    assert repr(ds.schema) == "Schema(0: csr float64[40])"
    assert (ds[:][0].toarray() == matrix().toarray()).all()
    assert (ds[[7, 7, 2]][0].toarray() == matrix().toarray()[[7, 7, 2]]).all()
    assert ds.locate(3) == (str(tmp_path / "x" / "indptr.npy"), 3)
    assert ds._core.fingerprint() == hr.from_arrays(matrix())._core.fingerprint()


def test_without_values_it_is_binary(tmp_path: Path) -> None:
    ds = hr.open(save(tmp_path / "x", matrix(), values=""), columns=WIDTH)
    assert ds.schema["0"].binary
    assert (ds[:][0].toarray() == (matrix().toarray() != 0)).all()


def test_folders_follow_one_another_beside_other_columns(tmp_path: Path) -> None:
    parts = [save(tmp_path / name, matrix(10, seed=k)) for k, name in enumerate("ba")]
    whole = scipy_sparse.vstack([matrix(10, seed=0), matrix(10, seed=1)]).toarray()
    np.save(tmp_path / "y.npy", np.arange(20))
    ds = hr.open({"y": str(tmp_path / "y.npy"), "x": parts}, columns=WIDTH)
    assert list(ds.schema) == ["y", "x"]
    assert ds[12]["y"] == 12
    assert (ds[:]["x"].toarray() == whole).all()
    again = pickle.loads(pickle.dumps(ds.subset(slice(5, 15))))
    assert (again["x"][:].toarray() == whole[5:15]).all()
    by_glob = hr.open(str(tmp_path / "[ab]"), columns={"0": WIDTH})
    assert (by_glob[:][0].toarray() == np.concatenate([whole[10:], whole[:10]])).all()
    pair = hr.open((parts, str(tmp_path / "y.npy")), columns=WIDTH)
    assert pair[3][1] == 3


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "x", matrix())
    np.save(tmp_path / "y.npy", np.arange(ROWS))
    np.save(tmp_path / "short.npy", np.arange(3))
    beside = str(tmp_path / "y.npy")
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (folder, {}, "pass columns=, the width"),
        (folder, {"columns": 0}, "columns must lie between 1"),
        (folder, {"columns": {"x": WIDTH}}, "names 'x'; the columns of csr are '0'"),
        (folder, {"columns": WIDTH, "version": 1}, "only the directory of a dataset has versions"),
        (folder, {"columns": WIDTH, "verify": True}, "hashes of shards"),
        (beside, {"columns": WIDTH}, "drop it"),
        ([folder, beside], {"columns": WIDTH}, "give the files of one column alike"),
        ({"x": str(tmp_path / "?"), "y": beside}, {"columns": WIDTH}, "give them as a list"),
        ({"x": folder, "y": str(tmp_path / "short.npy")}, {"columns": WIDTH}, "(?i)rows"),
    ]
    for given, options, said in cases:
        with pytest.raises(hr.InvalidError, match=said):
            hr.open(given, **options)
    np.save(tmp_path / "x" / "data.npy", matrix().data)
    with pytest.raises(hr.InvalidError, match=r"values\.npy and data\.npy"):
        hr.open(folder, columns=WIDTH)


def test_damage_is_told_when_the_folder_is_opened(tmp_path: Path) -> None:
    given = matrix()
    given.indptr[5] = given.indptr[4] - 1
    with pytest.raises(hr.InvalidError, match=r"indptr\.npy decreases.* at 5") as error:
        hr.open(save(tmp_path / "x", given), columns=WIDTH)
    assert (error.value.row, error.value.column) == (4, "0")
    (tmp_path / "x" / "indices.npy").unlink()
    with pytest.raises(hr.NotFoundError, match=r"indices\.npy"):
        hr.open(str(tmp_path / "x"), columns=WIDTH)


def test_an_index_beyond_the_width_is_an_error_of_its_row_and_file(tmp_path: Path) -> None:
    folder = save(tmp_path / "x", matrix())
    ds = hr.open(folder, columns=WIDTH - 1)
    row = int(np.flatnonzero(matrix().toarray()[:, WIDTH - 1])[0])
    looks: list[Any] = [
        lambda: ds[:],
        lambda: ds[row],
        lambda: ds["0"][:],
        lambda: ds["0"][row],
        lambda: ds.with_layout({"0": "dense"})[:],
        lambda: list(hr.Loader(ds.with_layout({"0": "csr"}), batch_size=4, output="numpy")),
    ]
    for look in looks:
        with pytest.raises(hr.CorruptError, match=f"row {row} ") as error:
            look()
        assert error.value.row == row
        assert error.value.file == f"{folder}/indices.npy"
        assert str(error.value).startswith(f"{folder}/indices.npy: ")
        assert "headrace verify" not in str(error.value), "it knows no such folders"
