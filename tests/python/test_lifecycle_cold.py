"""Ends, forks and Ctrl-C while rows are on their way from the device: no hang, nothing left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[[str], "subprocess.Popen[str]"]

# Every script starts with a file of 64 MiB, a page each row, of which nothing is in memory.
PRELUDE = """
import gc, multiprocessing, os, signal, sys, threading, time
import numpy as np
import headrace as hr
from page_cache import drop_pages

ROWS = 16384
path = os.path.abspath("rows.bin")

def make_cold():
    if not drop_pages([path]):
        print("kept", flush=True)  # this file system keeps its pages
        os._exit(0)

def dataset(io):
    return hr.memmap({"y": [path]}, dtype="int64", row_shape=512, io=io)

def loader_of(ds, **arguments):
    settings = dict(batch_size=64, shuffle=True, num_threads=2, output="numpy")
    return hr.Loader(ds, **(settings | arguments))

def same(batch):
    return batch

def whole_pass(loader):
    rows = np.concatenate([batch["y"][:, 0] for batch in loader])
    assert sorted(rows.tolist()) == list(range(ROWS)), "a pass must have every row once"

def count():
    maps = sum(path in line for line in open("/proc/self/maps"))
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), maps

if __name__ == "__main__":
    if not os.path.exists(path):
        np.repeat(np.arange(ROWS), 512).tofile(path)
    make_cold()
