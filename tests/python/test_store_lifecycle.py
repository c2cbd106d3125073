"""Ctrl-C, exits and forks while a store is asked: nothing hangs, and nothing crashes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from child_processes import running
from fault_server import fault_server
from object_stores import Answer, http_server

import headrace as hr
from headrace.stores import background_loop, open_store

# How long a process may take to end; the store would stall for longer.
_SOON_S = 4.0
# How soon most waits end, also on a busy machine; signals are looked for every 0.05 s.
_AT_ONCE_S = 0.5
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
# The client's threads run when nothing else wants the processor, and something does until the
# interpreter is gone; what is left of the process stays for a second more, the status of its exit.
_STARVED = (
    _EXIT
    + """
import contextlib, ctypes, subprocess
cpus = {min(os.sched_getaffinity(0))}
for thread in map(int, os.listdir("/proc/self/task")):
    with contextlib.suppress(OSError):
        os.sched_setaffinity(thread, cpus)
        with open(f"/proc/self/task/{thread}/comm") as name:
            if name.read().startswith("tokio"):
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
busy = "import time; end = time.time() + 0.8\\nwhile time.time() < end: pass"
subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
libc = ctypes.CDLL(None)
libc.on_exit(libc.sleep, None)
sys.exit(1)
"""
)
# A thread of the client that comes late, as on a busy machine.
_LATE = """
import asyncio, threading, time
from headrace.stores import background_loop
begun = threading.Event()
def come_late(held):
    begun.set()
    time.sleep(0.5)
    say()
def begin(held):
    threading.Thread(target=come_late, args=(held,), daemon=True).start()
    return asyncio.get_running_loop().create_future()
async def request():
    await begin(background_loop.lend(HELD))
background_loop.submit(request)
begun.wait()
"""
# Threads that ask for more while the process ends.
_ASKING = """
import threading
from headrace.stores import background_loop
async def request():
    pass
def ask():
    try:
        while True:
            background_loop.submit(request)
    except hr.CancelledError:
        pass
background_loop.submit(request).result()
sys.setswitchinterval(1e-6)
for _ in range(4):
    threading.Thread(target=ask, daemon=True).start()
"""
# A loop that does not stop, and a client that gives nothing back.
_STUCK = """
import atexit, threading, time
from headrace.stores import background_loop
background_loop._PATIENCE_S = 1.0
atexit.register(lambda: print(time.monotonic() - began))  # after the loop's
begun = threading.Event()
async def request():
    begun.set()
    time.sleep(10)
held = background_loop.lend({1})
background_loop.submit(request)
begun.wait()
began = time.monotonic()
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


_OPEN = """
import threading
ds = hr.open("s3://bucket/data", cache="cache", cache_bytes="1MB", storage_options=options)
loader = hr.Loader(ds, batch_size=10, shuffle=hr.ShardShuffle(window=1))
say()
"""
_READ = {
    "row": _OPEN + "ds[3]",
    "loader": _OPEN + "next(iter(loader))",
    "exit": _OPEN + "threading.Thread(target=lambda: next(iter(loader)), daemon=True).start()",
}
# Somebody who waits, is interrupted, says when, and waits again.
_WAIT_AGAIN = """
import time
while True:
    try:
        say()
        WAIT
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
"""
# The main thread ends while another one has called Python from C++.
_CALLED_BACK = (
    """
import threading, time
from headrace.stores.fetching import Fetching
called = threading.Event()
def wake(self):
    called.set()
    while True:
        time.sleep(0.0005)
Fetching.wake = wake
"""
    + _READ["exit"]
    + "\ncalled.wait()"
)


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[str]:
    """A store with a dataset whose shards never come."""
    folder = tmp_path / "store" / "data"
    with hr.Writer(folder) as writer:
        writer.write(x=np.arange(100.0))
    (shard,) = folder.glob("shards/*.arrow")
    with fault_server(tmp_path / "store") as server:
        server.inject("bucket", f"data/shards/{shard.name}", "stalled")
        yield server.endpoint


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


