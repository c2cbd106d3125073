"""The benchmark runner: every task and library at a tiny size, and the checks of an answer."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("dask")

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
ROWS = 3000  # three batches of 1,024, the last one short
SPARSE_ROWS = 1100  # two batches of 123 MB, the last one short
TUTORIAL_ROWS = 200  # one at a time, milliseconds each
FILES = 8
WINDOW_ROWS = 2048 * FILES  # a batch must lie in few shards


@pytest.fixture(scope="module")
def harness() -> Iterator[types.SimpleNamespace]:
    """The modules of bench/harness, which is no installed package."""
    sys.path.insert(0, str(BENCH))
    names = ("cache", "cold", "data", "hold", "measure", "once", "report", "task", "tasks")
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


def tasks() -> Any:
    """The table of tasks, which needs nothing but Python."""
    return of_bench("harness.tasks").TASKS


def what_is_absent(task: Any, library: str) -> tuple[bool, str]:
    """Whether the runner would leave a library out, and why."""
    found: tuple[bool, str] = of_bench("harness.library").what_is_absent(task.folder, library)
    return found


def of_bench(module: str) -> Any:
    """A module of bench, which is no installed package."""
    sys.path.insert(0, str(BENCH))
    found = importlib.import_module(module)
    sys.path.remove(str(BENCH))
    return found


def python_libraries() -> list[Any]:
    """All (task, library) that are files of bench/compare."""
    pairs = []
    for task in tasks().values():
        for library in sorted(set(task.libraries) - {name for name, *_ in task.programs}):
            absent, remedy = what_is_absent(task, library)
            marks = [pytest.mark.skip(reason=remedy)] if absent else []
            pairs.append(pytest.param(task.name, library, marks=marks))
    return pairs


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
    rows = TUTORIAL_ROWS if library == "tutorial" or task.startswith("text_") else ROWS
    if task.startswith("sparse"):
        rows = SPARSE_ROWS
    elif task == "cache_limit":
        rows = WINDOW_ROWS
    spec = harness.measure.Spec(task, library, rows, FILES, 1, str(folder), 0.0)
    found = harness.measure.measure(spec)
    metrics = {metric.name for metric in harness.tasks.TASKS[task].metrics}
    if task == "batch_sampler":
        assert metrics - {"us_per_batch"} <= found.metrics.keys()  # torch's share is one batch
    elif "cold" in task or library == "obstore_download":
        assert "rows_per_s" in found.metrics
        assert library.startswith(("cat", "fio", "obstore")) or found.complete
    else:
        assert metrics <= found.metrics.keys()
    if found.complete:
        assert found.checksum == harness.data.checksum_of(np.arange(found.rows))
    if task == "steady":
        assert found.metrics["threads"] == 0
        assert found.metrics["descriptors"] == 0
        assert found.metrics["file_maps"] == 0


def test_every_file_is_in_a_task_and_every_library_has_a_file() -> None:
    listed = set()
    for task in tasks().values():
        programs = {name for name, *_ in task.programs}
        listed |= {(task.folder.name, name) for name in task.libraries if name not in programs}
    paths = (BENCH / "compare").glob("*/*.py")
    assert listed == {(path.parent.name, path.stem) for path in paths}


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
    metric = harness.task.Metric("rows_per_s", "rows/s", "si", higher_is_better=True)
    ours = harness.report.Row("a", "", [{"rows_per_s": 10.0}, {"rows_per_s": 40.0}])
    theirs = harness.report.Row("b", "", [{"rows_per_s": 5.0}, {"rows_per_s": 10.0}])
    assert harness.report.ratios(ours, theirs, metric) == [2.0, 4.0]
    lower = harness.task.Metric("rows_per_s", "us", "number")
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


def numbered_rows(harness: types.SimpleNamespace, root: Path) -> Any:
    data = harness.cold.NumberedRows(
        rows=600, width=1024, batch_size=64, files=3, seed=0, root=root
    )
    data.write_files()
    return data


def test_files_leave_the_page_cache(
    harness: types.SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.cache, "_SAMPLES", 20)
    paths = numbered_rows(harness, tmp_path).row_files()
    for path in paths:
        path.read_bytes()
    assert harness.cache.resident_share(paths) == 1
    harness.cache.drop(paths)
    assert harness.cache.resident_share(paths) < 0.5  # the probes of `drop` read 20 pages


def test_a_file_that_stays_in_memory_is_no_cold_file(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    paths = numbered_rows(harness, tmp_path).row_files()
    kept = [np.memmap(path, np.uint8, mode="r").sum() for path in paths]
    maps = [np.memmap(path, np.uint8, mode="r") for path in paths]
    kept += [part.sum() for part in maps]
    with pytest.raises(harness.cache.CacheError, match="still in the page cache"):
        harness.cache.drop(paths)
    del maps


def cold_batches(harness: types.SimpleNamespace, numbers: list[int]) -> list[Any]:
    x = harness.cold.numbered_rows(np.array(numbers, np.int64), 1024)
    return [{"x": torch.from_numpy(x)}]


@pytest.mark.parametrize(("column", "message"), [(0, "came 2 times"), (512, "column 512"),
                                                 (7, "batch that was kept")])  # fmt: skip
def test_a_wrong_value_of_a_cold_row_is_found(
    column: int, message: str, harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    data = harness.cold.NumberedRows(
        rows=4, width=1024, batch_size=4, files=1, seed=0, root=tmp_path
    )
    batches = cold_batches(harness, [2, 0, 3, 1])
    watch = harness.cold.Watch(data)
    watch.consume(batches, time.perf_counter(), 0.0)
    assert watch.check(mixed=True) == harness.data.checksum_of(np.arange(4))
    batches[0]["x"][1, column] = 3
    wrong = harness.cold.Watch(data)
    wrong.consume(batches, time.perf_counter(), 0.0)
    with pytest.raises(harness.data.WrongAnswerError, match=message):
        wrong.check(mixed=True)


def test_a_pass_ends_after_its_seconds(harness: types.SimpleNamespace, tmp_path: Path) -> None:
    data = harness.cold.NumberedRows(
        rows=8, width=1024, batch_size=4, files=1, seed=0, root=tmp_path
    )
    watch = harness.cold.Watch(data)
    batches = [*cold_batches(harness, [5, 1, 2, 3]), *cold_batches(harness, [0, 4, 6, 7])]
    watch.consume(batches, time.perf_counter() - 10, 9.0)
    assert (watch.rows, watch.first_rows, watch.complete) == (4, 0, False)


def test_memory_is_taken_and_given_back_until_so_much_is_available(
    harness: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks: list[Any] = []
    machine = 100 << 20
    monkeypatch.setattr(harness.hold, "_CHUNK", 16 << 20)
    monkeypatch.setattr(harness.hold, "_NEAR", 1 << 20)
    monkeypatch.setattr(
        harness.hold, "available_bytes", lambda: machine - sum(len(chunk) for chunk in chunks)
    )
    harness.hold._adjust(chunks, 40 << 20)
    assert sum(map(len, chunks)) == 60 << 20
    assert all(set(chunk[::4096]) == {1} for chunk in chunks)  # every page was written
    machine = 70 << 20
    harness.hold._adjust(chunks, 40 << 20)
    assert 40 << 20 <= machine - sum(map(len, chunks)) <= 56 << 20
    harness.hold._adjust(chunks, 80 << 20)
    assert chunks == []


def test_the_process_that_holds_memory_is_the_first_to_go(harness: types.SimpleNamespace) -> None:
    environment = {**os.environ, "PYTHONPATH": str(BENCH)}
    with harness.hold.Holder(1 << 60, environment) as holder:
        assert holder.adjust()["held"] == 0
        folder = Path(f"/proc/{holder._process.pid}")
        assert (folder / "oom_score_adj").read_text() == "1000\n"
    assert not folder.exists()
    with harness.hold.Holder(1 << 60, environment) as holder:
        holder._process.kill()
        holder._process.wait()
        with pytest.raises(RuntimeError, match=r"ended \(-9\)"):
            holder.adjust()


def test_figures_are_compared_within_rounds(harness: types.SimpleNamespace) -> None:
    rows = [
        harness.report.Row("ours", "", [{"s": 10.0}, {"s": 30.0}]),
        harness.report.Row("a", "", [{"t": 4.0}, {"t": 10.0}]),
        harness.report.Row("b", "", [{"t": 6.0}, {"t": 10.0}]),
        harness.report.Row("empty", "", [{}, {"t": 1.0}]),
    ]
    figure = harness.task.Figure("text", "ours", "s", 2.5, True, ("a", "b"), "t")
    assert harness.report.figure_line(figure, rows) == (
        "figure: text: 2.50 (2.00 - 3.00); at least 2.5: met"
    )
    lower = harness.task.Figure("text", "ours", "s", 5, False, ("a",), "t", difference=True)
    assert harness.report.figure_line(lower, rows).endswith(
        "13.0 (6.00 - 20.0); at most 5: NOT MET"
    )
    without = harness.task.Figure("text", "ours", "s", 5, False, ("empty",), "t")
    assert "not measured: `empty` has no t" in harness.report.figure_line(without, rows)


def test_only_what_benchmarks_made_is_removed(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    numbered_rows(harness, tmp_path)
    (tmp_path / "mine").mkdir()
    assert len(harness.data.remove_made(tmp_path)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_sampler_that_repeats_loses_order_or_invents_is_found(
    harness: types.SimpleNamespace,
) -> None:
    data = small_data(harness, rows=6000, batch_size=100)
    rows = np.random.default_rng(1).permutation(data.rows)

    def measure(numbers: Any) -> Any:
        batches = numbers.reshape(-1, 100).tolist()
        return harness.once.measure_sampler(lambda _: batches, data)

    assert measure(rows).metrics["us_per_batch"] > 0
    repeated = np.where(np.arange(6000) == 4000, rows[17], rows)
    for wrong, message in ((repeated, "row twice"), (rows + 1, "that is none"),
                           (np.arange(6000), "does not shuffle")):  # fmt: skip
        with pytest.raises(harness.data.WrongAnswerError, match=message):
            measure(wrong)


def test_a_wrong_row_of_an_item_is_found(harness: types.SimpleNamespace, tmp_path: Path) -> None:
    data = harness.data.Data(rows=12, width=2048, batch_size=1, files=12, seed=0, root=tmp_path)

    def load(paths: Any, function: Any) -> Any:
        return np.stack([function(path) for path in paths])

    assert harness.once.measure_items(load, data).metrics["items_per_s"] > 0
    with pytest.raises(harness.data.WrongAnswerError, match=r"000000.*is wrong"):
        harness.once.measure_items(lambda paths, function: load(paths, function)[::-1], data)


def test_mixing_is_computed_and_drawn() -> None:
    mixing = of_bench("mixing")
    setting = mixing.Setting(64, 64)
    *_, line = mixing.table([setting]).splitlines()
    bits = [float(cell) for cell in line.split("|")[3:-1] if cell.strip()]
    assert len(bits) == 7 + 1  # windows up to the number of shards, and the exact shuffle
    assert bits == sorted(bits)
    assert bits[0] < 1 < bits[-2] < bits[-1] < 6
    image = ElementTree.fromstring(of_bench("harness.charts").draw([mixing.plot(64)], ""))
    assert len([node for node in image.iter() if node.tag.endswith("circle")]) == 3 * 7


def test_sizes_of_a_cache_are_compared_and_drawn(tmp_path: Path) -> None:
    caches = of_bench("cache_size")
    reads = [0, 1, 2, 0, 1, 2, 0]
    assert [caches.lru(reads, room) for room in (1, 2, 3)] == [7, 7, 3]
    assert [caches.optimal(reads, room) for room in (1, 2, 3)] == [7, 5, 3]
    setting = caches.Setting(shards=8, rows=16, batch=8, epochs=2, rounds=1, pause_s=0)
    caches.make_store(setting, tmp_path / "store")
    shuffle = of_bench("headrace").ShardShuffle(window=2)
    found = caches.measure(setting, tmp_path / "store", shuffle, (4, 8))
    assert [dict(points)[8] for points in found.values()] == [0, 0, 0]
    headrace, lru, optimal = (dict(points)[4] for points in found.values())
    assert 0 < optimal <= headrace <= 2  # a download may be given up, and begin anew
    assert optimal <= lru
    refused = caches.measure(setting, tmp_path / "store", True, (4,))
    assert refused["headrace"] == []
    assert caches.table(setting, refused).endswith(
        f"| {refused['LRU'][0][1]:.2f} | " + (f"{refused['optimal (Belady)'][0][1]:.2f} |")
    )
    image = ElementTree.fromstring(
        of_bench("harness.charts").draw([caches.plot(setting, "", found, 1.0)], "")
    )
    drawn = [node for node in image.iter() if node.tag.endswith("circle")]
    assert len(drawn) == 6
    assert all(34 <= float(node.get("cy", "-1")) <= 234 for node in drawn)


def test_density_is_measured_and_drawn() -> None:
    density = of_bench("density")
    points = density.measure(1100, 1, 0, 0.0)
    assert len(points) == len(density.DENSITIES) * len(density.STORES)
    assert density.table(points).count("\n") == 1 + len(density.DENSITIES)
    image = ElementTree.fromstring(density.chart(points, 1100))
    drawn = [node for node in image.iter() if node.tag.endswith("circle")]
    assert len(drawn) == 2 * len(points)
    assert all(0 < float(node.get("cx", "-1")) < 430 for node in drawn)
