"""The command line, as a shell sees it: output, exit codes, and what a terminal gets."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.cli.console import PlainConsole, RichConsole
from headrace.cli.program import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `python -m headrace` in an empty folder, its output in a pipe."""

    def start(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headrace", *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            check=False,
            **options,
        )

    return start


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """A file of 100 rows of 4 numbers: row k is k, k + 0.25, k + 0.5, k + 0.75."""
    path = tmp_path / "features.npy"
    np.save(path, np.arange(100, dtype=np.float32)[:, None] + np.arange(4, dtype=np.float32) / 4)
    return path


def test_inspect_prints_schema_sizes_statistics_and_rows(run: Run, features: Path) -> None:
    done = run("inspect", features.name)
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("features.npy", "1.6 KB", "float32[4]", "99.75", "49.88", "[0 0.25 0.5 0.75]"):
        assert text in done.stdout
    assert "\x1b" not in done.stdout  # plain where it is piped


def test_inspect_json_is_stable(features: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(features), "--json", "-n", "1"]) == 0
    report = json.loads(capsys.readouterr().out)
    (column,) = report.pop("columns")
    values = column.pop("values")
    assert report == {
        "format": 1,
        "path": [str(features)],
        "rows": 100,
        "bytes": 1600,
        "files": 1,
        "statistics_of_rows": 100,
        "first_rows": [{"0": [0.0, 0.25, 0.5, 0.75]}],
    }
    assert column == {
        "name": "0",
        "kind": "tensor",
        "dtype": "float32",
        "type": "float32[4]",
        "row_shape": [4],
    }
    rows = np.load(features).astype(np.float64)
    assert values["std"] == pytest.approx(rows.std())
    assert (values["min"], values["max"], values["not_finite"]) == (0.0, 99.75, 0)


def test_numbers_that_are_none_are_counted_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.array([1.0, np.nan, 3.0, -np.inf]))
    assert main(["inspect", str(tmp_path / "x.npy"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    values = report["columns"][0]["values"]
    assert values == {"min": 1.0, "max": 3.0, "mean": 2.0, "std": 1.0, "not_finite": 2}
    assert [row["0"] for row in report["first_rows"]] == [1.0, None, 3.0]


def test_of_a_large_dataset_evenly_spread_rows_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.cli.statistics._SAMPLED_BYTES", 8 * 1000)
    np.save(tmp_path / "x.npy", np.arange(100_000))
    found = []
    for options in ((), ("--every-row",)):
        assert main(["inspect", str(tmp_path / "x.npy"), "--json", *options]) == 0
        found.append(json.loads(capsys.readouterr().out))
    some, all_rows = found
    assert 500 < some["statistics_of_rows"] <= 1000
    assert all_rows["statistics_of_rows"] == 100_000
    values = some["columns"][0]["values"]
    assert (values["min"], values["max"]) == (0, 99_999)
    assert values["mean"] == pytest.approx(49_999.5, abs=1)
    assert main(["inspect", str(tmp_path / "x.npy")]) == 0
    assert "--every-row" in capsys.readouterr().out


def test_several_files_are_one_dataset(run: Run, tmp_path: Path) -> None:
    for name, rows in (("a", 3), ("b", 4)):
        np.save(tmp_path / f"{name}.npy", np.full((rows,), rows))
    done = run("head", "a.npy", "b.npy", "-n", "5", "--json")
    assert [json.loads(line)["0"] for line in done.stdout.splitlines()] == [3, 3, 3, 4, 4]


def test_a_missing_file_is_one_line_without_a_traceback(run: Run) -> None:
    done = run("inspect", "nowhere.npy")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("headrace inspect: ")
    assert "nowhere.npy" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nothing",),
        ("head",),
        ("head", "x.npy", "-n", "-1"),
        ("head", "x", "-n", "x"),
        ("head", "x", "--version", "0"),
    ],
)
def test_wrong_usage_is_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: headrace" in capsys.readouterr().err


def test_help_and_version_load_neither_torch_nor_pyarrow(run: Run) -> None:
    for option in ("--help", "--version"):
        done = run(option, env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
        assert done.returncode == 0
        assert "headrace" in done.stdout
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "headrace.cli.program" in loaded
        assert not loaded & {"torch", "pyarrow", "rich", "scipy"}


def test_a_reader_that_has_gone_is_no_error(features: Path) -> None:
    command = [sys.executable, "-m", "headrace", "head", str(features), "--json", "-n", "100"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_interrupt_is_130_and_one_line(
    features: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("headrace.cli.head_command.open_paths", interrupted)
    assert main(["head", str(features)]) == 130
    assert capsys.readouterr().err == "headrace head: interrupted\n"


def in_a_terminal(*arguments: str, **environment: str) -> str:
    """Returns what `python -m headrace` writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            env=os.environ | {"COLUMNS": "80", "TERM": "xterm-256color"} | environment,
        )
        os.close(theirs)
        out = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while data := terminal.read(4096):
                out += data
        assert process.wait(timeout=60) == 0, out
    return out.decode()


def test_a_terminal_gets_colours_within_its_width(features: Path) -> None:
    pytest.importorskip("rich")
    screen = in_a_terminal("inspect", str(features))
    assert "\x1b[1m" in screen
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in screen.splitlines()]
    assert max(map(len, lines[1:])) <= 80
    assert any("float32[4]" in line for line in lines)


def test_a_dumb_terminal_gets_plain_text(features: Path) -> None:
    assert "\x1b" not in in_a_terminal("head", str(features), TERM="dumb")


def test_names_from_a_file_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    for make in (PlainConsole, RichConsole):
        console = make()
        console.line("a\x1b[31mb[red]")
        console.pairs([("a\x9bb", "c\rd")])
        console.table(["a\x07b"], [["[bold]c\nd"]])
        out = capsys.readouterr().out
        assert not set(out) & set("\x1b\x9b\r\x07")
        for text in (r"a\x1b[31mb[red]", r"a\x9bb", r"c\rd", r"a\x07b", r"[bold]c\nd"):
            assert text in out
