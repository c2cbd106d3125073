"""Ctrl-C, exits and forks while a store is asked: nothing hangs, and nothing crashes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_stores import Answer, http_server

import headrace as hr
from headrace.stores import open_store

# How long a process may take to end; the store would stall for longer.
_SOON_S = 4.0
_OPTIONS = {
    "region": "x",
    "access_key_id": "a",
    "secret_access_key": "b",
    "retry_config": {"max_retries": 0},
}

_BEGIN = """
import json, os, sys, numpy as np, headrace as hr
from headrace.stores import open_store
options = json.loads(sys.argv[1])
def say():
    print("ready", flush=True)
"""
_UPLOAD = """
with hr.Writer("s3://bucket/data", storage_options=options, shard_bytes="100KB") as writer:
    say()
    writer.write(x=np.zeros(100_000))
    os._exit(8)  # never: the fifth shard waits for one of the first
"""
_DOWNLOAD = """
say()
open_store("s3://bucket/data", options).get("shards/a")
"""
_EXIT = """
writer = hr.Writer("s3://bucket/data", storage_options=options, shard_bytes="100KB")
writer.write(x=np.zeros(30_000))
say()
"""
_FORK = """
store = open_store("memory://data")
store.put("a", b"1")
if os.fork() == 0:
    try:
        store.get("a")
    except hr.UnsupportedError as error:
        print(error, flush=True)
        os._exit(7)
_, status = os.wait()
assert store.get("a") == b"1"
say()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture
def stalling() -> Iterator[str]:
    """A store that takes all but shards, which it keeps waiting."""
    end = threading.Event()
    created: set[str] = set()

    def answer(method: str, path: str, _: dict[str, str]) -> Answer:
        if "/shards/" in path:
            end.wait(30)
        if method != "PUT":
            return 404, {}, b""
        taken = path in created
        created.add(path)
        return (412 if taken else 200), {"ETag": '"e"'}, b""

    with http_server(answer) as url:
        yield url
        end.set()


@contextlib.contextmanager
def started(script: str, tmp_path: Path, endpoint: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that runs a script, and its children; killed where the test ends before them."""
    with subprocess.Popen(
        [sys.executable, "-c", _BEGIN + script, json.dumps({**_OPTIONS, "endpoint": endpoint})],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("script", [_UPLOAD, _DOWNLOAD], ids=["upload", "download"])
def test_ctrl_c_ends_a_wait_for_a_store_that_stalls(
    script: str, stalling: str, tmp_path: Path
) -> None:
    with started(script, tmp_path, stalling) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        began = time.perf_counter()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=25)
        seconds = time.perf_counter() - began
    assert "KeyboardInterrupt" in errors
    assert process.returncode == -signal.SIGINT
    assert seconds < _SOON_S
    assert list(tmp_path.iterdir()) == []


def test_a_process_ends_while_shards_are_uploaded(stalling: str, tmp_path: Path) -> None:
    began = time.perf_counter()
    with started(_EXIT, tmp_path, stalling) as process:
        output, errors = process.communicate(timeout=25)
    assert (output, process.returncode) == ("ready\n", 0), errors
    assert time.perf_counter() - began < 4 * _SOON_S
    assert list(tmp_path.iterdir()) == []


def test_who_waits_for_a_store_that_is_closed_is_woken(stalling: str) -> None:
    store = open_store("s3://bucket/data", {**_OPTIONS, "endpoint": stalling})
    found: list[BaseException] = []

    def wait() -> None:
        try:
            store.get("shards/a")
        except hr.CancelledError as error:
            found.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    began = time.perf_counter()
    store.close()
    for thread in threads:
        thread.join()
    assert time.perf_counter() - began < _SOON_S
    assert [str(error) for error in found] == [
        "s3://bucket/data was closed while it was in use"
    ] * 3
    with pytest.raises(hr.CancelledError):
        store.get("latest")


def test_a_fork_is_told_to_spawn(tmp_path: Path) -> None:
    with started(_FORK, tmp_path) as process:
        output, errors = process.communicate(timeout=25)
    assert process.returncode == 7, errors
    assert "spawn or forkserver" in output
    assert output.endswith("ready\n")