"""

HOW = pytest.mark.parametrize(
    ("io", "transform"),
    [("mmap", None), ("pread", None), ("mmap", 2), ("pread", 2)],
    ids=str,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cold")


@pytest.fixture
def start(folder: Path) -> Start:
    """Starts a script, whose file is there already from the second one on."""

    def run(code: str) -> subprocess.Popen[str]:
        script = folder / "script.py"
        script.write_text(textwrap.dedent(PRELUDE) + textwrap.dedent(code))
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
            start_new_session=True,
        )

    return run


def finish(process: subprocess.Popen[str], timeout: float = 60) -> tuple[str, str]:
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler shows where it hangs
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children, who hold the pipes open
        pytest.fail("the process hangs: " + process.communicate()[1])
    if out.startswith("kept"):
        pytest.skip("this file system keeps pages that are to be dropped")
    return out, err


def loader(io: str, transform: int | None) -> str:
    arguments = "" if transform is None else f", transform=same, transform_threads={transform}"
    return f"loader_of(dataset({io!r}){arguments})"


@HOW
@pytest.mark.parametrize(
    ("end", "returncode", "says"),
    [
        ("", 0, ""),
        ("raise RuntimeError('training failed')", 1, "RuntimeError: training failed"),
        ("sys.exit(3)", 3, ""),
        ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM, ""),
        ("os._exit(5)", 5, ""),
    ],
    ids=["end", "exception", "exit", "signal", "_exit"],
)
def test_a_process_ends_in_the_middle_of_a_cold_pass(
    end: str, returncode: int, says: str, io: str, transform: int | None, start: Start
) -> None:
    process = start(
        f"""
        loader = {loader(io, transform)}
        batches = iter(loader)
        first = next(batches)
        print("ready", flush=True)
        {end}
        """
    )
    assert process.stdout is not None
    if process.stdout.readline() == "kept\n":
        finish(process)
        pytest.skip("this file system keeps pages that are to be dropped")
    begin = time.monotonic()
    _, err = finish(process)
    assert process.returncode == returncode, err
    assert time.monotonic() - begin < 5
    lines = err.splitlines()
    assert (lines[-1:] == [says] and lines[0].startswith("Traceback")) if says else not lines, err


# What may be under way when the signal comes.
READS = {
    "batches": "next(iter(loader))",
    "a slice": "ds[:]",
    "a list of rows": "ds[order]",
    "peek": "loader.peek()",
    "listed peek": "listed.peek()",
}


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("read", READS)
def test_ctrl_c_ends_a_cold_read(read: str, io: str, start: Start) -> None:
    process = start(
        f"""
        ds = dataset({io!r})
        before = len(os.listdir("/proc/self/task"))
        order = np.random.default_rng(1).permutation(ROWS)
        loader = loader_of(ds, batch_size=ROWS)
        listed = hr.Loader(ds, batch_sampler=[order], output="numpy")
        print("ready", flush=True)
        try:
            while True:
                {READS[read]}
                make_cold()
        except KeyboardInterrupt:
            stopped = time.monotonic()
        loader.close()
        listed.close()
        print(stopped, time.monotonic(), flush=True)
        assert len(os.listdir("/proc/self/task")) == before
        whole_pass(loader_of(ds))
        """
    )
    assert process.stdout is not None
    if process.stdout.readline() == "kept\n":
        finish(process)
        pytest.skip("this file system keeps pages that are to be dropped")
    time.sleep(0.07)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = finish(process)
    assert process.returncode == 0, err
    assert not err
    stopped, closed = (float(value) - sent for value in out.split())
    print(f"{read}, {io}: interrupted after {stopped:.3f} s, closed after {closed:.3f} s")
    assert closed < 2, (stopped, closed)


def test_ctrl_c_ends_a_slice_that_would_take_long(run_script: RunScript) -> None:
    done = run_script(
        """
        import signal, threading, time
        import numpy as np, headrace as hr

        ds = hr.from_arrays(x=np.broadcast_to(np.uint8(1), (1 << 40,)))
        threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT)).start()
        start = time.monotonic()
        try:
            ds[: 1 << 32]  # 4 GiB, seconds
        except KeyboardInterrupt:
            print("stopped", time.monotonic() - start)
        """
    )
    found = re.fullmatch(r"stopped (.*)\n", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) < 2


@HOW
def test_a_child_forked_in_a_cold_pass_and_its_parent_go_on(
    io: str, transform: int | None, start: Start
) -> None:
    process = start(
        f"""
        ds = dataset({io!r})
        loader = {loader(io, transform)}
        batches = iter(loader)
        got = [next(batches)]
        for work in (lambda: whole_pass(loader), lambda: whole_pass(loader_of(ds)),
                     lambda: ds[np.arange(0, ROWS, 7)], lambda: sys.exit(0)):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    signal.alarm(40)
                    work()
                    code = 0
                except SystemExit:
                    raise  # through all that an exit runs
                except BaseException as error:
                    print(repr(error), file=sys.stderr, flush=True)
                os._exit(code)
            got.append(next(batches))
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        got += batches
        assert sorted(np.concatenate([b["y"][:, 0] for b in got]).tolist()) == list(range(ROWS))
        whole_pass(loader)
        """
    )
    _, err = finish(process, timeout=120)
    assert process.returncode == 0, err


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_processes_are_started_in_the_middle_of_a_cold_pass(
    method: str, io: str, start: Start
) -> None:
    process = start(
        f"""
        def work(queue, ds, loader):
            whole_pass(loader)
            whole_pass(loader_of(ds))
            queue.put(ds[5]["y"][0])

        if __name__ == "__main__":
            loader = {loader(io, 2)}
            batches = iter(loader)
            first = next(batches)
            context = multiprocessing.get_context({method!r})
            queue = context.Queue()
            child = context.Process(target=work, args=(queue, loader.dataset, loader))
            child.start()
            second = next(batches)
            assert queue.get(timeout=60) == 5
            child.join(30)
            assert child.exitcode == 0, child.exitcode
            rows = np.concatenate([b["y"][:, 0] for b in [first, second, *batches]])
            assert sorted(rows.tolist()) == list(range(ROWS))
        """
    )
    _, err = finish(process, timeout=120)
    assert process.returncode == 0, err


@HOW
def test_nothing_is_left_of_cold_passes(io: str, transform: int | None, start: Start) -> None:
    process = start(
        f"""
        ends = ["loader.close()", "batches.__del__()", "iter(loader)", "list(batches)",
                "cycle = [loader, batches]; cycle.append(cycle)"]
        def use(end):
            make_cold()
            loader = {loader(io, transform)}
            batches = iter(loader)
            kept = next(batches), next(batches)
            exec(end, dict(loader=loader, batches=batches))
            return kept
        use(ends[0])
        gc.collect()
        before = count()
        for end in ends * 2:
            kept = use(end)
            gc.collect()
            deadline = time.monotonic() + 10
            while count() != before and time.monotonic() < deadline:
                time.sleep(0.01)  # the kernel takes a moment to forget a thread that was joined
            assert count() == before, (end, count(), before)
            for batch in kept:  # what is kept holds neither the file nor another batch
                assert (batch["y"] == batch["y"][:, :1]).all()
        """
    )
    _, err = finish(process)
    assert process.returncode == 0, err
