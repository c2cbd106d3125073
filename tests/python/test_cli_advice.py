"""What errors advise at a shell: options of the command line, no arguments of Python."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import advice
from headrace.cli.program import main
from headrace.conversion import text_formats

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

# An argument of a function of ours, or the function.
PYTHON = re.compile(r"\bhr\.\w|(?<![-\w])(fill|columns|transform|version|rows|dry_run|verify)=")

TRANSFORM = """
import threading

import numpy as np
import pyarrow as pa


def numbers(path):
    return {"x": np.arange(3)}


def nothing(path):
    return {"x": np.arange(0)}


def a_table(path):
    return pa.table({"x": [1]})


class Model:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, path):
        return {"x": np.arange(3)}


model = Model()
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(text_formats, "BLOCK_BYTES", 64)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "prepare", raising=False)
    Path("prepare.py").write_text(TRANSFORM)
    Path("a.txt").write_text("text")
    Path("nulls.csv").write_text("x,name\n1,a\n,b\n")
    Path("kinds.csv").write_text("x\n" + "1\n" * 99 + "text\n")
    parquet.write_table(pa.table({"t": pa.array([1, 2], pa.timestamp("s"))}), "times.parquet")
    nulls = pa.table({"x": pa.array([1, None])})
    with pa.OSFile("n.arrow", "wb") as file, pa.ipc.new_file(file, nulls.schema) as out:
        out.write_table(nulls)
    np.save("x.npy", np.arange(3))
    with hr.Writer("ds") as writer:
        writer.write(x=np.arange(3))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("convert nulls.csv out", "pass --fill x=VALUE, which"),
        ("convert nulls.csv out --fill x=text", "give a fitting value: --fill x=VALUE"),
        (
            "convert nulls.csv out --fill x=0 --fill name=n --fill z=0",
            "fill names 'z', and the columns are 'x'",
        ),
        ("convert a.txt out", "pass --transform MODULE:FUNCTION, a function"),
        ("convert times.parquet out", "in a function that --transform MODULE:FUNCTION names"),
        ("convert kinds.csv out", """for example --columns '{"name": {"kind": "text"}}'"""),
        ("convert a.txt out --transform prepare:model", "for example --version 1, and another"),
        ("convert a.txt out --transform prepare:a_table --rows one", "with --rows one return"),
        ("convert a.txt out --transform prepare:nothing --dry-run 1", "more of them: --dry-run"),
        ("convert a.txt ds --transform prepare:numbers", "holds a dataset that no conversion"),
        ("head n.arrow", "in a shell headrace convert --fill x=VALUE"),
        ("head nulls.csv", "write it as shards once with headrace convert"),
        ("head .", "give a glob: ./*.arrow"),
        ("head x.npy --version 2", "drop --version"),
        ("verify x.npy --version 2", "drop --version"),
    ],
)
def test_advice_is_an_option(
    command: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), *(["-q"] if command.startswith("convert") else [])]) == 1
    said = capsys.readouterr().err
    assert expected in said
    # Of a file that the core refuses it knows both words.
    assert not PYTHON.search(said.partition("in Python hr.convert(")[0]), said


def test_inputs_that_are_skipped_speak_of_options_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("good.csv").write_text("x,name\n1,a\n")
    arguments = [
        "convert",
        "good.csv",
        "nulls.csv",
        "out",
        "-q",
        "--errors",
        "skip",
        "--workers",
        "1",
    ]
    assert main([*arguments, "--json"]) == 1
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert "pass --fill x=VALUE" in failure["error"]
    assert main(arguments) == 1
    assert "pass --fill x=VALUE" in capsys.readouterr().out


def test_another_version_is_named_as_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["convert", "a.txt", "out", "-q", "--transform", "prepare:numbers", "--version"]
    assert main([*command, "one two"]) == 0
    assert main([*command, "3"]) == 1
    assert "if both give the same rows, pass --version 'one two'" in capsys.readouterr().err


def test_an_error_keeps_its_advice() -> None:
    said = advice.fill("x")
    error: Any = hr.InvalidError("column 'x' has nulls", advice=said, column="x", row=3)
    assert str(error) == "column 'x' has nulls; fill={'x': value}"
    for same in (error, pickle.loads(pickle.dumps(error))):
        assert same.for_shell() == "column 'x' has nulls; --fill x=VALUE"
    named = error.about("a.csv")
    assert (type(named), named.column, named.row) == (hr.InvalidError, "x", 3)
    assert str(named) == "a.csv: column 'x' has nulls; fill={'x': value}"
    assert named.for_shell() == "a.csv: column 'x' has nulls; --fill x=VALUE"
    assert hr.InvalidError("plain").for_shell() == "plain"
    with pytest.raises(hr.TransformError) as caught:
        raise hr.TransformError("it", epoch=2).about("row 1")
    assert (str(caught.value), caught.value.epoch) == ("row 1: it", 2)
