"""A writer killed at any system call: no half file, no lost version, nobody held up.

CRASH_POINTS=5000 tries as many points (`make check-crash`).
"""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import driving
import pytest
from driving import Point, Work

POINTS = int(os.environ.get("CRASH_POINTS", "300"))


def kill_points(at_least: int) -> list[tuple[Work, Point]]:
    """Every system call of works that are long enough to have so many."""
    points: list[tuple[Work, Point]] = []
    for steps in itertools.count(8, 8):
        for named in (False, True):
            if len(points) >= at_least:
                return points
            work = Work(steps, named)
            points += [(work, point) for point in driving.points_of(work)]
    return points


def test_a_writer_killed_at_any_system_call_breaks_nothing() -> None:
    driving.need_strace()
    points = kill_points(POINTS)
    assert len(points) >= POINTS

    def kill(at: tuple[Work, Point], directory: Path) -> None:
        work, point = at
        outcome = driving.run(work, directory, point, "signal=SIGKILL")
        assert outcome.status in (-signal.SIGKILL, 128 + signal.SIGKILL), outcome
        driving.check(directory, outcome.report)

    failures = driving.failures_of(points, kill)
    assert not failures, f"{len(failures)} of {len(points)} points:\n" + "\n".join(failures[:5])


def test_the_check_sees_what_is_broken(tmp_path: Path) -> None:
    driving.need_strace()
    work = Work(2)
    outcome = driving.run(work, tmp_path / "data", Point("linkat", 100), "signal=SIGKILL")
    assert outcome.status == 0
    reports = {
        "version 3 is lost": outcome.report + "committed 3 60\n",
        "other rows": outcome.report.replace("committed 2 60", "committed 2 61"),
        "more versions": "",
    }
    for words, report in reports.items():
        with pytest.raises(AssertionError, match=words):
            driving.check(tmp_path / "data", report)
    shard = next((tmp_path / "data/shards").iterdir())
    os.truncate(shard, shard.stat().st_size - 1)
    with pytest.raises(AssertionError, match=shard.name):
        driving.check(tmp_path / "data", outcome.report)
