"""A disk that fills up: a typed error, nothing of it visible, and all is well with new room."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import disk_images
import driving
from driving import Work

IMAGE_BYTES = 8 * disk_images.MEBIBYTE
MANY_STEPS = 10_000
TYPED_ERROR = 3


def test_a_full_disk_is_an_error_that_leaves_what_was_committed(tmp_path: Path) -> None:
    driving.need_driver()
    image = disk_images.make_image(tmp_path / "image", IMAGE_BYTES)
    with disk_images.mounted(image, tmp_path / "mount") as directory:
        ballast = directory / "ballast"
        for fill in range(5):
            data = directory / f"data{fill}"
            # Each time another number of bytes is left, so that another write finds no room.
            leave_free(directory, ballast, 40_000 + 7_000 * fill)
            done = subprocess.run(
                Work(MANY_STEPS).command(data), capture_output=True, text=True, check=False
            )
            assert done.returncode == TYPED_ERROR, done
            assert "No space left" in done.stdout.splitlines()[-1]
            ballast.unlink()
            checked = driving.check(data, done.stdout)
            assert checked.newest == checked.reported
            assert checked.leftovers == 0
            subprocess.run(["rm", "-r", data], check=True)


def leave_free(directory: Path, ballast: Path, size: int) -> None:
    """Fills a file system but for `size` bytes."""
    found = os.statvfs(directory)
    with ballast.open("wb") as file:
        file.write(b"x" * (found.f_bavail * found.f_frsize - size))
        os.fsync(file.fileno())
