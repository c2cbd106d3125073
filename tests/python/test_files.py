from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, values: Any, dtype: str = "float64") -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(values, dtype)
    if path.endswith(".npy"):
        np.save(path, array)
    else:
        array.tofile(path)
    return path


def test_one_glob_is_one_column_with_tuple_rows() -> None:
    write("b.bin", [4, 5, 6])
    write("a.bin", [0, 1, 2, 3])
    ds = hr.memmap("*.bin", dtype="float64")
    assert len(ds) == 7
    assert ds["0"][:].tolist() == [0, 1, 2, 3, 4, 5, 6]  # globs are sorted
    assert ds[4] == (4.0,)


def test_a_list_of_paths_is_one_column_in_the_order_of_the_list() -> None:
    paths: list[str | Path] = [Path(write("b.bin", [4, 5])), write("a.bin", [0, 1])]
    assert hr.memmap(paths, dtype="float64")["0"][:].tolist() == [4, 5, 0, 1]


def test_a_single_path_is_a_file() -> None:
    write("x[1].bin", [1, 2])
    write("x1.bin", [3, 4])
    assert hr.memmap("x1.bin", dtype="float64")["0"][:].tolist() == [3, 4]
    assert hr.memmap("x[1].bin", dtype="float64")["0"][:].tolist() == [1, 2]


def test_globs_are_recursive() -> None:
    write("d/one/a.bin", [1])
    write("d/b.bin", [2])
    assert hr.memmap("d/**/*.bin", dtype="float64")["0"][:].tolist() == [2, 1]


def test_a_dict_is_named_columns_with_dict_rows() -> None:
    write("x/a.bin", np.arange(6))
    write("y/a.bin", [1, 2, 3])
    ds = hr.memmap({"x": "x/*.bin", "y": "y/*.bin"}, dtype="float64", row_shape={"x": 2})
    assert repr(ds.schema) == "Schema(x: float64[2], y: float64)"
    assert ds[1]["x"].tolist() == [2, 3]
    assert ds[1]["y"] == 2


def test_a_tuple_is_several_columns_with_tuple_rows() -> None:
    x, y = write("x.bin", np.arange(6), "float32"), write("y.bin", [7, 8, 9], "int16")
    ds = hr.memmap(([x], [y]), dtype=("float32", "int16"), row_shape=((2,), ()))
    assert ds[2][0].tolist() == [4, 5]
    assert ds[2][1] == 9


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), torch.float32])
def test_dtypes_are_given_in_any_way(dtype: object) -> None:
    write("a.bin", [1, 2], "float32")
    assert hr.memmap("a.bin", dtype=dtype).schema["0"].dtype == "float32"


@pytest.mark.parametrize(
    ("row_shape", "expected"),
    [((), (12,)), (3, (4, 3)), ((3,), (4, 3)), ((2, 3), (2, 2, 3)), ([2, 3], (2, 2, 3))],
)
def test_row_shape_is_the_shape_of_one_row(row_shape: object, expected: tuple[int, ...]) -> None:
    write("a.bin", np.arange(12))
    assert hr.memmap("a.bin", dtype="float64", row_shape=row_shape)["0"].shape == expected


def test_a_tuple_of_ints_is_one_shape_for_all_columns() -> None:
    files = (write("a.bin", np.arange(6)), write("b.bin", np.arange(6)))
    ds = hr.memmap(files, dtype="float64", row_shape=(3, 2))
    assert [field.row_shape for field in ds.schema.values()] == [(3, 2), (3, 2)]


def test_bfloat16_files_reach_torch() -> None:
    values = torch.tensor([1.0, -2.5, 3.0], dtype=torch.bfloat16)
    values.view(torch.int16).numpy().tofile("a.bin")
    ds = hr.memmap("a.bin", dtype="bfloat16")
    with hr.Loader(ds, batch_size=3) as loader:
        (batch,) = loader
        assert torch.equal(batch[0], values)
    assert ds.cast("float32")["0"][:].tolist() == [1.0, -2.5, 3.0]
    with pytest.raises(hr.UnsupportedError, match="cast"):
        ds[0]
    with pytest.raises(hr.UnsupportedError, match="cast"):
        ds["0"][0]


