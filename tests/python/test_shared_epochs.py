"""The file through which workers of a DataLoader agree on the epoch: threads, kills, forks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.shared_epochs import SharedEpochs


def in_threads(*functions: Callable[[], object]) -> list[BaseException]:
    """Runs each function over and over for a moment; returns what they raised."""
    errors: list[BaseException] = []
    end = threading.Event()

    def run(function: Callable[[], object]) -> None:
        try:
            while not end.is_set():
                function()
        except BaseException as error:  # noqa: BLE001  # raised by the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    end.wait(0.5)
    end.set()
    for thread in threads:
        thread.join()
    return errors


def test_threads_of_one_process_take_turns() -> None:
    shared = SharedEpochs.create((0, 0))
    seeds = iter(range(10**9))

    def take() -> None:
        shared.take((next(seeds), 0), 0)

    assert in_threads(shared.next, lambda: shared.put_next((3, 12345)), take) == []


def test_a_loader_is_asked_and_changed_in_threads() -> None:
    loader = hr.Loader(hr.from_arrays(np.arange(9)), output="numpy")
    assert loader._epochs.share() is not None
    numbers = iter(range(10**9))
    errors = in_threads(
        lambda: loader.set_epoch(next(numbers)),
        lambda: loader.epoch,
        loader.state_dict,  # raises once workers seem to have begun a pass
    )
    assert errors == []


class Killed(BaseException):
    """Stands for a kill: nothing behind it is run."""


@pytest.mark.parametrize("done", range(4))
@pytest.mark.parametrize("workers", [1, 3000])
def test_a_process_that_is_killed_leaves_a_whole_content(
    done: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = SharedEpochs.create((4, 0))
    for worker in range(workers):
        shared.take((1, 0), worker)
    before = shared.next()
    calls = 0

    def dies(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: int, what: Any, *offset: int) -> Any:
            nonlocal calls
            calls += 1
            if calls <= done:
                return write(descriptor, what, *offset)
            if isinstance(what, bytes) and len(what) > 8:
                write(descriptor, what[: len(what) // 2], *offset)  # up to the end of a page
            raise Killed

        return call

    for name in ("pwrite", "ftruncate", "write"):
        monkeypatch.setattr(os, name, dies(getattr(os, name)))
    killed = False
    try:
        shared.put_next((70, 5))
    except Killed:
        killed = True
    monkeypatch.undo()
    assert shared.next() == (before if killed else (70, 5))
    assert shared.take((2, 0), 0) == shared.look((2, 0), 1)


def test_a_child_forked_while_a_thread_is_inside_is_free() -> None:
    shared = SharedEpochs.create((0, 0))
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with shared._locked():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(30)
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        shared.put_next((6, 0))
        os._exit(0 if shared.next() == (6, 0) else 1)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert shared.next() == (6, 0)


def test_a_handler_of_a_signal_may_ask_in_the_middle_of_a_change() -> None:
    shared = SharedEpochs.create((2, 0))
    with shared._locked():
        assert shared.next() == (2, 0)
        pid = os.fork()
        if pid == 0:  # the file must still be locked
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            shared.next()
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == signal.SIGALRM
