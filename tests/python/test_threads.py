"""Several Python threads on one loader, and daemon threads that outlive the interpreter."""

from __future__ import annotations

import subprocess
import textwrap
import threading
from collections.abc import Callable

import numpy as np
import pytest

import headrace as hr

RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


def loader_of(rows: int) -> hr.Loader:
    ds = hr.from_arrays(np.arange(rows))
    return hr.Loader(ds, batch_size=4, shuffle=True, num_threads=2, output="numpy")


def run_together(work: Callable[[], None], threads: int) -> list[BaseException]:
    """Runs `work` in each thread for a while; returns what it raised but CancelledError."""
    raised: list[BaseException] = []

    def repeat() -> None:
        for _ in range(200):
            try:
                work()
            except hr.CancelledError:
                continue
            except BaseException as error:  # noqa: BLE001
                raised.append(error)
                return

    workers = [threading.Thread(target=repeat, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive(), "a thread hangs"
    return raised


def test_threads_may_start_passes_of_one_loader() -> None:
    loader = loader_of(1000)

    def start_and_use() -> None:
        batches = iter(loader)
        for _ in range(3):
            next(batches)

    assert run_together(start_and_use, 3) == []
    assert sorted(np.concatenate([batch[0] for batch in loader])) == list(range(1000))


def test_threads_may_close_a_loader_that_others_use() -> None:
    loader = loader_of(1000)

    def use_and_close() -> None:
        next(iter(loader))
        loader.close()
        loader.stats()

    assert run_together(use_and_close, 3) == []


def test_threads_share_one_iterator() -> None:
    batches = iter(loader_of(4000))
    rows: list[int] = []
    lock = threading.Lock()

    def take() -> None:
        for batch in batches:
            with lock:
                rows.extend(batch[0].tolist())

    workers = [threading.Thread(target=take) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(rows) == list(range(4000))


@pytest.mark.parametrize(
    "work",
    ["ds[0:2000]", "next(iter(loader))", "[None for batch in loader]", "loader.peek()"],
)
def test_a_daemon_thread_at_the_end_of_the_process_is_no_crash(
    work: str, run_script: RunScript
) -> None:
    code = f"""
    import threading, time
    import numpy as np
    import headrace as hr

    ds = hr.from_arrays(np.arange(100_000))
    loader = hr.Loader(ds, batch_size=8, shuffle=True, output="numpy")
    started = threading.Event()

    def work():
        while True:
            try:
                {work}
            except hr.CancelledError:
                pass
            started.set()

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    started.wait()
    time.sleep(0.05)
    """
    for _ in range(3):
        done = run_script(textwrap.dedent(code))
        assert done.returncode == 0, done.stdout + done.stderr
