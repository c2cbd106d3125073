"""Threads of a transform: joined at every end, gone after a fork, no obstacle to Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]

PRELUDE = """
import gc, os, signal, sys, threading, time
import numpy as np
import headrace as hr

ds = hr.from_arrays(y=np.arange(4096))

def slow(batch):
    time.sleep(0.002)
    return batch

def loader_of(transform=slow, **arguments):
    settings = dict(batch_size=16, shuffle=True, output="numpy", transform_threads=3)
    return hr.Loader(ds, transform=transform, **(settings | arguments))

def threads():
    return len(os.listdir("/proc/self/task"))

def python_threads():
    return [x.name for x in threading.enumerate() if x.name.startswith("headrace")]

def all_joined(before):
    # The kernel takes a moment to forget a thread that was joined.
    assert not python_threads(), python_threads()
    deadline = time.monotonic() + 10
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    return threads() == before

def whole_pass(loader):
    rows = np.concatenate([batch["y"] for batch in loader])
    assert sorted(rows.tolist()) == list(range(4096)), "a pass must have every row once"
"""


@pytest.fixture
def run(run_script: RunScript) -> Callable[..., None]:
    def check(code: str, *, returncode: int = 0, timeout: float = 60) -> None:
        done = run_script(textwrap.dedent(PRELUDE) + textwrap.dedent(code), timeout=timeout)
        assert done.returncode == returncode, done.stdout + done.stderr
        assert "Traceback" not in done.stderr or returncode != 0, done.stderr

    return check


Run = Callable[..., None]


@pytest.mark.parametrize(
    "end",
    [
        "loader.close()",
        "batches = list(batches)",
        "del batches",
        "del loader, batches",
        "iter(loader)",
        "loader.load_state_dict(loader.state_dict())",
        "cycle = [loader, batches]; cycle.append(cycle); del loader, batches, cycle; gc.collect()",
    ],
)
def test_threads_are_joined_at_every_end(end: str, run: Run) -> None:
    run(
        f"""
        before = threads()
        for _ in range(5):
            loader = loader_of()
            assert threads() == before, "a loader that was only made has no threads"
            batches = iter(loader)
            next(batches)
            assert threads() >= before + 3
            {end}
            assert all_joined(before), (threads(), before)
        """
    )


def test_a_cycle_through_the_transform_itself_is_collected(run: Run) -> None:
    run(
        """
        class Training:
            def __init__(self):
                self.loader = loader_of(self.augment)
                self.batches = iter(self.loader)
            def augment(self, batch):
                return batch
        before = threads()
        for _ in range(5):
            training = Training()
            next(training.batches)
            del training
            deadline = time.monotonic() + 20
            while threads() > before and time.monotonic() < deadline:
                gc.collect()
                time.sleep(0.01)
            assert threads() == before
        """
    )


def test_a_cycle_through_the_batch_sampler_is_collected(run: Run) -> None:
    run(
        """
        class Training:
            def __init__(self):
                self.loader = hr.Loader(
                    ds, batch_sampler=self, transform=slow, transform_threads=2, output="numpy"
                )
                self.batches = iter(self.loader)
            def __len__(self):
                return 100
            def __getitem__(self, number):
                return [number]
        before = threads()
        for _ in range(5):
            training = Training()
            next(training.batches)
            time.sleep(0.1)  # the threads wait for room
            del training
            deadline = time.monotonic() + 20
            while threads() > before and time.monotonic() < deadline:
                gc.collect()
                time.sleep(0.01)
            assert threads() == before
        """
    )


def test_an_error_joins_the_threads(run: Run) -> None:
    run(
        """
        def fail(batch, context):
            if context.batch == 5:
                raise ValueError
            return slow(batch)
        before = threads()
        loader = loader_of(fail)
        try:
            for batch in loader:
                pass
        except hr.TransformError:
            assert all_joined(before)
        else:
            raise AssertionError
        """
    )


@pytest.mark.parametrize(
    "end",
    [
        "",
        "raise SystemExit(0)",
        "del loader",
        "os._exit(0)",
        "del batches",
    ],
)
def test_the_process_ends_with_a_pass_half_way(end: str, run: Run) -> None:
    run(
        f"""
        loader = loader_of()
        batches = iter(loader)
        next(batches)
        {end}
        """,
        timeout=30,
    )


def test_the_process_ends_with_a_daemon_thread_in_a_pass(run_script: RunScript) -> None:
    code = """
    batches = iter(loader_of())
    threading.Thread(target=lambda: list(batches), daemon=True).start()
    time.sleep(0.1)
    """
    done = run_script(textwrap.dedent(PRELUDE) + textwrap.dedent(code), timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_process_ends_although_a_transform_never_returns(run: Run) -> None:
    run(
        """
        def hang(batch, context):
            if context.batch == 3:
                threading.Event().wait()
            return batch
        loader = loader_of(hang)
        batches = iter(loader)
        for _ in range(3):
            next(batches)
        """,
        timeout=30,
    )


def test_an_error_does_not_wait_for_a_transform_that_never_returns(run: Run) -> None:
    run(
        """
        def work(batch, context):
            if context.batch == 4:
                threading.Event().wait()
            if context.batch == 3:
                time.sleep(0.2)
                raise ValueError
            return batch
        loader = loader_of(work)
        try:
            for batch in loader:
                pass
        except hr.TransformError as error:
            assert error.batch == 3
        else:
            raise AssertionError
        """,
        timeout=30,
    )


def test_a_forked_child_starts_anew_and_the_parent_goes_on(run: Run) -> None:
    run(
        """
        loader = loader_of()
        batches = iter(loader)
        next(batches)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.alarm(30)
                try:
                    next(batches)
                except hr.CancelledError:
                    code = 2
                assert loader.state_dict()["position"] == 16
                loader.peek()
                del batches
                gc.collect()
                whole_pass(loader)
                loader.close()
                code = 0 if code == 2 else 1
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(list(batches)) == 255
        whole_pass(loader)
        """
    )


def test_a_child_forked_while_a_lock_is_held_is_free(run: Run) -> None:
    run(
        """
        loader = loader_of(lambda batch: batch, batch_size=1)
        for batch in loader:
            break
        for k in range(30):
            batches = iter(loader)
            for _ in range(20):
                next(batches)
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)
                loader.close()
                del batches
                next(iter(loader))
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        """
    )


def test_threads_share_one_iterator(run: Run) -> None:
    run(
        """
        for transform_threads in (None, 3):
            batches = iter(loader_of(transform_threads=transform_threads))
            rows, lock = [], threading.Lock()
            def take():
                for batch in batches:
                    with lock:
                        rows.extend(batch["y"].tolist())
            workers = [threading.Thread(target=take) for _ in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            assert sorted(rows) == list(range(4096))
        """
    )


@pytest.mark.parametrize("threads", [None, 2])
def test_ctrl_c_interrupts_a_slow_transform(threads: int | None, tmp_path: Path) -> None:
    code = PRELUDE + textwrap.dedent(
        f"""
        def sleepy(batch):
            time.sleep(0.3)
            return batch

        before = threads()
        loader = loader_of(sleepy, transform_threads={threads})
        batches = iter(loader)
        next(batches)
        try:
            print("ready", flush=True)
            while True:
                next(batches)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        assert loader.state_dict()["position"] % 16 == 0
        loader.close()
        assert all_joined(before)
        print("done", flush=True)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - start < 5
    assert process.stdout.readline() == "done\n"
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