def test_npy_files_know_their_dtype_and_shape() -> None:
    write("x/a.npy", np.arange(6).reshape(3, 2), "int16")
    write("x/b.npy", np.arange(6, 8).reshape(1, 2), "int16")
    ds = hr.open("x/*.npy")
    assert (len(ds), ds.schema["0"].dtype, ds["0"].shape) == (4, "int16", (4, 2))
    assert ds["0"][2:, 1].tolist() == [5, 7]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_headers_of_every_version_are_read(version: tuple[int, int]) -> None:
    with Path("a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(5), version=version)
    assert hr.open("a.npy")["0"][:].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.asfortranarray(np.zeros((3, 2))), "(?i)fortran"),
        (np.zeros(3, ">f8"), "(?i)endian|byte order"),
        (np.array([None]), "(?i)object|dtype"),
        (np.array(["a"]), "(?i)dtype"),
    ],
    ids=["Fortran order", "big endian", "objects", "text"],
)
def test_npy_files_of_other_kinds_are_refused_with_their_name(array: Any, what: str) -> None:
    np.save("odd.npy", array, allow_pickle=True)
    with pytest.raises(hr.UnsupportedError, match=what) as caught:
        hr.open("odd.npy")
    assert "odd.npy" in str(caught.value)
    assert caught.value.file == str(Path("odd.npy").absolute())


def test_a_scalar_npy_file_is_refused() -> None:
    np.save("scalar.npy", np.array(3.0))
    with pytest.raises(hr.HeadraceError, match=r"scalar\.npy"):
        hr.open("scalar.npy")


def test_a_file_that_is_no_npy_file_is_refused() -> None:
    Path("a.npy").write_bytes(b"this is no header")
    with pytest.raises(hr.CorruptError, match=r"a\.npy"):
        hr.open("a.npy")
    Path("a.parquet").write_bytes(b"PAR1")
    with pytest.raises(hr.UnsupportedError, match=r"a\.parquet.*\.npy.*hr\.convert"):
        hr.open("a.parquet")


def test_npy_files_of_one_column_have_one_schema() -> None:
    files = [write("a.npy", np.zeros((2, 3))), write("b.npy", np.zeros((2, 4)))]
    with pytest.raises(hr.InvalidError, match=r"b\.npy"):
        hr.open(files)


def test_thousands_of_files_are_one_row_space() -> None:
    for k in range(2000):
        np.full(3, k, "int32").tofile(f"{k:04}.bin")
    ds = hr.memmap("*.bin", dtype="int32")
    assert len(ds) == 6000
    assert ds["0"][2998:3002].tolist() == [999, 999, 1000, 1000]
    assert ds.locate(3001) == (str(Path("1000.bin").absolute()), 1)
    with hr.Loader(ds, batch_size=500, shuffle=True, output="numpy") as loader:
        seen = np.concatenate([batch[0] for batch in loader])
    assert np.bincount(seen).tolist() == [3] * 2000


def test_empty_files_among_others_hold_no_rows() -> None:
    files = [write("a.bin", []), write("b.bin", [1, 2]), write("c.bin", [])]
    assert hr.memmap(files, dtype="float64")["0"][:].tolist() == [1, 2]


def test_zero_rows_are_refused() -> None:
    with pytest.raises(hr.InvalidError, match="at least one row"):
        hr.memmap([write("a.bin", [])], dtype="float64")
    with pytest.raises(hr.InvalidError, match="at least one row"):
        hr.open([write("a.npy", np.zeros((0, 3)))])


def test_a_size_that_is_no_multiple_of_the_row_is_refused() -> None:
    Path("odd.bin").write_bytes(bytes(100))
    with pytest.raises(hr.InvalidError, match="100") as caught:
        hr.memmap({"x": ["odd.bin"]}, dtype="float32", row_shape=3)
    assert "odd.bin" in str(caught.value)
    assert (caught.value.file, caught.value.column) == (str(Path("odd.bin").absolute()), "x")


