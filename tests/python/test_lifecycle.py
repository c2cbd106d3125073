"""Exits, signals, forks and half-used iterators: no hang, no crash, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

RunScript = Callable[..., subprocess.CompletedProcess[str]]

# Every script starts with a file of 4096 rows that it may read, and counts what the process holds.
PRELUDE = """
import gc, os, signal, sys, threading
import numpy as np
import headrace as hr

path = os.path.abspath("rows.bin")
np.repeat(np.arange(4096), 64).tofile(path)

def dataset():
    return hr.memmap({"y": [path]}, dtype="int64", row_shape=64)

def loader_of(ds, **arguments):
    settings = dict(batch_size=16, shuffle=True, num_threads=4, output="numpy")
    return hr.Loader(ds, **(settings | arguments))

def threads():
    return len(os.listdir("/proc/self/task"))

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def maps():
    return sum(path in line for line in open("/proc/self/maps"))

def whole_pass(loader):
    rows = np.concatenate([batch["y"][:, 0] for batch in loader])
    assert sorted(rows.tolist()) == list(range(4096)), "a pass must have every row once"
"""


@pytest.fixture
def run_loader_script(run_script: RunScript) -> RunScript:
    def run(code: str, **arguments: object) -> subprocess.CompletedProcess[str]:
        return run_script(textwrap.dedent(PRELUDE) + textwrap.dedent(code), **arguments)

    return run


def check(done: subprocess.CompletedProcess[str], returncode: int = 0) -> None:
    assert done.returncode == returncode, done.stdout + done.stderr


def test_threads_start_with_the_first_batch_and_end_with_close(
    run_loader_script: RunScript,
) -> None:
    check(
        run_loader_script(
            """
            before = threads()
            loader = loader_of(dataset())
            assert threads() == before, "a loader that was only made has no threads"
            batches = iter(loader)
            next(batches)
            assert threads() > before
            loader.close()
            assert threads() == before
            """
        )
    )


@pytest.mark.parametrize(
    "end",
    [
        "loader.close()",
        "list(batches)",
        "del batches",
        "del loader; gc.collect()",
        "del batches, loader; gc.collect()",
        "iter(loader)",
        "loader.set_epoch(0)",
    ],
)
def test_nothing_is_left_after_use(end: str, run_loader_script: RunScript) -> None:
    check(
        run_loader_script(
            f"""
            def use():
                ds = dataset()
                with loader_of(ds) as loader:
                    whole_pass(loader)
                loader = loader_of(ds)
                batches = iter(loader)
                next(batches)
                {end}
            before = threads(), descriptors(), maps()
            for _ in range(20):
                use()
                gc.collect()
                assert (threads(), descriptors(), maps()) == before
            """
        )
    )


def test_memory_does_not_grow_with_batches(run_loader_script: RunScript) -> None:
    check(
        run_loader_script(
            """
            def resident():
                return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

            def batches(count):
                while count > 0:
                    for batch in loader:
                        count -= 1

            loader = loader_of(dataset(), batch_size=8)
            batches(5_000)
            before = resident()
            batches(50_000)
            grown = resident() - before
            assert grown < 4e6, grown  # one leaked object per batch would be more
            """
        )
    )


def test_an_iterator_in_a_cycle_is_collected_half_way(run_loader_script: RunScript) -> None:
    check(
        run_loader_script(
            """
            before = threads()
            for _ in range(20):
                loader = loader_of(dataset())
                batches = iter(loader)
                next(batches)
                cycle = [loader, batches]
                cycle.append(cycle)
                del loader, batches, cycle
            gc.collect()
            assert threads() == before
            """
        )
    )


def test_kept_batches_do_not_keep_the_file(run_loader_script: RunScript) -> None:
    check(
        run_loader_script(
            """
            ds = dataset()
            with loader_of(ds) as loader:
                kept = list(loader)
            assert maps() > 0
            del ds, loader
            gc.collect()
            assert maps() == 0
            assert len(kept) == 256
            """
        )
    )


@pytest.mark.parametrize("output", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("end", "returncode"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('training failed')", 1),
        ("os._exit(5)", 5),
        ("threading.Thread(target=next, args=(batches,)).start()", 0),
        ("gc.disable(); cycle = [loader, batches]; cycle.append(cycle); del loader, batches", 0),
        ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_a_process_ends_with_a_live_loader(
    end: str, returncode: int, output: str, run_loader_script: RunScript
) -> None:
    done = run_loader_script(
        f"""
        loader = loader_of(dataset(), output={output!r})
        batches = iter(loader)
        first = next(batches)
        {end}
        """
    )
    check(done, returncode)
    assert "training failed" in done.stderr or not done.stderr


def test_threads_are_joined_at_exit_while_the_interpreter_still_stands(
    run_script: RunScript,
) -> None:
    done = run_script(
        """
        import atexit, os

        def threads():
            return len(os.listdir("/proc/self/task"))

        @atexit.register  # before headrace's own handler, so it runs after it
        def check():
            os._exit(0 if threads() == before else 9)

        import numpy as np
        import headrace as hr
        before = threads()
        loader = hr.Loader(hr.from_arrays(np.arange(4096)), num_threads=4, output="numpy")
        batches = iter(loader)
        next(batches)
        assert threads() > before
        """
    )
    check(done)


def test_a_loader_used_after_the_exit_hook_is_cancelled_and_no_crash(run_script: RunScript) -> None:
    done = run_script(
        textwrap.dedent(
            """
            import atexit

            def late():
                try:
                    next(batches)
                except hr.CancelledError:
                    print("cancelled")

            atexit.register(late)  # handlers run in reverse: this one after that of headrace
            import numpy as np
            import headrace as hr

            loader = hr.Loader(hr.from_arrays(np.arange(1000)), batch_size=4, output="numpy")
            batches = iter(loader)
            next(batches)
            """
        )
    )
    check(done)
    assert done.stdout == "cancelled\n"


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(PRELUDE + code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


LARGE_BATCHES = """
values = np.broadcast_to(np.zeros(1024, np.float32), (1_000_000, 1024))
loader = hr.Loader(hr.from_arrays(values), batch_size=16_384, num_threads=1, prefetch=1,
                   output="numpy")
