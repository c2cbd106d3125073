"""Datasets of shards, opened from their directory, and what leads out of them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

pa = pytest.importorskip("pyarrow")

TEXTS = ["", "a", "bb", "ccc"]


def columns(first: int, rows: int) -> dict[str, Any]:
    numbers = np.arange(first, first + rows)
    return {
        "x": (numbers[:, None] * np.ones(3)).astype(np.float32),
        "t": [TEXTS[k % 4] for k in numbers],
        "b": [bytes([k % 256]) * (k % 3) for k in numbers],
        "r": hr.ragged([np.arange(k % 5, dtype=np.int16) for k in numbers]),
        "y": numbers.astype(np.int64),
    }


def expect_row(found: dict[str, Any], row: int) -> None:
    assert found["y"] == row
    assert found["x"].tolist() == [row] * 3
    assert found["t"] == TEXTS[row % 4]
    assert found["b"] == bytes([row % 256]) * (row % 3)
    assert found["r"].tolist() == list(range(row % 5))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Three commits of 100, 1 and 49 rows."""
    first = 0
    for rows in (100, 1, 49):
        with hr.Writer(tmp_path / "d") as writer:
            writer.write(**columns(first, rows))
        first += rows
    return str(tmp_path / "d")


@pytest.mark.parametrize("io", ["auto", "pread"])
@pytest.mark.parametrize("verify", [False, True])
def test_a_directory_is_opened(folder: str, io: Any, verify: bool) -> None:
    ds = hr.open(folder, io=io, verify=verify)
    assert len(ds) == 150
    for row in (0, 99, 100, 101, -1):
        expect_row(ds[row], row % 150)
    for batch in ds.chunks(37):
        assert batch["t"] == [TEXTS[k % 4] for k in batch["y"]]
    path, row = ds.locate(103)
    assert (os.path.dirname(path), row) == (os.path.join(folder, "shards"), 2)
    assert "3 files" in repr(ds)


def test_versions_stay_as_they_were(folder: str) -> None:
    assert [len(hr.open(folder, version=v)) for v in (1, 2, 3)] == [100, 101, 150]
    ds = hr.open(folder)
    with hr.Writer(folder) as writer:
        writer.write(**columns(150, 10))
    assert len(ds) == len(pickle.loads(pickle.dumps(ds))) == 150
    assert len(hr.open(folder)) == 160
    with pytest.raises(hr.NotFoundError, match="version 5"):
        hr.open(folder, version=5)
    with pytest.raises(hr.InvalidError, match="version"):
        hr.open(folder, version=0)
    with pytest.raises(
        hr.InvalidError, match="only the directory of a dataset has versions; drop version="
    ):
        hr.open(os.path.join(folder, "shards", "*.arrow"), version=1)


def test_a_dataset_knows_the_version_that_it_shows(folder: str, tmp_path: Path) -> None:
    assert [hr.open(folder, version=n).version for n in (None, 1, 2)] == [3, 1, 2]
    ds = hr.open(folder, version=2).select_columns(["x", "y"])
    views = [
        ds.subset([3, 1]).cast(x="float64"),
        ds.split(0.5)[1],
        ds.shard(ds.shard_ids[1]),
        ds.with_row_ids("row").filter(lambda batch: batch["y"] > 5),
        hr.concat([ds.subset([1]), ds.subset([0])]),
        hr.zip([ds.select_columns(["x"]), hr.from_arrays(z=np.zeros(101))]),
        ds.encode_labels("y")[0],
        pickle.loads(pickle.dumps(ds.subset([0]))),
    ]
    assert [view.version for view in views] == [2] * len(views)
    with hr.Writer(tmp_path / "other") as writer:
        writer.write(**columns(0, 10))
    other = hr.open(tmp_path / "other")
    assert other.version == 1
    newest = hr.open(folder)
    shard = hr.open(os.path.join(folder, "shards", "*.arrow"))
    without = [hr.from_arrays(np.zeros(3)), shard]
    without += [hr.concat([newest, rest]) for rest in (other, hr.open(folder, version=1), shard)]
    assert [ds.version for ds in without] == [None] * len(without)


def test_shards_are_datasets(folder: str) -> None:
    ds = hr.open(folder)
    sids = ds.shard_ids
    assert len(sids) == len(set(sids)) == 3
    assert sorted(os.listdir(Path(folder) / "shards")) == sorted(f"{sid}.arrow" for sid in sids)
    assert [len(part) for part in ds.shards()] == [100, 1, 49]
    expect_row(ds.shard(sids[1])[0], 100)
    expect_row(ds.shard(sids[2])[3], 104)
    turned = ds.select_shards([sids[2], sids[0]])
    assert len(turned) == 149
    expect_row(turned[49], 0)
    assert turned.shard_ids == [sids[2], sids[0]]
    assert pickle.loads(pickle.dumps(turned))["y"][:].tolist() == turned["y"][:].tolist()
    assert ds.rename(y="z").select_columns(["z"]).shard(sids[1])[0] == {"z": 100}
    assert ds.subset(slice(90, 120)).shard_ids == sids
    assert [len(part) for part in ds.subset(slice(90, 120)).shards()] == [10, 1, 19]


