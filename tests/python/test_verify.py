"""hr.verify and `headrace verify`: what is damaged is named, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
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