def test_missing_files_empty_globs_and_folders_are_named() -> None:
    Path("folder").mkdir()
    with pytest.raises(hr.NotFoundError, match=r"'gone\.bin' does not exist"):
        hr.memmap("gone.bin", dtype="float32")
    with pytest.raises(hr.NotFoundError, match=r"no file matches 'gone/\*\.bin'"):
        hr.memmap("gone/*.bin", dtype="float32")
    with pytest.raises(hr.InvalidError, match=r"'folder' is a directory without manifests"):
        hr.open("folder")
    with pytest.raises(hr.InvalidError, match="is a directory"):
        hr.memmap("fol*", dtype="float32")
    with pytest.raises(hr.InvalidError, match="list of files is empty"):
        hr.memmap([], dtype="float32")


def test_a_file_name_that_is_not_utf8_is_refused() -> None:
    Path("\udcff.bin").write_bytes(bytes(8))
    with pytest.raises(hr.UnsupportedError, match="not UTF-8"):
        hr.memmap("*.bin", dtype="float64")


def test_shape_is_explained() -> None:
    write("a.bin", np.arange(6))
    with pytest.raises(hr.InvalidError, match=r"shape=\(3, 2\).*row_shape="):
        hr.memmap("a.bin", dtype="float64", shape=(3, 2))
    with pytest.raises(hr.InvalidError, match=r"mode='r'.*drop it"):
        hr.memmap("a.bin", dtype="float64", mode="r")
    with pytest.raises(hr.InvalidError, match=r"no argument row_shap=.*row_shape"):
        hr.memmap("a.bin", dtype="float64", row_shap=2)


@pytest.mark.parametrize("row_shape", [0, -1, (2, 0), 2**64, 1.5, "3", True, None, ("3",)])
def test_a_row_shape_that_is_none_is_refused(row_shape: object) -> None:
    write("a.bin", np.arange(6))
    with pytest.raises(hr.InvalidError, match="row_shape="):
        hr.memmap("a.bin", dtype="float64", row_shape=row_shape)


@pytest.mark.parametrize("dtype", ["float", "f16", "complex64", "S4", "O", ">f4", None, 3, "datum"])
def test_unsupported_dtypes_are_refused(dtype: object) -> None:
    write("a.bin", np.arange(6))
    if dtype == "float":  # numpy's name for float64
        assert hr.memmap("a.bin", dtype=dtype).schema["0"].dtype == "float64"
        return
    with pytest.raises(hr.UnsupportedError, match="column '0'"):
        hr.memmap("a.bin", dtype=dtype)


def test_arguments_by_column_fit_the_columns() -> None:
    x, y = write("x.bin", np.arange(6)), write("y.bin", np.arange(6))
    named = {"x": x, "y": y}
    with pytest.raises(hr.InvalidError, match="names a column 'z'; the columns are 'x', 'y'"):
        hr.memmap(named, dtype="float64", row_shape={"z": 2})
    with pytest.raises(hr.InvalidError, match="nothing about column 'y'"):
        hr.memmap(named, dtype={"x": "float64"})
    with pytest.raises(hr.InvalidError, match="give a dict"):
        hr.memmap(named, dtype=("float64", "float64"))
    with pytest.raises(hr.InvalidError, match="have no names"):
        hr.memmap((x, y), dtype={"x": "float64"})
    with pytest.raises(hr.InvalidError, match="3 entries for 2 columns"):
        hr.memmap((x, y), dtype=("float64", "float64", "float64"))


def test_files_are_found_again_after_the_process_changed_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save("some.npy", np.arange(3))
    ds = hr.open("some.npy")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert ds["0"][:].tolist() == [0, 1, 2]


def test_a_split_by_file_does_not_depend_on_how_the_paths_were_written(tmp_path: Path) -> None:
    for number in range(40):
        np.save(f"{number}.npy", np.full(2, number))
    here, _ = hr.open("*.npy").split(0.5, seed=3, by="file")
    whole, _ = hr.open(f"{tmp_path}/*.npy").split(0.5, seed=3, by="file")
    assert here["0"][:].tolist() == whole["0"][:].tolist()


def test_a_npy_file_is_no_raw_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(8.0))
    with pytest.raises(hr.InvalidError, match=r"a\.npy.*hr\.open") as caught:
        hr.memmap(str(tmp_path / "a.npy"), dtype="float64")
    assert caught.value.file.endswith("a.npy")
