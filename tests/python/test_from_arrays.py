from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

NUMPY_DTYPES = (
    "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64".split()  # noqa: SIM905
)


def test_positional_arrays_give_tuple_rows() -> None:
    ds = hr.from_arrays(np.zeros((4, 2)), np.arange(4))
    row = ds[3]
    assert isinstance(row, tuple)
    assert row[0].tolist() == [0.0, 0.0]
    assert row[1] == 3
    assert list(ds.schema) == ["0", "1"]


def test_keywords_give_dict_rows_in_their_order() -> None:
    ds = hr.from_arrays(b=np.zeros((4, 2)), a=np.arange(4))
    assert list(ds[0]) == ["b", "a"]
    assert ds[2]["a"] == 2


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_numpy_arrays_of_every_dtype_are_read_back(dtype: str) -> None:
    array = np.arange(24).reshape(4, 3, 2).astype(dtype)
    ds = hr.from_arrays(array)
    assert ds.schema["0"].dtype == dtype
    np.testing.assert_array_equal(ds["0"][:], array)
    assert ds["0"].dtype == array.dtype


@pytest.mark.parametrize("dtype", [*NUMPY_DTYPES, "bfloat16"])
def test_torch_tensors_of_every_dtype_reach_the_loader(dtype: str) -> None:
    tensor = torch.arange(12).reshape(6, 2).to(getattr(torch, dtype))
    ds = hr.from_arrays(x=tensor)
    assert ds.schema["x"].dtype == dtype
    with hr.Loader(ds, batch_size=6, output="dlpack") as loader:
        (batch,) = loader
        assert torch.equal(torch.utils.dlpack.from_dlpack(batch["x"]), tensor)


def test_arrays_are_not_copied() -> None:
    array, tensor = np.arange(4), torch.arange(4)
    ds = hr.from_arrays(array, tensor)
    array[2], tensor[1] = 70, 80
    assert ds["0"][:].tolist() == [0, 1, 70, 3]
    assert ds["1"][:].tolist() == [0, 80, 2, 3]


def test_the_dataset_keeps_its_arrays_alive() -> None:
    ds = hr.from_arrays(np.arange(100_000), torch.arange(100_000))
    np.arange(100_000)[:] = -1  # memory that was freed would be taken by this
    assert ds[-1] == (99_999, 99_999)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::2],
        lambda a: a[:, :3],
        lambda a: a[2:, 1:],
        lambda a: a[::-1],
        lambda a: np.broadcast_to(a[0], (5, 6)),
    ],
    ids=["every second row", "some columns", "corner", "reversed", "broadcast"],
)
def test_strided_rows_are_read_where_they_are(view: Any) -> None:
    array = np.arange(60.0).reshape(10, 6)
    ds = hr.from_arrays(view(array))
    np.testing.assert_array_equal(ds["0"][:], view(array))
    np.testing.assert_array_equal(ds[[1, 0]][0], view(array)[[1, 0]])


def test_rows_that_are_not_contiguous_say_what_to_do() -> None:
    with pytest.raises(hr.HeadraceError, match="ascontiguousarray"):
        hr.from_arrays(np.zeros((4, 6))[:, ::2])


def test_read_only_arrays_are_read() -> None:
    array = np.arange(4)
    array.setflags(write=False)
    assert hr.from_arrays(array)["0"][:].tolist() == [0, 1, 2, 3]


def test_numpy_memmaps_work_as_arrays(tmp_path: Path) -> None:
    np.arange(6.0).tofile(tmp_path / "x.bin")
    mapped = np.memmap(tmp_path / "x.bin", dtype="float64", mode="r", shape=(3, 2))
    assert hr.from_arrays(mapped)[2][0].tolist() == [4.0, 5.0]


def test_tensors_that_require_grad_are_detached() -> None:
    tensor = torch.ones(3, 2, requires_grad=True)
    with hr.Loader(hr.from_arrays(tensor), batch_size=3) as loader:
        (batch,) = loader
    assert not batch[0].requires_grad
    assert torch.equal(batch[0], tensor.detach())


def test_a_list_has_one_element_per_row() -> None:
    ds = hr.from_arrays(x=[[1.0, 2.0], [3.0, 4.0]], y=[0, 1], z=(True, False))
    assert repr(ds.schema) == "Schema(x: float64[2], y: int64, z: bool)"
    ds = hr.from_arrays([np.array([k, k + 1], np.float32) for k in range(3)])
    assert (ds["0"].shape, ds.schema["0"].dtype) == ((3, 2), "float32")


