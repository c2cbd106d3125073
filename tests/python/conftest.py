"""What the tests share: small datasets of every tier, and scripts in processes of their own."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_stores import S3, moto_server
from page_cache import drop_pages

import headrace as hr

_DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo"

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]
Features = Callable[[int], "dict[str, np.ndarray[Any, Any]]"]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No launcher of the test run itself counts as a training job of many processes."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)


@pytest.fixture(scope="session")
def native_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests compile native transforms to: once for the whole run."""
    base = tmp_path_factory.getbasetemp()
    workers = os.environ.get("PYTEST_XDIST_WORKER")
    return (base.parent if workers else base) / "cache"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A server of S3, the same for all tests of a process."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3(s3_endpoint: str) -> S3:
    """A bucket that no other test has."""
    return S3(s3_endpoint)


@pytest.fixture
def demo_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports the demo's modules, and forgets them afterwards: their names are everyday words."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(_DEMO))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).parent == _DEMO:
            del sys.modules[name]


@pytest.fixture
def make_cold() -> Callable[[Iterable[Path]], None]:
    """Drops files from memory, or skips the test where they stay."""

    def make(paths: Iterable[Path]) -> None:
        gc.collect()  # pages of a live map stay
        if not drop_pages(paths):
            pytest.skip("this file system keeps pages that are to be dropped")

    return make


@pytest.fixture
def arrays() -> Features:
    """Makes columns whose every row tells its number: x (3 float32) and y (int64)."""

    def make(rows: int) -> dict[str, np.ndarray[Any, Any]]:
        y = np.arange(rows)
        x = np.stack([y, 2 * y, -y], axis=1).astype(np.float32)
        return {"x": x, "y": y}

    return make


@pytest.fixture
def numbered(arrays: Features) -> Callable[[int], hr.Dataset]:
    """Makes a dataset in memory whose rows tell their numbers."""
    return lambda rows: hr.from_arrays(**arrays(rows))


@pytest.fixture
def tiers(arrays: Features, tmp_path: Path) -> Callable[[int], dict[str, hr.Dataset]]:
    """Makes the same rows in memory, in raw files and in .npy files of uneven sizes."""

    def make(rows: int) -> dict[str, hr.Dataset]:
        columns = arrays(rows)
        bounds = sorted({0, rows // 7, rows // 3, rows - 1, rows})
        for name, values in columns.items():
            (tmp_path / name).mkdir()
            for k, (start, stop) in enumerate(itertools.pairwise(bounds)):
                values[start:stop].tofile(tmp_path / name / f"{k:02}.bin")
                np.save(tmp_path / name / f"{k:02}.npy", values[start:stop])
        raw = {name: f"{tmp_path}/{name}/*.bin" for name in columns}
        npy = {name: f"{tmp_path}/{name}/*.npy" for name in columns}
        return {
            "memory": hr.from_arrays(**columns),
            "raw": hr.memmap(raw, dtype={"x": "float32", "y": "int64"}, row_shape={"x": 3}),
            "npy": hr.open(npy),
        }

    return make


@pytest.fixture
def row_numbers() -> Callable[[Any], list[list[int]]]:
    """Returns the row numbers of every batch, having checked that all columns agree."""

    def read(batches: Any) -> list[list[int]]:
        out = []
        for batch in batches:
            y = np.asarray(batch["y"])
            expected = np.stack([y, 2 * y, -y], axis=1).astype(np.float32)
            np.testing.assert_array_equal(np.asarray(batch["x"]), expected)
            out.append(y.tolist())
        return out

    return read


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Runs Python code in a process of its own, within a time limit.

    With as_file, as a script that processes which it spawns can import.
    """

    def run(
        code: str, *, timeout: float = 60, as_file: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        source = ["-c", textwrap.dedent(code)]
        if as_file:
            script = tmp_path / "script.py"
            script.write_text(textwrap.dedent(code))
            source = [str(script)]
        return subprocess.run(
            [sys.executable, "-X", "faulthandler", *source],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env=os.environ | environment,
            check=False,
        )

    return run
