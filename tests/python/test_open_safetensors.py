"""`.safetensors` files: a row is an element of the first dimension."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import headrace as hr

safetensors = pytest.importorskip("safetensors.numpy")

DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
]


def test_every_dtype_and_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        f"{dtype}{len(shape)}": rng.integers(0, 2, (7, *shape)).astype(dtype)
        for dtype in DTYPES
        for shape in ((), (3,), (2, 3))
    }
    path = tmp_path / "a.safetensors"
    safetensors.save_file(arrays, path, metadata={"made": "by a test"})
    for io in ("auto", "pread"):
        ds = hr.open(path, io=io)
        assert set(ds.schema) == set(arrays)
        for name, array in arrays.items():
            assert ds[name].dtype == array.dtype
            assert np.array_equal(ds[name][:], array)
    batches = list(hr.Loader(ds, batch_size=3, output="numpy"))
    assert np.array_equal(np.concatenate([b["int162"] for b in batches]), arrays["int162"])


def test_several_files_follow_one_another(tmp_path: Path) -> None:
    for k in range(3):
        columns = {"y": np.arange(4) + 4 * k, "x": np.full((4, 2), k, np.float32)}
        safetensors.save_file(columns, tmp_path / f"{k}.safetensors")
    ds = hr.open(str(tmp_path / "*.safetensors"))
    assert ds["y"][:].tolist() == list(range(12))
    assert ds.locate(9) == (str(tmp_path / "2.safetensors"), 1)
    assert pickle.loads(pickle.dumps(ds))[5]["x"].tolist() == [1, 1]
    assert sum(len(part) for part in ds.split([0.5, 0.5], by="file", seed=1)) == 12


def test_bfloat16_goes_to_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    x = torch.arange(6).to(torch.bfloat16).reshape(3, 2)
    save_file({"x": x}, tmp_path / "a.safetensors")
    ds = hr.open(tmp_path / "a.safetensors")
    (batch,) = hr.Loader(ds, batch_size=3)
    assert torch.equal(batch["x"], x)


def test_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    safetensors.save_file({"x": np.zeros(3), "y": np.zeros(4)}, path)
    with pytest.raises(hr.InvalidError, match="x has 3 and y has 4"):
        hr.open(path)
    safetensors.save_file({"x": np.array(3, np.float32)}, path)
    with pytest.raises(hr.UnsupportedError, match="0 dimensions"):
        hr.open(path)
    header = json.dumps({"x": {"dtype": "F8_E5M2", "shape": [2], "data_offsets": [0, 2]}})
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"ab")
    with pytest.raises(hr.UnsupportedError, match="F8_E5M2"):
        hr.open(path)
    path.write_bytes(struct.pack("<Q", 1 << 40) + header.encode())
    with pytest.raises(hr.CorruptError, match="header"):
        hr.open(path)
    with pytest.raises(hr.InvalidError, match="names its columns itself"):
        hr.open({"x": path})
    with pytest.raises(hr.InvalidError, match="verify=True"):
        hr.open(path, verify=True)
    (tmp_path / "b.npy").touch()
    with pytest.raises(hr.InvalidError, match="of one kind"):
        hr.open([path, tmp_path / "b.npy"])
