"""`headrace convert`: files become shards, failures are named, and the exit code says it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from child_processes import running

import headrace as hr
from headrace.cli.program import main

pytest.importorskip("pyarrow")

TRANSFORM = """
import time
from pathlib import Path

import numpy as np


def lengths(path):
    words = Path(path).read_text().split()
    if not words:
        raise ValueError("there are no words")
    return {"length": np.array([len(word) for word in words])}


def slow(path):
    time.sleep(0.2)
    return lengths(path)


nothing = 3
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, a transform for them, and a table, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "prepare", raising=False)
    (tmp_path / "prepare.py").write_text(TRANSFORM)
    (tmp_path / "a.txt").write_text("one two three")
    (tmp_path / "b.txt").write_text("four")
    (tmp_path / "table.csv").write_text("x,y\n1,0.5\n2,1.5\n3,2.5\n")


def test_a_table_becomes_shards(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "table.csv", "out", "--quiet"]) == 0
    assert "out: 1 shard, 3 rows" in capsys.readouterr().out
    assert hr.open("out")["y"][:].tolist() == [0.5, 1.5, 2.5]


def test_nulls_are_filled_as_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    Path("nulls.csv").write_text("x,name\n1,a\n,b\n3,\n")
    assert main(["convert", "nulls.csv", "out", "-q"]) == 1
    assert "null" in capsys.readouterr().err
    assert main(["convert", "nulls.csv", "out", "-q", "--fill", "x=-1", "--fill", "name=none"]) == 0
    ds = hr.open("out")
    assert ds["x"][:].tolist() == [1, -1, 3]
    assert ds["x_valid"][:].tolist() == [True, False, True]


@pytest.mark.parametrize("function", ["prepare:lengths", "prepare.py:lengths"])
def test_a_function_of_the_user_turns_paths_into_columns(
    function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["a.txt", "b.txt", "out", "--transform", function, "-q", "--json"]
    assert main(["convert", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.pop("bytes") > 0
    assert report == {"format": 1, "path": "out", "rows": 4, "shards": 1, "failures": []}
    assert hr.open("out")["length"][:].tolist() == [3, 3, 5, 4]


def test_more_inputs_are_appended() -> None:
    common = ["out", "--transform", "prepare:lengths", "-q"]
    assert main(["convert", "a.txt", *common]) == 0
    assert main(["convert", "a.txt", "b.txt", *common]) == 0
    assert hr.open("out")["length"][:].tolist() == [3, 3, 5, 4]


def test_processes_give_the_same_rows() -> None:
    arguments = ["convert", "*.txt", "out", "--transform", "prepare.py:lengths", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "headrace", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert hr.open("out")["length"][:].tolist() == [3, 3, 5, 4]


def test_an_input_that_fails_ends_it_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.txt").write_text("")
    assert main(["convert", "*.txt", "out", "--transform", "prepare:lengths", "-q"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("headrace convert: ")
    assert "c.txt" in error
    assert "Traceback" not in error


def test_inputs_that_are_skipped_are_listed_and_are_1(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.txt").write_text("")
    common = ["convert", "*.txt", "out", "--transform", "prepare:lengths", "--errors", "skip", "-q"]
    assert main(common) == 1
    out = capsys.readouterr().out
    assert "c.txt" in out
    assert "there are no words" in out
    assert "failed and skipped: 1 input" in out
    assert len(hr.open("out")) == 4
    assert main([*common, "--json"]) == 1
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert "c.txt" in failure["input"]


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["convert", "*.txt", "out", "--transform", "prepare:lengths", "--dry-run", "1"]) == 0
    )
    assert "length" in capsys.readouterr().out
    assert not Path("out").exists()


def test_a_dry_run_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.txt").write_text("")
    arguments = ["c.txt", "a.txt", "b.txt", "out", "--transform", "prepare:lengths", "--json"]
    assert main(["convert", *arguments, "--dry-run", "2"]) == 1  # one of them failed
    report = json.loads(capsys.readouterr().out)
    assert min(report.pop("seconds"), report.pop("rows_per_s")) > 0
    (failure,) = report.pop("failures")
    assert failure["error"] == "transform raised ValueError for 'c.txt': there are no words"
    (column,) = report.pop("columns")
    assert (column["name"], column["type"], column["row_shape"]) == ("length", "int64", [])
    assert report.pop("estimated_rows") >= 3
    assert report.pop("estimated_bytes") >= 24
    assert report == {"format": 1, "path": "out", "inputs": 2, "rows": 3, "bytes": 24}
    assert not Path("out").exists()


def test_columns_are_what_the_command_says() -> None:
    given = '{"x": {"dtype": "float32"}, "y": {"kind": "text"}}'
    assert main(["convert", "table.csv", "out", "-q", "--columns", given]) == 0
    assert repr(hr.open("out").schema) == "Schema(x: float32, y: text)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "x"], "--columns"),
        (["--columns", '{"x": 3}'], "hr.Field or a dict of dtype"),
        (["--columns", '{"x": {"dtype": "flat"}}'], "--columns"),
        (["--transform", "prepare"], "not of the form MODULE:FUNCTION"),
        (["--transform", "nowhere:f"], "cannot be imported"),
        (["--transform", "prepare:nowhere"], "has no function"),
        (["--transform", "prepare:nothing"], "has no function"),
        (["--shard-bytes", "many"], "no number of bytes"),
        (["--dry-run", "0"], "whole number from 1 on"),
        (["--fill", "x"], "not of the form COLUMN=VALUE"),
        (["--errors", "ignore"], "invalid choice"),
    ],
)
def test_wrong_usage_is_2(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["convert", "a.txt", "out", *options])
    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_an_interrupt_is_130_and_the_same_command_goes_on() -> None:
    for number in range(12):
        Path(f"{number:02}.txt").write_text("word " * (number + 1))
    arguments = ["[0-9]*.txt", "out", "--transform", "prepare:slow", "--shard-bytes", "100"]
    command = [sys.executable, "-m", "headrace", "convert", *arguments, "-q"]
    with running(command, stdout=None, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not Path("out", "latest").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr is not None
        error = process.stderr.read()
    assert "interrupted" in error
    assert "Traceback" not in error
    assert 0 < len(hr.open("out")) < 78
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(hr.open("out")["length"][:], np.full(78, 4))