batches = iter(loader)
next(batches)
"""


def test_ctrl_c_in_the_middle_of_a_batch_leaves_a_loader_that_works(tmp_path: Path) -> None:
    process = start(
        LARGE_BATCHES
        + """
try:
    print("ready", flush=True)  # from here on a signal may come
    while True:
        for batch in loader:  # the loop does nothing else, so the signal meets a wait
            pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
state = loader.state_dict()
assert state["position"] % 16_384 == 0 and state["position"] < 1_000_000
batches = iter(loader)
assert next(batches)[0].shape == (16_384, 1024)
before = threads()
loader.close()
assert threads() < before
print("done", flush=True)
""",
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out == "interrupted\ndone\n"


def test_ctrl_c_that_nobody_handles_ends_the_process(tmp_path: Path) -> None:
    process = start(
        LARGE_BATCHES
        + """
print("ready", flush=True)
while True:
    for batch in loader:
        pass
""",
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 128 + signal.SIGINT), err
    assert "KeyboardInterrupt" in err


FORK = """
def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(30)  # a hang ends the child, and fails the test
            work()
            code = 0
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

ds = dataset()
loader = loader_of(ds)
batches = iter(loader)
next(batches)
"""


@pytest.mark.parametrize(
    "work",
    [
        "whole_pass(loader_of(ds))",
        "whole_pass(loader)",
        "loader.state_dict(); loader.peek(); loader.stats()",
        "loader.close()",
        "ds[5]; ds['y'][::7]; ds.split(0.5)",
        "gc.collect()",
    ],
)
def test_a_forked_child_can_go_on_and_so_can_the_parent(
    work: str, run_loader_script: RunScript
) -> None:
    code = FORK + (
        f"in_child(lambda: ({work.replace('; ', ', ')}))\n"
        "assert len(list(batches)) == 255\n"
        "whole_pass(loader)\n"
    )
    check(run_loader_script(code))


def test_an_iterator_of_the_parent_is_refused_in_a_child(run_loader_script: RunScript) -> None:
    code = FORK + (
        "def work():\n"
        "    try:\n"
        "        next(batches)\n"
        "    except hr.CancelledError:\n"
        "        return\n"
        "    raise AssertionError('the threads of this iterator are in another process')\n"
        "in_child(work)\n"
        "assert len(list(batches)) == 255\n"
    )
    check(run_loader_script(code))


def test_a_forked_child_that_exits_normally_ends(run_loader_script: RunScript) -> None:
    code = FORK + (
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.alarm(30)\n"
        "    sys.exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7\n"
        "whole_pass(loader)\n"
    )
    check(run_loader_script(code))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_use_headrace(method: str, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        textwrap.dedent(PRELUDE)
        + textwrap.dedent(
            f"""
            import multiprocessing

            def work(queue):
                whole_pass(loader_of(dataset()))
                queue.put("right")

            if __name__ == "__main__":
                loader = loader_of(dataset())
                next(iter(loader))
                context = multiprocessing.get_context({method!r})
                queue = context.Queue()
                process = context.Process(target=work, args=(queue,))
                process.start()
                assert queue.get(timeout=60) == "right"
                process.join(30)
                assert process.exitcode == 0
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=os.environ,
        check=False,
    )
    check(done)


def test_many_threads_of_python_share_one_dataset(run_loader_script: RunScript) -> None:
    check(
        run_loader_script(
            """
            ds = dataset()
            failed = []
            def work(seed):
                try:
                    with loader_of(ds, seed=seed, num_threads=2) as loader:
                        for _ in range(3):
                            whole_pass(loader)
                        assert ds[seed]["y"][0] == seed
                except BaseException as error:
                    failed.append(error)
            workers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            assert not failed, failed
            """,
            timeout=120,
        )
    )


def test_spawned_workers_of_a_dataloader_leave_nothing_on_stderr(run_script: RunScript) -> None:
    done = run_script(
        """
        import numpy as np
        import headrace as hr
        from torch.utils.data import DataLoader

        if __name__ == "__main__":
            ds = hr.from_arrays(x=np.zeros((100, 8)))
            workers = {"num_workers": 2, "multiprocessing_context": "spawn"}
            print(sum(1 for _ in DataLoader(ds, batch_size=10, **workers)))
        """,
        as_file=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")
