"""How a conversion tells how far it is, and that there is one at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from child_processes import running

import headrace as hr
from headrace.conversion.lock import exclusive
from headrace.conversion.progress import ConversionProgress, metering


def test_a_line_says_speed_and_the_time_left() -> None:
    def line(**to: Any) -> str:
        return repr(ConversionProgress(**{"rows": 0, "bytes": 0, "fraction": None, **to}))

    assert line(rows=10, bytes=10**6, seconds=2.0) == "10 rows, 5 rows/s, 0.5 MB/s"
    assert line(fraction=0.5, seconds=61.0).endswith("50 %, 1:01 left")
    assert line(fraction=0.25, seconds=3600.0).endswith("25 %, 3:00:00 left")
    assert line(fraction=0.0, seconds=1.0).endswith("0 %")
    assert "0 rows/s" in line(seconds=0.0)


def test_a_function_is_told_of_rows_and_of_the_share_that_is_done() -> None:
    seen: list[ConversionProgress] = []
    with metering(seen.append) as meter:
        meter.expect(100)
        meter.skipped(50)
        meter.wrote(5, 500)
        meter.committed(25)
    assert seen[-1].rows == 5
    assert seen[-1].bytes == 500
    assert seen[-1].fraction == 0.5


def test_nothing_is_written_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (True, False):
        with metering(progress) as meter:
            meter.wrote(5, 500)
    assert capsys.readouterr().err == ""
    with pytest.raises(hr.InvalidError, match="progress"), metering(3):  # type: ignore[arg-type]
        pass


def test_one_conversion_at_a_time_in_a_process(tmp_path: Path) -> None:
    with exclusive(str(tmp_path)):
        with (
            pytest.raises(hr.InvalidError, match="another conversion"),
            exclusive(f"{tmp_path}/../{tmp_path.name}"),
        ):
            pass
        with exclusive(str(tmp_path / "other")):
            pass
    with exclusive(str(tmp_path)):
        pass


def test_one_conversion_at_a_time_in_all_processes_until_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom headrace.conversion.lock import exclusive\n"
        "with exclusive(sys.argv[1]):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    with running([sys.executable, "-c", script, str(tmp_path)]) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(hr.InvalidError, match="another conversion"), exclusive(str(tmp_path)):
            pass
    with exclusive(str(tmp_path)):
        pass
