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
    assert len(report["checks"]) >= 10


def test_rows_come_from_at_least_three_kinds_of_file(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    _, report = screen_and_report
    corpus = report["corpus"]
    assert len(corpus["kinds"]) >= 3
    for split in ("train", "test"):
        assert len(corpus["rows_by_kind"][split]) == len(corpus["kinds"])
        assert all(rows > 0 for rows in corpus["rows_by_kind"][split])


def test_each_loader_hands_out_each_row_exactly_once(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    screen, report = screen_and_report
    rows = sum(report["corpus"]["rows_by_kind"]["train"])
    for name in ("by_hand", "headrace"):
        assert report["loaders"][name]["rows"] == rows
        assert report["loaders"][name]["each_row_once"]
        assert not report["loaders"][name]["extrapolated"]
    assert report["loaders"]["usual"]["each_row_once"]
    assert report["loaders"]["usual"]["extrapolated"]
    assert "extrapolated" in screen


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


def test_the_models_learned_something_with_every_loader(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    _, report = screen_and_report
    chance = 1 / len(report["corpus"]["kinds"])
    for loader in report["loaders"].values():
        assert min(loader["part_accuracies"]) > 2 * chance


def test_words_are_hashed_as_a_loop_counts_them_and_can_be_learned(
    screen_and_report: tuple[str, dict[str, Any]],
) -> None:
    screen, report = screen_and_report
    words = report["words"]
    assert words["fragments"] >= 0.9 * sum(map(sum, report["corpus"]["rows_by_kind"].values()))
    assert words["accuracy"] > 2 / len(report["corpus"]["kinds"])
    assert "times as long" in screen


def test_too_few_rows_are_refused_with_what_to_do(cache: Path) -> None:
    done = run_demo(cache, "--rows", "10")
    assert done.returncode == 2
    assert "--rows 10 is too few; give 4000 or more" in done.stderr


def test_the_check_of_rows_finds_a_lost_and_a_repeated_row(
    demo_modules: Callable[[str], Any],
) -> None:
    checks = demo_modules("checks")
    rng = np.random.default_rng(5)
    x = rng.random((100, 512), dtype=np.float32)
    y = rng.integers(0, 4, 100)
    expected = checks.row_hashes(x, y)
    shuffled = rng.permutation(100)
    assert checks.each_row_once(checks.row_hashes(x[shuffled], y[shuffled]), expected)
    assert not checks.each_row_once(expected[:-1], expected)
    twice = np.r_[0, 0, 2:100]
    assert not checks.each_row_once(checks.row_hashes(x[twice], y[twice]), expected)
    foreign_targets = np.roll(y, 1)
    assert not checks.each_row_once(checks.row_hashes(x, foreign_targets), expected)


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
