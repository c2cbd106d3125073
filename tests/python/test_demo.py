"""The demo, run as a user runs it, on little of everything."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("dask.array")
pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo" / "run.py"


def run_demo(cache: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEMO), "--cache", str(cache), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def screen_and_report(cache: Path) -> tuple[str, dict[str, Any]]:
    path = cache / "report.json"
    done = run_demo(cache, "--quick", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(path.read_text())


def test_every_claim_of_the_demo_holds(screen_and_report: tuple[str, dict[str, Any]]) -> None:
    _, report = screen_and_report
    failed = [claim for claim, held in report["checks"].items() if not held]
    assert not failed
    assert len(report["checks"]) >= 12


def test_rows_come_from_at_least_three_kinds_of_file(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    _, report = screen_and_report
    corpus = report["corpus"]
    assert len(corpus["kinds"]) >= 3
    for split in ("train", "test"):
        assert len(corpus["rows_by_kind"][split]) == len(corpus["kinds"])
        assert all(rows > 0 for rows in corpus["rows_by_kind"][split])


PLACES = ("sparse shards", "mapped files", "RAM")


def test_the_five_situations_are_told_on_the_same_rows(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    screen, report = screen_and_report
    for chapter in ("1. Native", "2. Shards", "3. Sparse", "4. Memory-mapped", "5. Arrays in RAM"):
        assert f"\n{chapter}" in screen
    rows = sum(report["corpus"]["rows_by_kind"]["train"])
    assert tuple(report["loaded"]) == PLACES
    for found in report["loaded"].values():
        assert found["usual"]["total"] == rows
        assert all(found["once"].values())
        assert len(found["digests"]) > 80
        assert found["digests"] == report["loaded"]["RAM"]["digests"]
        assert found["weights"] == report["loaded"]["RAM"]["weights"]


def test_the_table_says_what_plain_python_was_measured_on(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    screen, report = screen_and_report
    text, stored, sparse, mapped, memory, whole = report["lines"]
    for line in (text, stored, sparse, mapped, memory):
        assert line["measured_on"].endswith(" *")
        assert line["measured_on"] in screen
        assert line["ours"] > 0
        assert line["times_usual"] == pytest.approx(line["usual"] / line["ours"])
    for line, found in zip((sparse, mapped, memory), report["loaded"].values(), strict=True):
        sample = found["usual"]
        assert 0 < sample["sample"] < sample["total"]
        assert line["usual"] == pytest.approx(
            sample["seconds"] * sample["total"] / sample["sample"]
        )
    assert "plain Python works on a sample" in screen
    # Half a minute of dask for some rows: a claim that holds on any machine.
    assert mapped["times_usual"] > 20
    assert whole["usual"] > stored["usual"] + 2 * sparse["usual"]


def test_a_killed_epoch_goes_on_with_the_batch_of_an_undisturbed_one(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    _, report = screen_and_report
    resume = report["resume"]
    assert resume["kill_signal"] == 9
    assert 0 < resume["resumed_at"] <= resume["killed_at"] < resume["batches"] - 1
    assert resume["next_hash"] == resume["expected_hash"] != ""
    assert resume["rest_equal"]
    assert resume["weights_equal"]


def test_the_models_learned_something(screen_and_report: tuple[str, dict[str, Any]]) -> None:
    _, report = screen_and_report
    chance = 1 / len(report["corpus"]["kinds"])
    assert min(report["fairness"]["ours"] + report["fairness"]["by_hand"]) > 2 * chance


def test_too_few_rows_are_refused_with_what_to_do(cache: Path) -> None:
    done = run_demo(cache, "--rows", "10")
    assert done.returncode == 2
    assert "--rows 10 is too few; give 4000 or more" in done.stderr


def test_the_check_of_rows_finds_a_lost_and_a_repeated_row(
    demo_modules: Callable[[str], Any],
) -> None:
    checks = demo_modules("checks")
    rng = np.random.default_rng(5)
    x = rng.random((100, 1024), dtype=np.float32)
    y = rng.integers(0, 4, 100)
    expected = checks.row_hashes(x, y)
    shuffled = rng.permutation(100)
    assert checks.each_row_once(checks.row_hashes(x[shuffled], y[shuffled]), expected)
    assert not checks.each_row_once(expected[:-1], expected)
    twice = np.r_[0, 0, 2:100]
    assert not checks.each_row_once(checks.row_hashes(x[twice], y[twice]), expected)
    foreign_targets = np.roll(y, 1)
    assert not checks.each_row_once(checks.row_hashes(x, foreign_targets), expected)


def test_rows_have_one_hash_whether_they_are_dense_or_sparse(
    demo_modules: Callable[[str], Any],
) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    checks = demo_modules("checks")
    rng = np.random.default_rng(6)
    x = rng.random((100, 1024), dtype=np.float32) * (rng.random((100, 1024)) < 0.1)
    x[7] = 0
    y = rng.integers(0, 4, 100)
    hashes = checks.sparse_hashes(sparse.csr_matrix(x), y)
    np.testing.assert_array_equal(hashes, checks.row_hashes(x, y))
    assert len(np.unique(hashes)) == 100


def test_a_wrong_split_is_noticed(demo_modules: Callable[[str], Any]) -> None:
    checks = demo_modules("checks")
    train, test = np.arange(5, dtype=np.uint64), np.arange(5, 9, dtype=np.uint64)
    assert checks.split_leaks(train, test, ["a"], ["b"]) == []
    assert checks.split_leaks(train, test[:-1] - np.uint64(1), ["a"], ["a"]) == [
        "1 files that are in training and in test",
        "1 rows of test files in training",
        "1 rows that are there more than once",
    ]


def test_a_machine_without_text_is_told_what_to_install(
    demo_modules: Callable[[str], Any], tmp_path: Path
) -> None:
    corpus = demo_modules("corpus")
    nowhere = tuple(
        corpus.Kind(kind.name, (tmp_path / "nowhere",), kind.accepts) for kind in corpus.kinds()
    )
    with pytest.raises(corpus.CorpusError, match=r"found 0; .*apt-get install python3-dev"):
        corpus.gather(1000, nowhere)


def test_binary_linked_repeated_and_broken_files_are_no_text(
    demo_modules: Callable[[str], Any], tmp_path: Path
) -> None:
    corpus = demo_modules("corpus")
    kinds = []
    for name in ("a", "b", "c"):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(25):
            (folder / f"{number}.txt").write_text(f"{name} {number} words " * 3000)
        kinds.append(corpus.Kind(name, (folder,), lambda path: True))
    good = corpus.gather(10_000, tuple(kinds))
    (tmp_path / "a" / "binary").write_bytes(b"\0" * 5000)
    (tmp_path / "a" / "repeated").write_bytes((tmp_path / "a" / "0.txt").read_bytes())
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "0.txt")
    (tmp_path / "a" / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a" / "broken.gz").write_bytes(b"\x1f\x8b\x08 not what it says it is " * 100)
    (tmp_path / "a" / "short").write_text("short")
    assert len(corpus.gather(10_000, tuple(kinds)).sources) == len(good.sources) == 75
