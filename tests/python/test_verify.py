"""hr.verify and `headrace verify`: what is damaged is named, and nothing else is."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import xxhash

import headrace as hr
from headrace import _core
from headrace.cli.program import main

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "v1"


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A shard of 11 rows of text, in record batches of 4."""
    path = tmp_path / "text.arrow"
    path.write_bytes((GOLDEN / "text.arrow").read_bytes())
    return path


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_good_files_of_every_kind_are_fine() -> None:
    found = hr.verify(sorted(GOLDEN.glob("*.arrow")))
    assert found.ok
    assert found.files >= 10
    assert found.without_hashes == 0
    assert found.bytes == sum(path.stat().st_size for path in GOLDEN.glob("*.arrow"))


def test_a_damaged_batch_is_named_and_its_rows_are_counted(shard: Path) -> None:
    flip(shard, shard.stat().st_size // 3)
    found = hr.verify(shard)
    (damage,) = found.damage
    assert (damage.file, damage.shard, damage.batch) == (str(shard), "", 0)
    assert (damage.first_row, damage.rows, damage.code) == (0, 4, "corrupt")
    assert (found.ok, found.rows, found.rows_lost, found.damaged_files) == (False, 11, 4, 1)


def test_of_a_file_that_cannot_be_read_nobody_knows_the_rows(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-20])
    (damage,) = hr.verify(shard).damage
    assert damage.rows is None
    assert damage.batch is None


def test_files_without_checksums_are_read_and_counted(tmp_path: Path, shard: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((10, 3)))
    found = hr.verify([tmp_path / "x.npy", shard])
    assert (found.ok, found.without_hashes, found.rows) == (True, 1, 21)
    with open(tmp_path / "x.npy", "r+b") as file:
        file.truncate(200)
    (damage,) = hr.verify(tmp_path / "x.npy").damage
    assert damage.file.endswith("x.npy")


def test_bfloat16_of_others_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    tensors = {"x": torch.ones(4, 2, dtype=torch.bfloat16), "y": torch.arange(4)}
    safetensors.save_file(tensors, tmp_path / "a.safetensors")
    found = hr.verify(tmp_path / "a.safetensors")
    assert (found.ok, found.rows) == (True, 4)


def test_text_of_others_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    texts = pa.array(["good", "bad", "good", "bad"], pa.large_utf8())
    buffers = texts.buffers()
    broken = buffers[2].to_pybytes().replace(b"bad", b"b\xffd")
    column = pa.LargeStringArray.from_buffers(4, buffers[1], pa.py_buffer(broken))
    schema = pa.schema([("name", pa.large_utf8())])
    with pa.ipc.new_file(str(tmp_path / "x.arrow"), schema) as writer:
        writer.write_batch(pa.record_batch([column], ["name"]))
    found = hr.verify(tmp_path / "x.arrow")
    (damage,) = found.damage
    assert (damage.column, damage.first_row, damage.rows) == ("name", 1, 2)
    assert found.rows_lost == 2


def test_progress_counts_files(shard: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    hr.verify([shard] * 3, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)


def test_a_missing_file_is_an_error_and_no_finding(tmp_path: Path) -> None:
    with pytest.raises(hr.NotFoundError):
        hr.verify(tmp_path / "nowhere.arrow")


def test_a_file_that_is_of_no_kind_is_an_error_and_not_called_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no data")
    with pytest.raises(hr.UnsupportedError, match=r"notes\.txt"):
        hr.verify(tmp_path / "notes.txt")
    assert main(["verify", str(tmp_path / "notes.txt")]) == 1
    assert "damaged" not in capsys.readouterr().out


def test_compression_cannot_be_looked_into(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"x": list(range(1000))})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(str(tmp_path / "x.arrow"), table.schema, options=options) as writer:
        writer.write_table(table)
    with pytest.raises(hr.UnsupportedError, match="compress"):
        hr.verify(tmp_path / "x.arrow")


def test_urls_of_stores_are_told_from_missing_files(dataset: Path) -> None:
    assert hr.verify(dataset.as_uri()).ok
    with pytest.raises(hr.UnsupportedError, match=r"s3://b/data is in a store.*copy it"):
        hr.verify("s3://b/data")


def test_files_have_no_versions(shard: Path) -> None:
    with pytest.raises(hr.InvalidError, match="only the directory of a dataset has versions"):
        hr.verify(shard, version=3)


