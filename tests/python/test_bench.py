"""The benchmark runner: every task and library at a tiny size, and the checks of an answer."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dask")

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
ROWS = 3000  # three batches of 1,024, the last one short
TUTORIAL_ROWS = 200  # one at a time, milliseconds each
FILES = 8


@pytest.fixture(scope="module")
def harness() -> Iterator[types.SimpleNamespace]:
    """The modules of bench/harness, which is no installed package."""
    sys.path.insert(0, str(BENCH))
    names = ("data", "measure", "report", "tasks")
    yield types.SimpleNamespace(
        **{name: importlib.import_module(f"harness.{name}") for name in names}
    )
    sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the input files of all runs are."""
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(autouse=True)
def torch_threads() -> Iterator[None]:
    """One thread, set back: with more, tiny batches wait for a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def python_libraries() -> list[tuple[str, str]]:
    """All (task, library) of bench/compare; the overhead task has the libraries of the RAM task."""
    paths = sorted((BENCH / "compare").glob("*/*.py"))
    pairs = [(path.parent.name, path.stem) for path in paths]
    return pairs + [("overhead", library) for task, library in pairs if task == "ram"]


def run(*arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / "run.py"), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert answer.returncode == expect, answer.stderr
    return answer


@pytest.mark.parametrize(("task", "library"), python_libraries())
def test_a_library_delivers_each_row_once(
    task: str, library: str, harness: types.SimpleNamespace, folder: Path
) -> None:
    rows = TUTORIAL_ROWS if library == "tutorial" else ROWS
    spec = harness.measure.Spec(task, library, rows, FILES, 1, str(folder), 0.0)
    found = harness.measure.measure(spec)
    metrics = {metric.name for metric in harness.tasks.TASKS[task].metrics}
    assert metrics <= found.metrics.keys()
    if found.complete:
        assert found.checksum == harness.data.checksum_of(np.arange(found.rows))
    if task == "steady":
        assert found.metrics["threads"] == 0
        assert found.metrics["descriptors"] == 0
        assert found.metrics["file_maps"] == 0


def test_every_file_is_in_a_task_and_every_library_has_a_file(
    harness: types.SimpleNamespace,
) -> None:
    listed = set()
    for task in harness.tasks.TASKS.values():
        programs = {name for name, *_ in task.programs}
        listed |= {(task.folder.name, name) for name in task.libraries if name not in programs}
    assert listed == {pair for pair in python_libraries() if pair[0] != "overhead"}


def test_the_runner_interleaves_checks_and_compares(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    small = ("--rows", ROWS, "--rounds", 2, "--min-seconds", 0, "--data", tmp_path, "--json", kept)
    chosen = ("--library", "torch_randperm", "--library", "headrace")
    answer = run("--task", "ram", *chosen, *small)
    progress = [line for line in answer.stderr.splitlines() if line.startswith("ram round")]
    assert [line.split(":")[0] for line in progress] == [
        "ram round 1 headrace",
        "ram round 1 torch_randperm",
        "ram round 2 headrace",
        "ram round 2 torch_randperm",
    ]
    assert "headrace is better by" in answer.stdout
    rounds = json.loads(kept.read_text())["tasks"]["ram"]
    assert {name: len(values) for name, values in rounds.items()} == {
        "headrace": 2,
        "torch_randperm": 2,
    }


def test_what_is_left_behind_is_reported_without_ratios(tmp_path: Path) -> None:
    answer = run("--task", "steady", "--rows", ROWS, "--rounds", 1, "--data", tmp_path)
    assert "descriptors left" in answer.stdout
    assert "better by" not in answer.stdout


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_the_limit_of_the_ram_task_delivers_each_row_once(tmp_path: Path) -> None:
    source = BENCH / "compare" / "ram" / "bare_gather.cc"
    flags = ["-std=c++20", "-O1", "-pthread", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["c++", *flags, str(source), "-o", str(tmp_path / "bare_gather")], check=True)
    small = ("--rows", ROWS, "--rounds", 1, "--min-seconds", 0, "--data", tmp_path)
    chosen = ("--library", "bare_gather_1", "--library", "bare_gather_2")
    answer = run("--task", "ram", *chosen, *small, "--programs", tmp_path)
    assert "`bare_gather_2`" in answer.stdout


def test_a_table_from_few_rounds_is_not_written() -> None:
    answer = run("--task", "ram", "--write", "--rounds", 1, expect=2)
    assert "at least 5 rounds" in answer.stderr


def batches_of(labels: list[int], harness: types.SimpleNamespace, data: Any) -> list[Any]:
    values = np.array(labels, np.int64)
    x = torch.from_numpy(harness.data.features_of(values, data.width))
    return [{"x": x, "y": torch.from_numpy(values)}]


def small_data(harness: types.SimpleNamespace, rows: int, batch_size: int) -> Any:
    return harness.data.Data(
        rows=rows, width=4, batch_size=batch_size, files=1, seed=0, root=Path()
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], "expected 4 rows, found 3"),
        ([0, 1, 2, 2], "came 2 times"),
        ([0, 1, 2, 4], "found labels from 0 to 4"),
        ([0, 1, 2, -1], "found labels from -1 to 2"),
        ([0, 1, 2, 3, 3], "expected 4 rows, found 5"),
    ],
)
def test_a_missing_repeated_or_unknown_row_is_found(
    labels: list[int], message: str, harness: types.SimpleNamespace
) -> None:
    data = small_data(harness, rows=4, batch_size=8)
    with pytest.raises(harness.data.WrongAnswerError, match=message):
        harness.data.check_labels(np.array(labels), data, complete=True)


def test_a_wrong_feature_is_found(harness: types.SimpleNamespace) -> None:
    data = small_data(harness, rows=4, batch_size=4)
    batches = batches_of([3, 1, 0, 2], harness, data)
    space = np.zeros(5, np.int64)
    assert harness.data.drain_checked(batches, space, data) == 4
    batches[0]["x"][2, 1] += 1
    with pytest.raises(harness.data.WrongAnswerError, match="wrong features"):
        harness.data.drain_checked(batches, space, data)


def test_batches_that_do_not_mix_are_found(harness: types.SimpleNamespace) -> None:
    data = small_data(harness, rows=20_000, batch_size=100)
    mixed = np.random.default_rng(5).permutation(data.rows)
    harness.data.check_labels(mixed, data, complete=True)
    with pytest.raises(harness.data.WrongAnswerError, match="not uniform samples"):
        harness.data.check_labels(np.arange(data.rows), data, complete=True)


def test_ratios_are_taken_within_rounds(harness: types.SimpleNamespace) -> None:
    metric = harness.tasks.Metric("rows_per_s", "rows/s", "si", higher_is_better=True)
    ours = harness.report.Row("a", "", [{"rows_per_s": 10.0}, {"rows_per_s": 40.0}])
    theirs = harness.report.Row("b", "", [{"rows_per_s": 5.0}, {"rows_per_s": 10.0}])
    assert harness.report.ratios(ours, theirs, metric) == [2.0, 4.0]
    lower = harness.tasks.Metric("rows_per_s", "us", "number")
    assert harness.report.ratios(ours, theirs, lower) == [0.5, 0.25]


def test_a_section_replaces_only_its_own_lines(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("head\n<!-- begin: a -->\nold\n<!-- end: a -->\ntail\n")
    harness.report.write_section(path, "a", "new\n")
    harness.report.write_section(path, "a", "newer\n")
    assert path.read_text() == "head\n<!-- begin: a -->\nnewer\n<!-- end: a -->\ntail\n"
    with pytest.raises(ValueError, match="begin: b"):
        harness.report.write_section(path, "b", "")


def test_results_has_a_place_for_every_task(harness: types.SimpleNamespace) -> None:
    text = (BENCH / "RESULTS.md").read_text()
    for name in [*harness.tasks.TASKS, *importlib.import_module("harness.micro").MICRO]:
        assert text.count(f"<!-- begin: {name} -->") == 1
        assert text.count(f"<!-- end: {name} -->") == 1
