"""Files that pyarrow and Polars write are read in place, with equal values.

docs/opening.md has the table; every "no" there is asserted here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

pa = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")

ROWS = 11
DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
]
KINDS = ["scalar", "tensor", "nested tensor", "ragged", "csr"]


def numbers(dtype: str, count: int) -> Any:
    values = np.random.default_rng(count).integers(0, 100, count)
    return (values % 2 == 0) if dtype == "bool" else values.astype(dtype)


def lengths() -> Any:
    return np.random.default_rng(2).integers(0, 4, ROWS)


def offsets(width: Any) -> Any:
    return pa.array(np.concatenate([[0], np.cumsum(lengths())]), width)


def list_array(values: Any, *, large: bool) -> Any:
    kind = pa.LargeListArray if large else pa.ListArray
    return kind.from_arrays(offsets(pa.int64() if large else pa.int32()), values)


def column(kind: str, dtype: str, *, large: bool) -> tuple[Any, Any]:
    """Returns an Arrow array, and its rows as Python values."""
    if kind == "scalar":
        array = pa.array(numbers(dtype, ROWS))
    elif kind == "tensor":
        array = pa.FixedSizeListArray.from_arrays(pa.array(numbers(dtype, 3 * ROWS)), 3)
    elif kind == "nested tensor":
        inner = pa.FixedSizeListArray.from_arrays(pa.array(numbers(dtype, 6 * ROWS)), 3)
        array = pa.FixedSizeListArray.from_arrays(inner, 2)
    else:
        count = int(lengths().sum())
        values = pa.array(numbers(dtype, count))
        if kind == "csr":
            indices = pa.array(np.arange(count, dtype=np.int32) % 10)
            values = pa.StructArray.from_arrays([indices, values], names=["indices", "values"])
        array = list_array(values, large=large)
    return array, array.to_pylist()


def save(path: Path, columns: dict[str, Any], *, batches: int = 1, feathered: bool = False) -> str:
    fields = [
        pa.field(
            name,
            array.type,
            metadata={"headrace.columns": "10"} if name == "csr" else None,
        )
        for name, array in columns.items()
    ]
    table = pa.table(list(columns.values()), schema=pa.schema(fields))
    if feathered:
        feather.write_feather(table, str(path), compression="uncompressed")
        return str(path)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=-(-ROWS // batches))
    return str(path)


def rows_of(ds: hr.Dataset, name: str) -> list[Any]:
    field = ds.schema[name]
    if field.kind == "csr":
        return [
            [
                {"indices": index, "values": value}
                for index, value in zip(
                    ds[i][name].indices.tolist(), ds[i][name].values.tolist(), strict=True
                )
            ]
            for i in range(len(ds))
        ]
    found = ds[name][:]
    if field.kind == "ragged":
        return [part.tolist() for part in found]
    return found if isinstance(found, list) else list(found.tolist())


@pytest.mark.parametrize("large", [False, True], ids=["32-bit", "64-bit"])
@pytest.mark.parametrize("kind", KINDS)
def test_pyarrow_files_of_every_dtype(tmp_path: Path, kind: str, large: bool) -> None:
    for dtype in DTYPES:
        array, expected = column(kind, dtype, large=large)
        name = "csr" if kind == "csr" else "x"
        if kind in ("ragged", "csr") and dtype == "bool":
            path = save(tmp_path / "a.arrow", {name: array})
            with pytest.raises(hr.UnsupportedError, match=rf"{name}.*headrace convert"):
                hr.open(path)
            continue
        for batches, feathered in ((1, False), (3, False), (1, True)):
            path = save(tmp_path / "a.arrow", {name: array}, batches=batches, feathered=feathered)
            for io in ("auto", "pread"):
                ds = hr.open(path, io=io)
                assert ds.schema[name].dtype == dtype
                assert rows_of(ds, name) == expected


@pytest.mark.parametrize("large", [False, True], ids=["32-bit", "64-bit"])
def test_pyarrow_text_and_bytes(tmp_path: Path, large: bool) -> None:
    texts = ["", "é", "🙂" * 3, "a\0b", *["x" * k for k in range(7)]]
    data = [text.encode()[::-1] for text in texts]
    kinds = (pa.large_utf8(), pa.large_binary()) if large else (pa.utf8(), pa.binary())
    arrays = {"t": pa.array(texts, kinds[0]), "b": pa.array(data, kinds[1])}
    for batches, feathered in ((1, False), (4, False), (1, True)):
        path = save(tmp_path / "a.arrow", arrays, batches=batches, feathered=feathered)
        ds = hr.open(path)
        assert (ds["t"][:], ds["b"][:]) == (texts, data)


def test_slices_of_arrays_and_boolean_tensors(tmp_path: Path) -> None:
    arrays = {
        "o": pa.array([k % 3 == 0 for k in range(40)])[5 : 5 + ROWS],
        "t": pa.array([str(k) for k in range(40)])[5 : 5 + ROWS],
        "r": pa.array([[k] * (k % 3) for k in range(40)], pa.list_(pa.int16()))[5 : 5 + ROWS],
        "m": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(120) % 2 == 0), 3)[5 : 5 + ROWS],
    }
    for batches in (1, 5):
        ds = hr.open(save(tmp_path / "a.arrow", arrays, batches=batches))
        for name, array in arrays.items():
            assert rows_of(ds, name) == array.to_pylist()
            assert rows_of(ds.subset(slice(None, None, -1)), name) == array.to_pylist()[::-1]
        loaded = list(hr.Loader(ds.select_columns(["o", "m"]), batch_size=4, output="numpy"))
        assert np.concatenate([b["m"] for b in loaded]).tolist() == arrays["m"].to_pylist()


def test_fixed_shape_tensors(tmp_path: Path) -> None:
    values = np.arange(ROWS * 6, dtype=np.float32).reshape(ROWS, 2, 3)
    array = pa.FixedShapeTensorArray.from_numpy_ndarray(values)
    ds = hr.open(save(tmp_path / "a.arrow", {"x": array}))
    assert ds.schema["x"].row_shape == (2, 3)
    assert np.array_equal(ds["x"][:], values)


def test_what_is_not_read_in_place_says_what_to_do(tmp_path: Path) -> None:
    refused = {
        "dictionary": pa.array(["a", "b"]).dictionary_encode(),
        "view": pa.array(["a", "b"], pa.string_view()),
        "timestamp": pa.array([1, 2], pa.timestamp("s")),
        "struct": pa.array([{"a": 1}, {"a": 2}]),
        "list of lists": pa.array([[[1]], [[2]]]),
        "decimal": pa.array([1, 2], pa.decimal128(5, 2)),
    }
    for name, array in refused.items():
        with pytest.raises(hr.UnsupportedError, match="headrace convert"):
            hr.open(save(tmp_path / "a.arrow", {name: array}))
    feather.write_feather(pa.table({"x": np.arange(99)}), str(tmp_path / "z.feather"))
    with pytest.raises(hr.UnsupportedError, match=r"compress.*headrace convert"):
        hr.open(tmp_path / "z.feather")


def test_nulls_are_refused_with_their_number_and_what_to_do(tmp_path: Path) -> None:
    columns = {"a": pa.array([1, 2, 3]), "x": pa.array([None, 1, None])}
    path = save(tmp_path / "a.arrow", columns, batches=3)
    with pytest.raises(hr.UnsupportedError, match=r"column x has 2 null values") as caught:
        hr.open(path)
    assert (caught.value.file, caught.value.column) == (path, "x")
    for advice in ('hr.convert(..., fill={"x": value})', "headrace convert --fill x=VALUE"):
        assert advice in str(caught.value)
    ds = hr.convert(path, tmp_path / "out", fill={"x": -1}, progress=False)
    assert ds["x"][:].tolist() == [-1, 1, -1]
    assert ds["x_valid"][:].tolist() == [False, True, False]


def test_polars_files(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    texts = [str(k) * (k % 4) for k in range(ROWS)]
    for dtype in DTYPES:
        if dtype == "float16":
            continue  # Polars has none
        frame = pl.DataFrame(
            {
                "x": numbers(dtype, ROWS),
                "m": pl.Series(numbers(dtype, 3 * ROWS).reshape(ROWS, 3)),
                "t": texts,
                "b": [text.encode() for text in texts],
            }
        )
        path = tmp_path / "a.arrow"
        frame.write_ipc(path, compression="uncompressed", compat_level=pl.CompatLevel.oldest())
        ds = hr.open(path)
        assert np.array_equal(ds["x"][:], frame["x"].to_numpy())
        assert np.array_equal(ds["m"][:], frame["m"].to_numpy())
        assert ds["t"][:] == texts
        assert ds["b"][:] == [text.encode() for text in texts]
    frame = pl.DataFrame({"r": [list(range(k % 4)) for k in range(ROWS)]})
    frame.write_ipc(path, compression="uncompressed", compat_level=pl.CompatLevel.oldest())
    assert rows_of(hr.open(path), "r") == frame["r"].to_list()
    pl.DataFrame({"t": texts}).write_ipc(path, compression="uncompressed")
    with pytest.raises(hr.UnsupportedError, match="headrace convert"):
        hr.open(path)  # views, unless the oldest compatibility level is asked for
