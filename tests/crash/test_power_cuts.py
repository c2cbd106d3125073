"""The power fails while a writer works: what it had reported is there, and nothing is half there.

A writer works on a file system in a file. It is stopped at random moments, and the file is copied
as it is: what the disk would hold if the power had failed. The copy is mounted, which replays the
journal, and checked. CRASH_CUTS=5000 tries as many cuts (`make check-crash`), CRASH_SEED repeats
the moments of a run.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import disk_images
import driving
import pytest
from driving import Work

CUTS = int(os.environ.get("CRASH_CUTS", "40"))
SEED = int(os.environ.get("CRASH_SEED", str(time.time_ns() % 2**32)))
STEPS = 60
IMAGE_BYTES = 24 * disk_images.MEBIBYTE
LONGEST_RUN = 0.004


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the images lie; nothing may stay mounted below."""
    with tempfile.TemporaryDirectory(dir=driving.scratch()) as path:
        yield Path(path)
        assert not disk_images.mounts_below(Path(path))


def test_a_power_cut_takes_nothing_that_was_reported(folder: Path) -> None:
    driving.need_driver()
    cut_power(folder, CUTS, [])


def test_the_cuts_see_a_writer_that_does_not_synchronise(folder: Path) -> None:
    driving.need_strace()
    without_fsync = ["strace", "-o", "/dev/null", "-e", "inject=fsync:retval=0"]
    with pytest.raises(AssertionError, match=r"is lost|damaged|cannot be read|has another"):
        cut_power(folder, 200, without_fsync)


def cut_power(folder: Path, most: int, wrapper: list[str]) -> None:
    """Cuts the power `most` times, of as many runs of the writer as that takes."""
    moments = random.Random(SEED)
    cuts = 0
    while cuts < most:
        image = disk_images.make_image(folder / "image", IMAGE_BYTES)
        with disk_images.mounted(image, folder / "mount") as directory:
            cuts += cut_one_run(directory, folder, moments, most - cuts, wrapper)


def cut_one_run(
    directory: Path, folder: Path, moments: random.Random, most: int, wrapper: list[str]
) -> int:
    """Cuts the power of one run of the writer several times; returns how often."""
    report = folder / "report"
    device = disk_images.device_of(directory)
    cuts = 0
    with report.open("w") as out:
        command = [*wrapper, *Work(STEPS).command(directory / "data")]
        writer = subprocess.Popen(command, stdout=out, start_new_session=True)
    try:
        while cuts < most and writer.poll() is None:
            time.sleep(moments.random() * LONGEST_RUN)
            os.killpg(writer.pid, signal.SIGSTOP)
            # Before the copy: what is reported was durable before it.
            reported = report.read_text()
            if disk_images.copy_while_still(folder / "image", device, folder / "copy"):
                check_copy(folder, reported)
                cuts += 1
            os.killpg(writer.pid, signal.SIGCONT)
    finally:
        with contextlib.suppress(ProcessLookupError):  # it had come to its end
            os.killpg(writer.pid, signal.SIGKILL)
        writer.wait()
    return cuts


def check_copy(folder: Path, reported: str) -> None:
    """Mounts the copy and checks it as after a reboot."""
    with disk_images.mounted(folder / "copy", folder / "rebooted") as directory:
        try:
            driving.check(directory / "data", reported)
        except AssertionError as error:
            raise AssertionError(f"CRASH_SEED={SEED}: {error}") from error
