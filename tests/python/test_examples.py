"""The examples run as they are printed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", ["03_sparse", "04_shards"])
def test_an_example_runs_and_says_what_came_out(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "rows right" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_native_example_gives_the_same_in_cpp_and_in_rust(
    tmp_path: Path, native_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("scipy.sparse")
    monkeypatch.setenv("XDG_CACHE_HOME", str(native_cache))
    command = [sys.executable, str(EXAMPLES / "05_native_transform" / "native_transform.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "500 rows right" in done.stdout
    if shutil.which("cargo") is None:
        pytest.skip("the Rust part was left out: there is no cargo")
    assert "Rust gives the same" in done.stdout