def test_the_command_ends_with_1_where_there_is_damage(
    shard: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(shard)]) == 0
    assert "nothing is damaged" in capsys.readouterr().out
    flip(shard, shard.stat().st_size // 3)
    assert main(["verify", str(shard)]) == 1
    out = capsys.readouterr().out
    assert "text.arrow" in out
    assert "lost: 4 of 11 rows" in out


def test_the_command_speaks_json(shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(shard, shard.stat().st_size // 3)
    assert main(["verify", str(shard), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (damage,) = report.pop("damage")
    assert report == {
        "format": 1,
        "path": [str(shard)],
        "ok": False,
        "version": None,
        "files": 1,
        "rows": 11,
        "bytes": shard.stat().st_size,
        "without_hashes": 0,
        "damaged_files": 1,
        "rows_lost": 4,
    }
    assert set(damage) == {
        *("file", "shard", "batch", "column", "first_row", "rows", "code", "what"),
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset of three shards of text, 11 rows each."""
    root = tmp_path / "dataset"
    directory = _core.Directory(str(root))
    directory.create()
    data = (GOLDEN / "text.arrow").read_bytes()
    entries = []
    for _ in range(3):
        entry = {"id": str(uuid.uuid4()), "rows": 11, "batch_rows": 4, "encoding": "none"}
        (root / "shards" / f"{entry['id']}.arrow").write_bytes(data)
        entry |= {"bytes": len(data), "stored_bytes": len(data), "origins": []}
        entries.append(entry | {"stored_xxh3": xxhash.xxh3_64_intdigest(data)})
    directory.commit(entries, [hr.Field("text", "uint8", kind="text").to_core()])
    return root


def shards(dataset: Path) -> list[Path]:
    """The files in the order of their rows."""
    directory = _core.Directory(str(dataset))
    return [dataset / "shards" / f"{entry['id']}.arrow" for entry in directory.entries()]


def test_all_shards_of_a_dataset_are_looked_at(dataset: Path) -> None:
    found = hr.verify(dataset)
    assert (found.ok, found.version, found.files, found.rows) == (True, 1, 3, 33)


def test_a_shard_that_is_gone_is_not_one_without_checksums(dataset: Path) -> None:
    ds = hr.open(dataset)
    (dataset / "shards" / f"{ds.shard_ids[1]}.arrow").unlink()
    found = hr.verify(dataset)
    assert (found.damaged_files, found.without_hashes) == (1, 0)
    (damage,) = found.damage
    assert (damage.shard, damage.code, damage.batch) == (ds.shard_ids[1], "not_found", None)
    lost = slice(damage.first_row, damage.first_row + (damage.rows or 0))
    assert {ds.locate(row)[0] for row in range(len(ds))[lost]} == {damage.file}
    assert found.rows_lost == damage.rows == len(ds.shard(damage.shard))
    assert "is missing; restore its file" in damage.what


def test_rows_that_are_lost_are_rows_of_the_dataset(dataset: Path) -> None:
    first, second, third = shards(dataset)
    first.unlink()
    flip(second, second.stat().st_size // 3)
    found = hr.verify(dataset)
    assert [(d.shard, d.batch, d.first_row, d.rows, d.code) for d in found.damage] == [
        (first.stem, None, 0, 11, "not_found"),
        (second.stem, 0, 11, 4, "corrupt"),
    ]
    assert (found.rows, found.rows_lost, found.damaged_files) == (33, 15, 2)
    assert third.stem not in {d.shard for d in found.damage}


def test_a_good_shard_that_is_not_the_one_committed_is_damage(dataset: Path) -> None:
    one, *_ = shards(dataset)
    one.write_bytes((GOLDEN / "bytes.arrow").read_bytes())
    (damage,) = hr.verify(dataset).damage
    assert (damage.shard, damage.rows) == (one.stem, 11)


def test_a_manifest_that_is_damaged_is_named(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (manifest,) = (dataset / "manifests").iterdir()
    flip(manifest, manifest.stat().st_size // 2)
    (damage,) = hr.verify(dataset).damage
    assert damage.file == str(manifest)
    assert (damage.code, damage.rows) == ("corrupt", None)
    assert main(["verify", str(dataset)]) == 1
    printed = capsys.readouterr().out
    assert manifest.name in printed
    assert "an earlier version with --version" in printed


def test_a_newest_manifest_that_is_gone_is_damage(dataset: Path) -> None:
    with hr.Writer(dataset) as writer:
        writer.write(hr.open(dataset)[:2])
    assert hr.verify(dataset).ok
    (dataset / "manifests" / f"{2:020}.arrow").unlink()
    found = hr.verify(dataset)
    (damage,) = found.damage
    assert (found.ok, found.version, damage.code) == (False, None, "corrupt")
    assert "is not whole" in damage.what
    with pytest.raises(hr.CorruptError, match="is not whole"):
        hr.open(dataset)
    assert hr.verify(dataset, version=1).ok


def test_a_manifest_in_the_middle_that_is_gone_is_damage(dataset: Path) -> None:
    for _ in range(2):
        with hr.Writer(dataset) as writer:
            writer.write(hr.open(dataset)[:2])
    missing = dataset / "manifests" / f"{2:020}.arrow"
    missing.unlink()
    (damage,) = hr.verify(dataset).damage
    assert (damage.file, damage.code) == (str(missing), "not_found")


def test_an_older_version_is_looked_at_when_asked_for(dataset: Path) -> None:
    directory = _core.Directory(str(dataset))
    again = directory.entries()[0]
    new = str(uuid.uuid4())
    data = (dataset / "shards" / f"{again['id']}.arrow").read_bytes()
    (dataset / "shards" / f"{new}.arrow").write_bytes(data)
    directory.commit([again | {"id": new}], directory.read()["schema"])
    (dataset / "shards" / f"{new}.arrow").unlink()
    assert hr.verify(dataset, version=1).ok
    newest = hr.verify(dataset)
    assert (newest.version, newest.rows, newest.rows_lost) == (2, 44, 11)
    with pytest.raises(hr.NotFoundError):
        hr.verify(dataset, version=3)


def test_a_directory_without_a_dataset_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(hr.NotFoundError):
        hr.verify(tmp_path)
