"""Small ext4 file systems in files, to fill up and to cut the power of. They need root."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MEBIBYTE = 1 << 20


def _run(*command: str | os.PathLike[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def make_image(path: Path, size: int) -> Path:
    """Makes an empty file system in a file; skips the test where that is not possible."""
    missing = [tool for tool in ("mkfs.ext4", "mount", "losetup") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"a mounted image needs root and {', '.join(missing) or 'mount'}")
    with path.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", "-q", "-F", "-O", "^resize_inode", "-m", "0", path)
    return path


@contextlib.contextmanager
def mounted(image: Path, directory: Path) -> Iterator[Path]:
    """Mounts an image; skips the test where loop devices are not to be had."""
    directory.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-o", "loop,noatime", image, directory],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"an image cannot be mounted here: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        _unmount(directory)


def _unmount(directory: Path) -> None:
    for _ in range(100):  # a process that was killed may still hold it
        if subprocess.run(["umount", directory], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.02)
    _run("umount", directory)


def device_of(directory: Path) -> str:
    """Returns the loop device that is mounted at a directory, such as "loop3"."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, place, *_ = line.split()
        if Path(place) == directory:
            return Path(device).name
    raise LookupError(f"nothing is mounted at {directory}")


def _writes(device: str) -> tuple[str, ...]:
    """What the device has done and has to do; the same twice means that it was still."""
    done = Path(f"/sys/block/{device}/stat").read_text().split()
    inflight = Path(f"/sys/block/{device}/inflight").read_text().split()
    return (done[4], done[6], *inflight)


def copy_while_still(image: Path, device: str, copy: Path) -> bool:
    """Copies an image as it is at one moment; False where the device wrote meanwhile."""
    before = _writes(device)
    if before[-1] != "0":
        return False
    _run("cp", "--sparse=always", image, copy)
    return _writes(device) == before


def mounts_below(directory: Path) -> list[str]:
    """Returns what is mounted below a directory: nothing after a test."""
    return re.findall(rf"{re.escape(str(directory))}\S*", Path("/proc/self/mounts").read_text())
