"""`make demo DATA=...`: the three loaders on a user's own files."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

pytest.importorskip("torch")
pytest.importorskip("dask.array")
pytest.importorskip("pyarrow")

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "examples" / "demo" / "own_files.py"
LOADERS = ("as usually written", "best by hand", "headrace")


def run(data: object, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), str(data), "--seconds", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three .npy files of unequal size, with values that are no numbers among them."""
    features = np.random.default_rng(3).random((900, 12), dtype=np.float32)
    features[7] = np.nan
    for number, part in enumerate(np.split(features, [100, 450])):
        np.save(tmp_path / f"{number}.npy", part)
    return tmp_path


def findings_of(data: object, tmp_path: Path, *options: str) -> tuple[str, dict[str, Any]]:
    path = tmp_path / "findings.json"
    done = run(data, "--json", str(path), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(path.read_text())


def check_findings(screen: str, findings: dict[str, Any], *, files: int, rows: int) -> None:
    assert (findings["files"], findings["rows"]) == (files, rows)
    assert findings["failures"] == {}
    for name in LOADERS:
        assert len(findings["rows_per_s"][name]) == 3
        assert min(findings["rows_per_s"][name]) > 0
        assert name in screen
    assert "headrace reads what numpy reads" in screen
    assert "training step takes longer than" in screen or "changes nothing here" in screen


def test_npy_files_of_a_glob_are_measured_and_stay_as_they_are(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    screen, findings = findings_of(folder / "*.npy", folder)
    check_findings(screen, findings, files=3, rows=900)
    assert "warm: 100%" in screen
    after = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    assert after == before


def test_a_folder_means_its_npy_files_and_a_file_itself(folder: Path) -> None:
    (folder / "notes.txt").write_text("not data")
    assert findings_of(folder, folder)[1]["files"] == 3
    screen, findings = findings_of(folder / "1.npy", folder)
    check_findings(screen, findings, files=1, rows=350)


def test_raw_files_are_measured_with_a_dtype_and_a_row_shape(tmp_path: Path) -> None:
    np.arange(6000, dtype=np.int16).tofile(tmp_path / "a.bin")
    np.arange(600, dtype=np.int16).tofile(tmp_path / "b.bin")
    options = ("--dtype", "int16", "--row-shape", "3x5")
    screen, findings = findings_of(tmp_path / "*.bin", tmp_path, *options)
    check_findings(screen, findings, files=2, rows=440)


def test_files_out_of_the_page_cache_are_called_cold(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((40_000, 64), dtype=np.float32))
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    screen, findings = findings_of(path, tmp_path)
    assert findings["resident_share"] < 0.1
    assert "cold" in screen


def test_a_file_system_that_does_not_tell_is_no_failure(
    demo_modules: Callable[[str], Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    residency = demo_modules("residency")
    monkeypatch.setattr(os, "preadv", refuse)
    assert residency.resident_share([folder / "1.npy"]) is None
    assert "does not tell" in demo_modules("own_files").cache_state(None)


def write_fortran(folder: Path) -> None:
    np.save(folder / "0.npy", np.asfortranarray(np.zeros((4, 3))))


def write_other_shapes(folder: Path) -> None:
    np.save(folder / "0.npy", np.zeros((4, 3)))
    np.save(folder / "1.npy", np.zeros((4, 2)))


def write_objects(folder: Path) -> None:
    np.save(folder / "0.npy", np.array([{}, []], dtype=object))


@pytest.mark.parametrize(
    ("write", "pattern", "options", "message"),
    [
        (None, "*.npy", (), "no file matches"),
        (None, "", (), "no file matches"),
        ("x.csv", "*", (), "is no .npy file (1 of 1 are not); for raw files say what they hold"),
        ("x.npy", "*", ("--dtype", "float32"), "says its dtype itself; drop DTYPE"),
        ("x.npy", "*", (), "x.npy"),
        ("x.bin", "*", ("--dtype", "float32", "--row-shape", "7"), "x.bin"),
        (write_fortran, "*", (), "Fortran"),
        (write_other_shapes, "*", (), "1.npy"),
        (write_objects, "*", (), "0.npy"),
    ],
)
def test_files_that_cannot_be_measured_are_named(
    write: Any,
    pattern: str,
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    demo_modules: Callable[[str], Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if isinstance(write, str):
        (tmp_path / write).write_bytes(b"eleven byte")
    elif write is not None:
        write(tmp_path)
    own_files = demo_modules("own_files")
    assert own_files.main([str(tmp_path / pattern), *options]) == 1
    assert message in capsys.readouterr().err


def test_a_row_shape_without_a_dtype_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "--row-shape", "3")
    assert done.returncode == 2
    assert "give DTYPE, too" in done.stderr


def test_make_passes_the_data_through_the_shell_unharmed() -> None:
    data = '/a b/it\'s "$x" *.npy'
    command = ["make", "-n", "demo", f"DATA={data}", "DTYPE=int8", "ROW_SHAPE=3x4"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    recipe = lines[lines.index(".venv/bin/python examples") :]
    show = recipe.replace(".venv/bin/python examples/demo/own_files.py", "printf '%s\\n'")
    environment = {"PATH": os.environ["PATH"], "DATA": data, "DTYPE": "int8", "ROW_SHAPE": "3x4"}
    shown = subprocess.run(
        ["bash", "-c", show], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == [data, "--dtype", "int8", "--row-shape", "3x4"]


def test_data_of_the_environment_do_not_count() -> None:
    environment = {**os.environ, "DATA": "/data"}
    shown = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True,
        env=environment,
    )  # fmt: skip
    assert "own_files.py" not in shown.stdout


def test_cold_files_are_made_cold_before_each_turn(
    demo_modules: Callable[[str], Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_files = demo_modules("own_files")
    own = own_files.find_files(str(folder), dtype=None, row_shape=())
    options = own_files.parse_arguments([str(folder), "--seconds", "0.1"])
    dropped: list[Any] = []
    monkeypatch.setattr(own_files, "drop", dropped.append)
    own_files.measure(own, 900, options, cold=False)
    assert dropped == []
    own_files.measure(own, 900, options, cold=True)
    assert dropped == [own.files] * 9


def test_a_loader_that_fails_is_reported_and_the_others_go_on(
    demo_modules: Callable[[str], Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    own_files = demo_modules("own_files")
    monkeypatch.setitem(own_files.LOADERS, "best by hand", fail)
    assert own_files.main([str(folder), "--seconds", "0.1"]) == 0
    assert "failed: OSError: [Errno 24] Too many open files" in capsys.readouterr().out
    monkeypatch.setitem(own_files.LOADERS, "headrace", fail)
    assert own_files.main([str(folder), "--seconds", "0.1"]) == 1


def test_a_row_that_headrace_reads_otherwise_is_found(
    demo_modules: Callable[[str], Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own_files = demo_modules("own_files")
    maps = own_files.OwnFiles.maps
    monkeypatch.setattr(own_files.OwnFiles, "maps", lambda own: [part + 1 for part in maps(own)])
    assert own_files.main([str(folder), "--seconds", "0.1"]) == 1
    assert "differs between numpy and headrace" in capsys.readouterr().err


def test_of_very_many_rows_the_loaders_by_hand_draw_a_part(
    demo_modules: Callable[[str], Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_loaders = demo_modules("own_loaders")
    monkeypatch.setattr(own_loaders, "MOST_ROWS_BY_HAND", 200)
    own = own_loaders.find_files(str(folder), dtype=None, row_shape=())
    deadline = demo_modules("turns").Deadline(60)
    everything = {row.tobytes() for part in own.maps() for row in part}
    for make in (own_loaders.AsUsuallyWritten, own_loaders.BestByHand):
        batches = list(make(own, deadline, rows=900, batch_size=32, seed=1).epoch(0))
        rows = {row.numpy().tobytes() for batch in batches for row in batch}
        assert len(rows) == 200
        assert rows <= everything


class SlowLoader:
    """A loader that reads a row in a twentieth of a second and never finishes a batch."""

    def __init__(self, deadline: Any, *, counts: bool) -> None:
        self._deadline = deadline
        self._counts = counts

    def epoch(self, number: int) -> Iterator[Any]:
        for _ in range(1000):
            time.sleep(0.05)
            self._deadline.rows += self._counts
            self._deadline.check()
        yield np.zeros(1000)


def test_a_turn_ends_in_the_middle_of_a_batch_that_takes_too_long(
    demo_modules: Callable[[str], Any],
) -> None:
    turns = demo_modules("turns")
    start = time.monotonic()
    assert 1 < turns.take_turn(lambda deadline: SlowLoader(deadline, counts=True), 0.6) <= 20
    with pytest.raises(turns.OutOfTimeError, match="no batch was finished"):
        turns.take_turn(lambda deadline: SlowLoader(deadline, counts=False), 0.4)
    assert time.monotonic() - start < 20  # all thousand rows would take fifty seconds each time


@pytest.mark.parametrize("name", ["as usually written", "best by hand"])
def test_the_loaders_by_hand_end_within_a_batch(
    name: str, demo_modules: Callable[[str], Any], folder: Path
) -> None:
    own_files, turns = demo_modules("own_files"), demo_modules("turns")
    own = own_files.find_files(str(folder), dtype=None, row_shape=())
    over = turns.Deadline(-1)
    loader = own_files.LOADERS[name](own, over, rows=900, batch_size=900, seed=1)
    with pytest.raises(turns.OutOfTimeError):
        next(loader.epoch(0))


def test_a_directory_of_shards_is_measured_by_its_largest_column(tmp_path: Path) -> None:
    x = np.random.default_rng(3).random((900, 3, 4), dtype=np.float32)
    folder = tmp_path / "corpus"
    for part in np.split(x, [100, 450]):
        with hr.Writer(folder) as writer:
            writer.write(y=np.arange(len(part)), x=part, text=["a"] * len(part))
    screen, findings = findings_of(folder, tmp_path)
    check_findings(screen, findings, files=3, rows=900)
    assert "its largest column of fixed shape, 'x'" in screen
    done = run(folder, "--dtype", "float32")
    assert done.returncode == 1
    assert "drop DTYPE" in done.stderr


def test_shards_without_a_column_of_fixed_shape_are_refused(tmp_path: Path) -> None:
    with hr.Writer(tmp_path / "corpus") as writer:
        writer.write(text=["a", "b"])
    done = run(tmp_path / "corpus")
    assert done.returncode == 1
    assert "has no column whose rows have one shape" in done.stderr
