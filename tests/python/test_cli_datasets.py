"""The command line on datasets of shards, with columns of every kind."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.cli.program import main

sparse = pytest.importorskip("scipy.sparse")

ROWS = 6


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two versions: six rows of every kind, and three shards more of the same."""
    path = tmp_path / "corpus"
    columns = {
        "x": np.arange(12, dtype=np.float32).reshape(ROWS, 2),
        "flag": np.arange(ROWS) % 2 == 0,
        "text": ["a", "bb", "", "dé", "e\x1b[31m", "f"],
        "raw": [b"\x00\xff", b"", b"c", b"d", b"e", b"f"],
        "list": hr.ragged([np.arange(k) for k in range(ROWS)]),
        "w": sparse.csr_array(np.diag(np.arange(1.0, 7.0))),
    }
    with hr.Writer(path, metadata={"made by": "a test"}) as writer:
        writer.write(**columns)
    with hr.Writer(path) as writer:
        writer.write(**columns)
    return path


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def report_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(output(capsys, *arguments))
    return report


def test_inspect_knows_versions_and_metadata(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_of(capsys, "inspect", str(corpus), "--json")
    assert (report["rows"], report["shards"], report["files"]) == (12, 2, 2)
    assert (report["version"], report["newest_version"]) == (2, 2)
    assert report["metadata"] == {"made by": "a test"}
    older = report_of(capsys, "inspect", str(corpus), "--json", "--version", "1")
    assert (older["rows"], older["version"], older["newest_version"]) == (6, 1, 2)
    text = output(capsys, "inspect", str(corpus), "--version", "1")
    assert "1, the newest is 2" in text
    assert "made by  a test" in text


def test_inspect_and_head_know_stores(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("obstore")
    url = "memory://test_cli_datasets"
    with hr.Writer(url) as writer:
        writer.write(hr.open(corpus))
    for place, version in ((url, 1), (corpus.as_uri(), 2)):
        report = json.loads(output(capsys, "inspect", place, "--json"))
        assert (report["rows"], report["shards"]) == (2 * ROWS, version)
        assert report["newest_version"] == report["version"] == version
        assert len(output(capsys, "head", place, "-n", "3").splitlines()) >= 5


def test_inspect_gives_statistics_of_every_kind(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_of(capsys, "inspect", str(corpus), "--json", "--version", "1")
    columns = {column["name"]: column for column in report["columns"]}
    assert columns["flag"]["values"]["mean"] == 0.5
    assert columns["x"]["values"]["max"] == 11.0
    assert columns["text"]["length"] == {"min": 0, "max": 6, "mean": 2.0}
    assert columns["raw"]["length"] == {"min": 0, "max": 2, "mean": 1.0}
    assert columns["list"]["length"] == {"min": 0, "max": 5, "mean": 2.5}
    assert columns["list"]["values"]["max"] == 4
    assert columns["w"]["width"] == 6
    assert columns["w"]["length"] == {"min": 1, "max": 1, "mean": 1.0}
    assert columns["w"]["values"]["mean"] == 3.5
    assert "values" not in columns["text"]


def test_head_shows_rows_of_every_kind(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "head", str(corpus), "-n", "5")
    for shown in ("[0 1]", "True", "dé", r"e\x1b[31m", r"b'\x00\xff'", "{3: 4}", "[0 1 2]"):
        assert shown in text
    assert "\x1b" not in text
    lines = output(capsys, "head", str(corpus), "-n", "5", "--json").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["text"] for row in rows] == ["a", "bb", "", "dé", "e\x1b[31m"]
    assert base64.b64decode(rows[0]["raw"]) == b"\x00\xff"
    assert rows[3]["w"] == {"indices": [3], "values": [4.0]}
    assert rows[3]["list"] == [0, 1, 2]
    assert rows[1]["x"] == [2.0, 3.0]


def test_a_version_that_is_not_there_is_an_error(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["head", str(corpus), "--version", "7"]) == 1
    error = capsys.readouterr().err
    assert "version 7" in error
    assert len(error.splitlines()) == 1


def test_a_single_shard_is_a_dataset_too(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = next((corpus / "shards").iterdir())
    report = report_of(capsys, "inspect", str(shard), "--json")
    assert (report["rows"], report["files"]) == (6, 1)
    assert "version" not in report
