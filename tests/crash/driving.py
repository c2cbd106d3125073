"""Runs the crash drivers under strace, which kills them or makes system calls fail; checks them.

The drivers are built by `make test-crash`. commit_driver.cc writes shards, commits them, removes
versions and collects leftovers, and says what it believes to be done; its other half checks that.
cache_driver.cc fills and empties a cache.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(os.environ.get("COMMIT_DRIVER", ROOT / "build/python/tests/crash/commit_driver"))
CACHE_DRIVER = DRIVER.with_name("cache_driver")
TIMEOUT = 60

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
# The driver's own: it counts its descriptors, and says what is done.
_NOT_OURS = frozenset({"lseek", "writev", "execve", "exit_group"})

Item = TypeVar("Item")


@dataclass(frozen=True)
class Point:
    """A system call of the driver: the n-th of its name."""

    name: str
    number: int


@dataclass(frozen=True)
class Outcome:
    """What a run of the driver came to."""

    status: int
    report: str


@dataclass(frozen=True)
class Checked:
    """What the check found in order."""

    newest: int
    reported: int
    uncertain: bool
    leftovers: int


class Driven(Protocol):
    """What a driver does."""

    def command(self, directory: Path) -> list[str]:
        """Returns its command line."""
        ...


@dataclass(frozen=True)
class CacheWork:
    """What the driver of the cache does: so many steps."""

    steps: int

    def command(self, directory: Path) -> list[str]:
        """Returns the driver's command line."""
        return [str(CACHE_DRIVER), "fill", str(directory), str(self.steps)]


@dataclass(frozen=True)
class Work:
    """What the driver of commits does: so many steps; unfinished files have names or not."""

    steps: int
    named: bool = False

    def command(self, directory: Path) -> list[str]:
        """Returns the driver's command line."""
        words = [str(DRIVER), "write", str(directory), str(self.steps)]
        return [*words, "named"] if self.named else words


def scratch() -> str | None:
    """A place in memory where there is one: what a kill leaves does not depend on the disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def need_driver() -> None:
    """Fails without the drivers."""
    for driver in (DRIVER, CACHE_DRIVER):
        if not driver.exists():
            pytest.fail(f"{driver} is missing; `make test-crash` builds it")


def need_strace() -> None:
    """Skips where strace is missing or may not trace; fails without the driver."""
    need_driver()
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    if probe.returncode != 0:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()[-200:]}")


def points_of(work: Driven) -> list[Point]:
    """Lists the system calls of an undisturbed run, in order."""
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        trace = Path(folder, "trace")
        command = ["strace", "-o", str(trace), *work.command(Path(folder, "data"))]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)
        return list(_count(trace.read_text().splitlines()))


def _count(lines: Iterable[str]) -> Iterator[Point]:
    counts: dict[str, int] = {}
    for line in lines:
        match = _CALL.match(line)
        if match and match[1] not in _NOT_OURS:
            counts[match[1]] = counts.get(match[1], 0) + 1
            yield Point(match[1], counts[match[1]])


def run(work: Driven, directory: Path, point: Point, fault: str, when: str = "") -> Outcome:
    """Runs the driver with a fault of strace's at a point; `when` "+" is from there on."""
    inject = f"inject={point.name}:{fault}:when={point.number}{when}"
    command = ["strace", "-o", "/dev/null", "-e", inject, *work.command(directory)]
    # strace ends as its tracee does: by the same signal or with the same status.
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    return Outcome(done.returncode, done.stdout)


def check(directory: Path, report: str) -> Checked:
    """Checks what the driver left; raises AssertionError with what is broken."""
    done = subprocess.run(
        [str(DRIVER), "check", str(directory)],
        input=report,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    found = re.search(r"newest (\d+) reported (\d+) uncertain (\d) leftovers (\d+)", done.stdout)
    if done.returncode != 0 or found is None:
        raise AssertionError(f"{done.stdout}{done.stderr}after the report\n{report}")
    newest, reported, uncertain, leftovers = map(int, found.groups())
    return Checked(newest, reported, bool(uncertain), leftovers)


def check_cache(directory: Path) -> None:
    """Checks what the driver of the cache left; raises AssertionError with what is broken."""
    done = subprocess.run(
        [str(CACHE_DRIVER), "check", str(directory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert done.stdout == "unharmed\n", f"{done.stdout}{done.stderr}"


def failures_of(items: list[Item], attempt: Callable[[Item, Path], None]) -> list[str]:
    """Tries every item with a directory of its own, some at once; returns what was broken."""

    def one(item: Item) -> str | None:
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            try:
                attempt(item, Path(folder, "data"))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                return f"{item}: {error}"
        return None

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [failure for failure in pool.map(one, items) if failure is not None]
