"""The cache of remote shards, filled by a process that is killed or whose system calls fail.

CRASH_POINTS=5000 kills at every call of a longer work, CRASH_ERRORS=0 tries every error at every
call (`make check-crash`).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import driving
from driving import CacheWork, Point
from test_errors import ERRORS, EVERY, LEFT_OUT, MODES, TYPED_ERROR

POINTS = int(os.environ.get("CRASH_POINTS", "120"))
EVERY_POINT = POINTS > 1000
STEPS = 50 if EVERY_POINT else 10


def points() -> list[Point]:
    """Some system calls of a work of every kind of step; all of them if so many are asked for."""
    found = driving.points_of(CacheWork(STEPS))
    return found if EVERY_POINT else found[:: max(1, len(found) // POINTS)]


def test_a_cache_is_unharmed_by_a_kill_at_any_system_call() -> None:
    driving.need_strace()

    def kill(point: Point, directory: Path) -> None:
        outcome = driving.run(CacheWork(STEPS), directory, point, "signal=SIGKILL")
        assert outcome.status in (-signal.SIGKILL, 128 + signal.SIGKILL), outcome
        driving.check_cache(directory)

    tried = points()
    failures = driving.failures_of(tried, kill)
    assert not failures, f"{len(failures)} of {len(tried)} points:\n" + "\n".join(failures[:5])


def test_a_call_that_fails_is_an_error_or_does_no_harm() -> None:
    driving.need_strace()
    tried = [point for point in points() if point.name not in LEFT_OUT]
    kinds = [(error, mode) for error in ERRORS for mode in MODES]
    faults = [
        (point, *kind)
        for i, point in enumerate(tried)
        for kind in (kinds if EVERY else [kinds[i * 7 % len(kinds)]])
    ]

    def fail(fault: tuple[Point, str, str], directory: Path) -> None:
        point, error, mode = fault
        outcome = driving.run(CacheWork(STEPS), directory, point, f"error={error}", mode)
        typed = outcome.status == TYPED_ERROR and "error " in outcome.report
        assert typed or outcome.status == 0, outcome
        driving.check_cache(directory)

    failures = driving.failures_of(faults, fail)
    assert not failures, f"{len(failures)} of {len(faults)} faults:\n" + "\n".join(failures[:5])


def test_the_check_sees_what_is_broken(tmp_path: Path) -> None:
    driving.need_strace()
    cache = tmp_path / "cache"
    outcome = driving.run(CacheWork(2), cache, Point("renameat2", 100), "signal=SIGKILL")
    assert outcome.status == 0
    shard = next(cache.rglob("*.shard"))
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with_damage = _broken(cache)
    assert "is not whole" in with_damage
    shard.write_bytes(content)
    shard.with_name(shard.name.replace("00.shard", "99.shard")).write_bytes(bytes(100_000))
    assert "limit" in _broken(cache)


def _broken(cache: Path) -> str:
    try:
        driving.check_cache(cache)
    except AssertionError as error:
        return str(error)
    raise AssertionError("the check found nothing")