def test_a_shard_may_have_rows_in_several_places(folder: str) -> None:
    ds = hr.open(folder)
    sids = ds.shard_ids
    whole = hr.concat([ds.shard(sids[2]), ds, ds.shard(sids[0])])
    assert whole.shard_ids == [sids[2], sids[0], sids[1]]
    assert [len(part) for part in whole.shards()] == [98, 200, 1]
    turned = whole.select_shards([sids[0], sids[2]])
    ys = ds["y"][:].tolist()
    assert turned["y"][:].tolist() == ys[:100] * 2 + ys[101:] * 2


def test_what_has_no_shards_says_so(folder: str) -> None:
    ds = hr.open(folder)
    with pytest.raises(hr.NotFoundError, match="no shard 'x' among the 3"):
        ds.shard("x")
    with pytest.raises(hr.InvalidError, match="twice"):
        ds.select_shards(ds.shard_ids[:1] * 2)
    with pytest.raises(hr.InvalidError, match="list of their ids"):
        ds.select_shards(ds.shard_ids[0])
    with pytest.raises(hr.InvalidError, match="no shard was selected"):
        ds.select_shards([])
    with pytest.raises(hr.InvalidError, match="chosen rows"):
        ds.subset([1, 2]).shards()
    with pytest.raises(hr.InvalidError, match="in memory"):
        _ = hr.from_arrays(y=np.arange(3)).shard_ids
    with pytest.raises(hr.InvalidError, match=r"files.*hr\.convert"):
        _ = hr.open(os.path.join(folder, "shards", "*.arrow")).shard_ids


def test_splits_by_file_keep_whole_shards(folder: str) -> None:
    ds = hr.open(folder)
    for seed in range(30):
        try:
            parts = ds.split([0.5, 0.5], by="file", seed=seed)
        except hr.InvalidError:
            continue  # all in one part
        assert all(len(part) in (100, 1, 49, 101, 149, 50) for part in parts)
        return
    pytest.fail("no seed splits three shards")


def test_a_shard_that_is_gone_or_damaged_is_named(folder: str) -> None:
    ds = hr.open(folder)
    sid = ds.shard_ids[2]
    path = Path(folder) / "shards" / f"{sid}.arrow"
    whole = path.read_bytes()
    path.unlink()
    expect_row(ds[5], 5)
    for read in (lambda: ds[149], lambda: list(hr.Loader(ds.select_columns(["y"]), batch_size=8))):
        with pytest.raises(hr.NotFoundError, match=f"shard {sid} is missing") as caught:
            read()
        assert (caught.value.file, caught.value.row) == (str(path), 101)
        assert "holds rows 101 to 149 of" in str(caught.value)
        assert "headrace verify" in str(caught.value)
    path.write_bytes(whole[:-1])
    with pytest.raises(hr.TruncatedError, match=sid):
        ds[149]
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(hr.CorruptError, match=sid):
        hr.open(folder, verify=True)["y"][:]
    path.write_bytes(whole)
    expect_row(ds[149], 149)


def test_directories_that_are_no_dataset_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match="without manifests"):
        hr.open(tmp_path)
    np.save(tmp_path / "a.npy", np.arange(3))
    with pytest.raises(hr.InvalidError, match=r"glob: hr.open\('.*\*\.npy'\)"):
        hr.open(tmp_path)
    (tmp_path / "dataset_info.json").touch()
    with pytest.raises(hr.UnsupportedError, match=r"Hugging Face.*hr\.convert"):
        hr.open(tmp_path)
    (tmp_path / "d" / "shards").mkdir(parents=True)
    with pytest.raises(hr.NotFoundError, match="nothing was committed"):
        hr.open(tmp_path / "d")
    with hr.Writer(tmp_path / "d") as writer:
        writer.write(y=np.arange(3))
    assert len(hr.open(tmp_path / "d")) == 3


@pytest.mark.parametrize("batch_rows", [None, 40])
def test_to_arrow_holds_all_rows(folder: str, batch_rows: int | None) -> None:
    ds = hr.open(folder)
    table = ds.to_arrow(batch_rows).read_all()
    table.validate(full=True)
    assert table.num_rows == 150
    assert table["t"].to_pylist() == ds["t"][:]
    assert table["b"].to_pylist() == ds["b"][:]
    assert table["r"].to_pylist() == [part.tolist() for part in ds["r"][:]]
    assert table["x"].to_pylist() == ds["x"][:].tolist()
    assert table["y"].to_pylist() == list(range(150))


