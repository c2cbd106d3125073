"""The benchmarks of streaming: parts of a dataset, and what lies in a cache."""

from __future__ import annotations

import importlib
import shutil
import sys
import time
import types
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def harness() -> Iterator[types.SimpleNamespace]:
    """The modules of bench, which is no installed package."""
    sys.path.insert(0, str(BENCH))
    names = ("harness.cache_limit", "harness.measure", "harness.tasks", "harness.web_server", "run")
    yield types.SimpleNamespace(
        **{name.split(".")[-1]: importlib.import_module(name) for name in names}
    )
    sys.path.remove(str(BENCH))


PART_OF_A_STREAM = """
import urllib.request

import numpy as np
import torch

from harness.cold import numbered_rows

FORMAT = "raw"
ROWS_SHARE = 0.25


def write(data, folder):
    ends = np.cumsum([0, *data.file_rows()])
    for first, last in zip(ends, ends[1:]):
        numbered_rows(np.arange(first, last), data.width).tofile(folder / f"{first:06d}")


def setup(data):
    return data


def epoch(data, number):
    for path in data.shard_files:
        with urllib.request.urlopen(f"{data.http_url}/{path.name}") as answer:
            x = np.frombuffer(answer.read(), np.float32).reshape(-1, data.width)
        yield {"x": torch.from_numpy(x.copy())}
"""


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs the program nginx")
def test_a_part_of_a_stream_is_whole_files_and_measured_as_that(
    harness: types.SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.py").write_text(PART_OF_A_STREAM)
    task = replace(harness.tasks.TASKS["stream_unlimited"], source=str(tmp_path))
    monkeypatch.setitem(harness.tasks.TASKS, "part", task)
    spec = harness.measure.Spec("part", "slow", 800, 8, 1, str(tmp_path / "data"), 0.0)
    found = harness.measure.measure(spec)
    assert (found.rows, found.complete) == (200, True)
    assert found.metrics["downloads"] == 1
    (folder,) = (tmp_path / "data").glob("*-200x*-files-2")
    assert [path.stat().st_size for path in folder.iterdir()] == [100 * task.row_bytes] * 2
    assert found.metrics["rows_per_s"] == pytest.approx(200 / found.metrics["seconds"])
    assert harness.run.describe(task, "slow").endswith("(on 0.25 of the rows)")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs the program nginx")
def test_a_limited_server_gives_all_connections_no_more_together(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    content = np.random.default_rng(1).bytes(2_000_000)
    (tmp_path / "file").write_bytes(content)
    with harness.web_server.serve(tmp_path, megabytes_per_s=20) as server:

        def get(_: int) -> bytes:
            with urllib.request.urlopen(f"{server.url}/file") as answer:
                found: bytes = answer.read()
            return found

        start = time.monotonic()
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(get, range(4))) == [content] * 4
        assert time.monotonic() - start > 0.35
        assert server.sent_bytes("/file") == 4 * len(content)


def test_all_that_a_cache_takes_of_the_disk_is_seen(
    harness: types.SimpleNamespace, tmp_path: Path
) -> None:
    shards = tmp_path / "boot"
    shards.mkdir()
    (tmp_path / "ledger").touch()
    (shards / "a.shard").write_bytes(bytes(5000))  # two blocks
    (shards / "b.part").write_bytes(bytes(4096))
    mapped = np.memmap(shards / "b.part", np.uint8, mode="r")
    (shards / "b.part").unlink()
    with harness.cache_limit._Looks(tmp_path) as looks:
        end = time.monotonic() + 60
        while looks.number == 0 and time.monotonic() < end:
            time.sleep(0.001)
    assert looks.most == 3 * len(mapped)
