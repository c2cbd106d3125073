"""Compressed shards: others read them as they are, and expanded they are the plain ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

import headrace as hr
from headrace import _core

ROWS = 3000


def rows() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "number": np.arange(ROWS),
        "image": rng.integers(0, 4, (ROWS, 3, 5), dtype=np.uint8),
        "noise": rng.random((ROWS, 7)),  # which zstd makes no smaller
        "list": hr.ragged([list(range(k % 4)) for k in range(ROWS)]),
        "text": [f"row {k}" for k in range(ROWS)],
        "sparse": scipy.sparse.random_array(
            (ROWS, 50), density=0.1, rng=rng, dtype=np.float32, format="csr"
        ),
        "nothing": [b""] * ROWS,
    }


def write(path: Path, **options: Any) -> Path:
    with hr.Writer(path, shard_bytes="200KB", **options) as writer:
        writer.write(rows())
    return path


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("compressed") / "data", compression="zstd")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("plain") / "data")


def shards(path: Path) -> list[Path]:
    entries = _core.Directory(str(path)).entries()
    return [path / "shards" / f"{entry['id']}.arrow" for entry in entries]


def test_shards_are_smaller_and_say_what_they_expand_to(compressed: Path, plain: Path) -> None:
    stored, mapped = (_core.Directory(str(path)).entries() for path in (compressed, plain))
    assert len(stored) == len(mapped) > 2
    for small, large in zip(stored, mapped, strict=True):
        assert (small["encoding"], large["encoding"]) == ("zstd", "none")
        assert (small["rows"], small["bytes"]) == (large["rows"], large["bytes"])
        assert small["stored_bytes"] < 0.8 * large["stored_bytes"]


def test_other_programs_read_them_as_they_are(compressed: Path, plain: Path) -> None:
    for small, large in zip(shards(compressed), shards(plain), strict=True):
        with pa.memory_map(str(small)) as ours, pa.memory_map(str(large)) as theirs:
            table = pa.ipc.open_file(ours).read_all()
            table.validate(full=True)
            assert table.equals(pa.ipc.open_file(theirs).read_all())
        with open(small, "rb") as file:  # as a stream, too
            file.seek(8)
            assert pa.ipc.open_stream(file).read_all().equals(table)
        assert pl.read_ipc(small).equals(pl.read_ipc(large))


def test_expanded_they_are_the_shards_that_were_never_compressed(
    compressed: Path, plain: Path, tmp_path: Path
) -> None:
    found = hr.expand(compressed, tmp_path / "expanded")
    expanded = shards(tmp_path / "expanded")
    for ours, theirs in zip(expanded, shards(plain), strict=True):
        assert ours.read_bytes() == theirs.read_bytes()
    assert hr.verify(tmp_path / "expanded").ok
    assert found.schema == hr.open(plain).schema
    np.testing.assert_array_equal(found["noise"][:], hr.open(plain)["noise"][:])


def test_rows_of_compressed_shards_are_an_error_that_says_what_to_do(compressed: Path) -> None:
    found = hr.open(compressed)
    assert len(found) == ROWS
    with pytest.raises(hr.UnsupportedError, match=r"compressed.*headrace expand DATASET DIR"):
        found[0]
    with pytest.raises(hr.UnsupportedError, match="headrace expand"):
        hr.open(shards(compressed)[0])


def test_expand_keeps_versions_metadata_and_plain_shards(tmp_path: Path) -> None:
    for step, compression in enumerate([None, "zstd", None]):
        with hr.Writer(
            tmp_path / "mixed",
            compression=compression,  # type: ignore[arg-type]
            metadata={"step": step},
        ) as writer:
            writer.write(x=np.full(3, step))
    found = hr.expand(tmp_path / "mixed", tmp_path / "all", progress=False)
    assert found["x"][:].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert _core.Directory(str(tmp_path / "all")).read()["metadata"] == '{"step":2}'
    earlier = hr.expand(tmp_path / "mixed", tmp_path / "two", version=2)
    assert earlier["x"][:].tolist() == [0, 0, 0, 1, 1, 1]


def test_rows_stay_tuples(tmp_path: Path) -> None:
    made = hr.convert(
        [1, 2],
        tmp_path / "data",
        transform=lambda k: (np.full(2, k), np.zeros(2)),
        compression="zstd",
        progress=False,
    )
    assert len(made) == 4
    assert hr.expand(tmp_path / "data", tmp_path / "out")[3] == (2, 0.0)


def test_expand_refuses_what_it_cannot_do(compressed: Path, tmp_path: Path) -> None:
    with pytest.raises(hr.NotFoundError, match="no dataset"):
        hr.expand(tmp_path / "none", tmp_path / "out")
    with pytest.raises(hr.InvalidError, match="holds a dataset already"):
        hr.expand(compressed, compressed)
    with pytest.raises(hr.InvalidError, match="version"):
        hr.expand(compressed, tmp_path / "out", version=0)
    with pytest.raises(hr.NotFoundError, match="version 9"):
        hr.expand(compressed, tmp_path / "out", version=9)


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "other"])
def test_damage_is_found_and_nothing_is_left_half_done(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "data", compression="zstd")
    first, second, *_ = shards(path)
    data = bytearray(second.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        second.write_bytes(data)
    elif damage == "cut":
        second.write_bytes(data[:-1])
    elif damage == "gone":
        second.unlink()
    else:
        second.write_bytes(first.read_bytes())
    found = hr.verify(path)
    assert not found.ok
    assert found.damaged_files == 1
    with pytest.raises((hr.CorruptError, hr.TruncatedError, hr.NotFoundError), match=second.stem):
        hr.expand(path, tmp_path / "out")
    assert list((tmp_path / "out" / "shards").iterdir()) == []
    assert not list((tmp_path / "out" / "manifests").iterdir())


def test_verify_names_the_record_batch(tmp_path: Path) -> None:
    path = write(tmp_path / "data", compression="zstd")
    assert hr.verify(path).ok
    file = shards(path)[0]
    data = bytearray(file.read_bytes())
    data[len(data) // 4] ^= 1
    file.write_bytes(data)
    (damage,) = hr.verify(path).damage
    assert (damage.shard, damage.batch, damage.code) == (file.stem, 0, "corrupt")


def test_compressed_files_of_others_are_converted(tmp_path: Path) -> None:
    table = pa.table({"x": np.arange(1000), "t": ["a"] * 1000})
    for codec in "zstd", "lz4":
        path = tmp_path / f"{codec}.arrow"
        options = pa.ipc.IpcWriteOptions(compression=codec)
        with (
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_file(file, table.schema, options=options) as writer,
        ):
            writer.write_table(table)
        with pytest.raises(hr.UnsupportedError, match=r"compressed.*headrace convert"):
            hr.open(path)
        found = hr.convert(path, tmp_path / codec, progress=False)
        assert found["x"][:].tolist() == list(range(1000))


def test_the_command_line_compresses_and_expands(tmp_path: Path) -> None:
    def headrace(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "headrace", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )

    (tmp_path / "rows.csv").write_text("x\n" + "1\n" * 1000)
    done = headrace("convert", tmp_path / "rows.csv", tmp_path / "c", "--compression", "zstd", "-q")
    assert done.returncode == 0, done.stderr
    assert "1 shard, 1,000 rows" in done.stdout
    done = headrace("head", tmp_path / "c")
    assert done.returncode == 1
    assert "headrace expand DATASET DIR" in done.stderr
    done = headrace("expand", tmp_path / "c", tmp_path / "e", "-q")
    assert done.returncode == 0, done.stderr
    assert "1 shard, 1,000 rows" in done.stdout
    assert headrace("head", tmp_path / "e").returncode == 0