def test_a_list_of_tensors_becomes_one_tensor() -> None:
    ds = hr.from_arrays([torch.ones(2, dtype=torch.bfloat16)] * 3)
    assert (len(ds), ds.schema["0"].dtype) == (3, "bfloat16")


@pytest.mark.parametrize(
    "rows",
    [[[1, 2], [3]], [np.zeros(2), np.zeros(3)], [torch.zeros(2), torch.zeros(3)], [[1], 2]],
    ids=["lists", "arrays", "tensors", "depths"],
)
def test_a_list_of_unequal_rows_is_refused(rows: list[Any]) -> None:
    with pytest.raises(hr.InvalidError, match=r"'x'.*different shapes.*pad them"):
        hr.from_arrays(x=rows)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (np.array([None, 1], dtype=object), r"object is not supported; .*astype"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), r'astype\("int64"\)'),
        (np.array([1], dtype="timedelta64[s]"), r'astype\("int64"\)'),
        (np.zeros(2, np.complex64), "real and the imaginary"),
        (np.zeros(2, [("a", "i4"), ("b", "f4")]), "column of its own"),
        (np.zeros(2, np.longdouble), "float64"),
        (np.zeros(2, ">f4"), r"foreign byte order.*astype\('float32'\)"),
        (np.ma.masked_equal([1, 2], 1), "filled"),
        ([2**70, 1], "numbers of up to 64 bits"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", repr(value))[:24],
)
def test_unsupported_values_say_what_to_do(value: Any, advice: str) -> None:
    with pytest.raises(hr.UnsupportedError, match=advice) as caught:
        hr.from_arrays(ok=np.zeros(2), bad=value)
    assert caught.value.column == "bad"


@pytest.mark.filterwarnings("ignore:Sparse BSR tensor support")
def test_tensors_that_are_no_plain_cpu_memory_say_what_to_do() -> None:
    with pytest.raises(hr.UnsupportedError, match=r"sparse_bsr.*to_sparse_csr"):
        hr.from_arrays(torch.eye(4).to_sparse_bsr((2, 2)))
    with pytest.raises(hr.UnsupportedError, match=r"meta.*\.cpu\(\)"):
        hr.from_arrays(torch.zeros(3, device="meta"))
    with pytest.raises(hr.UnsupportedError, match="complex64"):
        hr.from_arrays(torch.zeros(3, dtype=torch.complex64))


class HasToNumpy:
    def to_numpy(self) -> Any:
        return np.zeros(3)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ({"x": np.zeros(3)}, r"hr\.from_arrays\(\*\*columns\)"),
        (HasToNumpy(), r"\.to_numpy\(\)"),
        ("text", "numpy array"),
        (iter([1, 2]), "numpy array"),
        (None, "NoneType"),
    ],
)
def test_other_objects_say_what_to_pass_instead(value: Any, advice: str) -> None:
    with pytest.raises(hr.UnsupportedError, match=advice):
        hr.from_arrays(value)


@pytest.mark.parametrize("value", [3, 2.5, np.float32(1), np.array(7), torch.tensor(7)])
def test_a_single_number_has_no_rows(value: Any) -> None:
    with pytest.raises(hr.InvalidError, match="'y' is a single number without rows"):
        hr.from_arrays(x=np.zeros(3), y=value)


def test_columns_of_different_lengths_are_named() -> None:
    with pytest.raises(hr.InvalidError, match="column 'x' has 4 rows and column 'y' has 5"):
        hr.from_arrays(x=np.zeros(4), y=np.zeros(5))


@pytest.mark.parametrize("value", [np.zeros((0, 3)), torch.zeros(0), []])
def test_zero_rows_are_refused(value: Any) -> None:
    with pytest.raises(hr.InvalidError, match=r"zero rows|empty list"):
        hr.from_arrays(x=value)


def test_positional_and_keyword_arrays_are_not_mixed() -> None:
    with pytest.raises(hr.InvalidError, match=r"by position.*or all by keyword"):
        hr.from_arrays(np.zeros(3), y=np.zeros(3))
    with pytest.raises(hr.InvalidError, match="no arrays"):
        hr.from_arrays()
    with pytest.raises(hr.InvalidError, match="column's name"):
        hr.from_arrays(**{"\udcff": np.zeros(3)})