def started(
    script: str, tmp_path: Path, endpoint: str = ""
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A process that runs a script, and its children."""
    return running(
        [sys.executable, "-c", _BEGIN + script, json.dumps({**_OPTIONS, "endpoint": endpoint})],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )


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


@pytest.mark.parametrize("what", ["row", "loader"])
def test_ctrl_c_ends_a_wait_for_a_shard(
    what: str, stalled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with started(_READ[what], tmp_path, stalled) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(5.7 if what == "loader" else 0.5)
        began = time.perf_counter()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=25)
        seconds = time.perf_counter() - began
    assert "KeyboardInterrupt" in errors
    assert process.returncode == -signal.SIGINT
    assert seconds < _SOON_S
    told = [line for line in errors.splitlines() if line.startswith("headrace: has waited 5 s for")]
    assert len(told) == (1 if what == "loader" else 0), errors
    assert all("s3://bucket/data/shards/" in line for line in told)


@pytest.mark.parametrize(
    "wait", ["ds[3]", "next(iter(loader))", "open_store('s3://bucket/data', options).get(KEY)"]
)
def test_ctrl_c_ends_a_wait_at_once(
    wait: str, stalled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (shard,) = tmp_path.glob("store/data/shards/*")
    waiting = _WAIT_AGAIN.replace("WAIT", wait).replace("KEY", f"'shards/{shard.name}'")
    with started(_OPEN.removesuffix("say()\n") + waiting, tmp_path, stalled) as process:
        assert process.stdout is not None
        seconds = []
        for _ in range(5):
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.3)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            seconds.append(float(process.stdout.readline()) - began)
    assert statistics.median(seconds) < _AT_ONCE_S, seconds
    assert max(seconds) < _SOON_S, seconds


@pytest.mark.parametrize("script", [_READ["exit"], _CALLED_BACK], ids=["waiting", "called back"])
def test_a_process_ends_while_a_shard_is_waited_for(
    script: str, stalled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with started(script, tmp_path, stalled) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.perf_counter()
        _, errors = process.communicate(timeout=25)
    assert process.returncode == 0, errors
    assert time.perf_counter() - began < _SOON_S


@pytest.mark.parametrize(("script", "status"), [(_EXIT, 0), (_STARVED, 1)], ids=["idle", "starved"])
def test_a_process_ends_while_shards_are_uploaded(
    script: str, status: int, stalling: str, tmp_path: Path
) -> None:
    with started(script, tmp_path, stalling) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.perf_counter()
        _, errors = process.communicate(timeout=25)
    assert (errors, process.returncode) == ("", status)
    assert time.perf_counter() - began < 2 * _SOON_S
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "held", ["asyncio.get_running_loop().create_future()", "memoryview(b'bytes')"]
)
def test_a_process_ends_when_the_client_has_given_back_all(held: str, tmp_path: Path) -> None:
    with started(_LATE.replace("HELD", held), tmp_path) as process:
        output, errors = process.communicate(timeout=25)
    assert (output, errors, process.returncode) == ("ready\n", "", 0)


def test_a_process_ends_while_threads_ask_for_more(tmp_path: Path) -> None:
    with started(_ASKING, tmp_path) as process:
        output, errors = process.communicate(timeout=25)
    assert (output, errors, process.returncode) == ("", "", 0)


def test_the_end_waits_once_for_all(tmp_path: Path) -> None:
    assert background_loop._PATIENCE_S <= _SOON_S
    with started(_STUCK, tmp_path) as process:
        output, errors = process.communicate(timeout=25)
    assert (errors, process.returncode) == ("", 0)
    assert float(output) < 1.8


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
    assert "DataLoader with multiprocessing_context='spawn'" in output
    assert output.endswith("ready\n")