def test_to_arrow_carries_bfloat16_as_shards_do(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    numbers = torch.tensor([[1.5, -2.0], [3.25, float("inf")], [0.0, 0.5]], dtype=torch.bfloat16)
    with hr.Writer(tmp_path / "d") as writer:
        writer.write(x=numbers, r=hr.ragged([numbers[0], numbers[1][:0], numbers[2]]))
    ds = hr.open(tmp_path / "d")
    for made in (ds, hr.from_arrays(x=numbers)):
        table = made.to_arrow(2).read_all()
        assert table.schema.field("x").metadata == {b"headrace.dtype": b"bfloat16"}
        assert table["x"].to_pylist() == numbers.view(torch.int16).numpy().view(np.uint16).tolist()
    table = ds.to_arrow().read_all()
    with hr.Writer(tmp_path / "again") as writer:
        writer.write(table)
    path = str(tmp_path / "a.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    for again in (hr.open(tmp_path / "again"), hr.open(tmp_path / "a.arrow")):
        assert again.schema == ds.schema
        assert again.to_arrow().read_all().equals(table)
        assert np.array_equal(again.cast(x="float32")["x"][:], numbers.float().numpy())


def test_to_arrow_is_read_back_as_the_same_columns(tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    weights = sparse.random_array((20, 9), density=0.3, format="csr", rng=1, dtype=np.float32)
    with hr.Writer(tmp_path / "d") as writer:
        writer.write(
            w=weights,
            m=np.arange(120, dtype=np.float16).reshape(20, 2, 3),
            o=np.arange(20) % 3 == 0,
            **columns(0, 20),
        )
    ds = hr.open(tmp_path / "d")
    table = ds.to_arrow().read_all()
    path = str(tmp_path / "a.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    again = hr.open(tmp_path / "a.arrow")
    assert again.schema == ds.schema
    assert (again["w"][:] != ds["w"][:]).nnz == 0
    assert np.array_equal(again["m"][:], ds["m"][:])
    assert np.array_equal(again["o"][:], ds["o"][:])
    assert again["t"][:] == ds["t"][:]


def test_labels_become_class_ids(folder: str) -> None:
    ds = hr.open(folder)
    encoded, classes = ds.encode_labels("t")
    assert classes == sorted(TEXTS)
    assert list(encoded.schema) == list(ds.schema)
    assert encoded.schema["t"] == hr.Field("t", "int64")
    assert [classes[k] for k in encoded["t"][:]] == ds["t"][:]
    assert encoded[7]["r"].tolist() == [0, 1]
    loader = hr.Loader(encoded.select_columns(["x", "t"]), batch_size=50, output="numpy")
    assert sum(batch["t"].sum() for batch in loader) == encoded["t"][:].sum()
    assert pickle.loads(pickle.dumps(encoded))["t"][:].tolist() == encoded["t"][:].tolist()

    again, same = ds.encode_labels("t", classes=[*reversed(classes), "unseen"])
    assert same[-1] == "unseen"
    assert [same[k] for k in again["t"][:]] == ds["t"][:]
    with pytest.raises(hr.InvalidError, match=r"row 3 has the label 'ccc'.*3 classes") as caught:
        ds.encode_labels("t", classes=["", "a", "bb"])
    assert caught.value.row == 3
    assert ds.encode_labels("b")[1] == sorted(set(ds["b"][:]))


def test_labels_of_numbers_and_tuples() -> None:
    ds = hr.from_arrays(np.zeros(4), np.array([7, -1, 7, 3], np.int8))
    encoded, classes = ds.encode_labels("1")
    assert classes == [-1, 3, 7]
    assert [int(row[1]) for row in encoded] == [2, 0, 2, 1]
    assert hr.from_arrays(y=np.array([True, False])).encode_labels("y")[1] == [False, True]
    with pytest.raises(hr.UnsupportedError, match="holds no labels"):
        ds.encode_labels("0")
    for wrong, message in (("ab", "list of labels"), (["a"], "int; found"), ([1, 1], "1 more")):
        with pytest.raises(hr.InvalidError, match=message):
            ds.encode_labels("1", classes=wrong)


def test_a_name_that_is_not_utf8_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"caf\xe9": [1, 2]})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes().replace("\xe9".encode(), b"\xff\xfe"))
    with pytest.raises(hr.CorruptError, match="UTF-8"):
        hr.open(path)


def test_what_an_error_quotes_need_not_be_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    field = pa.field("x", pa.int32(), metadata={"ARROW:extension:name": b"caf\xff"})
    table = pa.table([pa.array([1], pa.int32())], schema=pa.schema([field]))
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(hr.UnsupportedError, match=r"caf\\xff"):
        hr.open(path)


def test_classes_may_be_numbers_of_numpy() -> None:
    given = list(np.array([10, 30]))
    ds, classes = hr.from_arrays(y=np.array([30, 10])).encode_labels("y", classes=given)
    assert (ds["y"][:].tolist(), classes) == ([1, 0], [10, 30])
    assert type(classes[0]) is int
