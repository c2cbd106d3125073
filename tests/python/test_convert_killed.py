"""A conversion that is killed at any time goes on: every row once, in the same order."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from child_processes import running

import headrace as hr

SCRIPT = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
import numpy as np, headrace as hr

def rows_of(path):
    number = int(open(path).read())
    time.sleep(0.002)
    for k in range(3):
        yield {"x": np.arange(10) + 30 * number + 10 * k}

def main():
    folder, workers = sys.argv[1], int(sys.argv[2])
    pool = None
    if workers:
        context = multiprocessing.get_context(sys.argv[3])
        pool = ProcessPoolExecutor(workers, mp_context=context)
    print("ready", flush=True)
    ds = hr.convert(folder + "/in/*.txt", folder + "/out", transform=rows_of, executor=pool,
                    shard_bytes=2000, progress=False)
    print("done", len(ds), flush=True)

if __name__ == "__main__":
    main()
"""
INPUTS = 100


@contextlib.contextmanager
def started(script: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with running([sys.executable, str(script), *arguments]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.parametrize(
    ("workers", "context", "sent"),
    [
        ("0", "", signal.SIGKILL),
        ("2", "spawn", signal.SIGKILL),
        ("2", "fork", signal.SIGKILL),
        ("0", "", signal.SIGINT),
    ],
)
def test_a_killed_conversion_goes_on(
    workers: str, context: str, sent: signal.Signals, tmp_path: Path
) -> None:
    seed = int(os.environ.get("HEADRACE_KILL_SEED", "7"))
    print(f"seed {seed}")
    rng = random.Random(seed)
    (tmp_path / "in").mkdir()
    for k in range(INPUTS):
        (tmp_path / "in" / f"{k:04}.txt").write_text(str(k))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    expected = list(range(30 * INPUTS))
    committed = 0
    for _ in range(int(os.environ.get("HEADRACE_KILLS", "2"))):
        with started(script, str(tmp_path), workers, context) as process:
            time.sleep(rng.uniform(0.0, 0.3))
            os.killpg(process.pid, sent) if sent == signal.SIGKILL else process.send_signal(sent)
            process.wait(20)
        if (tmp_path / "out" / "manifests").exists() and os.listdir(tmp_path / "out/manifests"):
            found = hr.open(tmp_path / "out")["x"][:].tolist()
            assert found == expected[: len(found)]
            assert len(found) >= committed
            committed = len(found)
    with started(script, str(tmp_path), workers, context) as process:
        assert process.communicate(timeout=60)[0] == f"done {30 * INPUTS}\n"
    assert hr.open(tmp_path / "out")["x"][:].tolist() == expected
