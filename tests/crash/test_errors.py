"""System calls that fail, once or from then on: a typed error or no harm, and nothing left behind.

CRASH_ERRORS=0 tries every error at every call (`make check-crash`); otherwise each call has one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import driving
from driving import Point, Work

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EMFILE", "ENOMEM", "EACCES", "EROFS")
MODES = ("", "+")  # once, and from then on
EVERY = int(os.environ.get("CRASH_ERRORS", "1")) == 0

# Calls of the C library that cannot fail, or whose failure strace would only pretend: a close that
# was not made leaks by itself.
LEFT_OUT = {
    *("close", "brk", "mmap", "munmap", "mprotect", "arch_prctl", "set_tid_address"),
    *("set_robust_list", "rseq", "prlimit64", "readlink", "futex", "getpid", "getrandom"),
}
# Where removing fails, or for good what has to be read to be sure that nobody names a file, it
# stays and is collected by age.
REMOVING = ("unlink", "unlinkat")
READING = ("access", "getdents64", "getrandom", "newfstatat", "openat", "pread64")
TYPED_ERROR = 3


@dataclass(frozen=True)
class Fault:
    """A system call that fails."""

    work: Work
    point: Point
    error: str
    mode: str


def faults() -> list[Fault]:
    """Lists the faults to try."""
    work = Work(8)
    points = [point for point in driving.points_of(work) if point.name not in LEFT_OUT]
    points.append(Point("getrandom", 3))  # the first ones are the C library's
    kinds = [(error, mode) for error in ERRORS for mode in MODES]
    if EVERY:
        return [Fault(work, point, *kind) for point in points for kind in kinds]
    return [Fault(work, point, *kinds[i * 7 % len(kinds)]) for i, point in enumerate(points)]


def try_fault(fault: Fault, directory: Path) -> None:
    """Runs the driver with one fault and checks what it did about it."""
    injected = f"error={fault.error}"
    outcome = driving.run(fault.work, directory, fault.point, injected, fault.mode)
    typed = outcome.status == TYPED_ERROR and "error " in outcome.report
    assert typed or outcome.status == 0, outcome
    checked = driving.check(directory, outcome.report)
    assert checked.uncertain or checked.newest == checked.reported, f"{checked} {outcome}"
    stays = fault.point.name in (READING + REMOVING if fault.mode else REMOVING)
    assert checked.leftovers == 0 or stays or _was_dropping(outcome.report), f"{checked} {outcome}"


def _was_dropping(report: str) -> bool:
    """Whether the driver stopped while it removed old versions, and then their files."""
    last = report[report.rfind("committed") :]
    return last.count("burying") > 1 and "buried" not in last and "error " in last


def test_a_call_that_fails_is_an_error_or_does_no_harm() -> None:
    driving.need_strace()
    tried = faults()
    failures = driving.failures_of(tried, try_fault)
    assert not failures, f"{len(failures)} of {len(tried)} faults:\n" + "\n".join(failures[:5])


def test_an_interrupted_call_is_made_again() -> None:
    driving.need_strace()
    for name in ("openat", "write", "fsync", "linkat", "pread64"):
        for number in (1, 3, 8):
            failures = driving.failures_of([Point(name, number)], _interrupt)
            assert not failures, failures[0]


def _interrupt(point: Point, directory: Path) -> None:
    outcome = driving.run(Work(8), directory, point, "error=EINTR")
    assert outcome.status == 0, outcome
    driving.check(directory, outcome.report)
