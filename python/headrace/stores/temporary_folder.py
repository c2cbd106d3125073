"""Folders that go with the object that made them, at the latest when the next one is made.

1. Whoever makes a folder holds a lock on it (`flock`), which the kernel takes from the dead.
2. A process that was killed leaves its folder. The next one that makes its first removes it: a
   folder of the same start of this machine, of the same user, whose lock can be had.
3. A folder that was made just now may not be locked yet, so the young are left alone. So are all
   where locks are granted to anybody, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable

_PAUSES = (0.0, 0.01, 0.1)  # before the tries: a thread may be making a file there
_YOUNG_S = 60.0
_looked: set[str] = set()  # where this process has done so
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def make_folder(owner: object, purpose: str) -> tuple[str, Callable[[], object]]:
    """Returns a new folder in TMPDIR, and what removes it; gone with `owner`, or with the process.

    A forked child leaves it to its parent.
    """
    start = _start_of_machine()
    path = tempfile.mkdtemp(
        prefix=f"headrace-{purpose}-{start}-" if start else f"headrace-{purpose}-"
    )
    lock = _lock(path) if start else None
    parent = os.path.dirname(path)
    if lock is not None and parent not in _looked and _excludes(path):
        _looked.add(parent)
        _remove_dead(parent, start)
    return path, weakref.finalize(owner, _remove, path, os.getpid(), lock)


def _start_of_machine() -> str:
    try:
        with open(_BOOT_ID) as file:
            return file.read(8)
    except OSError:
        return ""


def _lock(path: str) -> int | None:
    """Returns a descriptor with the lock of a folder; None where it cannot be had."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _excludes(path: str) -> bool:
    """Whether nobody else gets the lock of a folder, now that it is held."""
    other = _lock(path)
    if other is not None:
        os.close(other)
    return other is None


def _remove_dead(parent: str, start: str) -> None:
    """Removes the folders whose processes are dead."""
    name = re.compile(rf"headrace-[a-z]+-{start}-")
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if name.match(entry.name) and _is_old_and_ours(entry):
                lock = _lock(entry.path)
                if lock is not None:
                    shutil.rmtree(entry.path, ignore_errors=True)
                    os.close(lock)


def _is_old_and_ours(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:  # another process was faster
        return False
    is_old = status.st_mtime + _YOUNG_S < time.time()
    return is_old and status.st_uid == os.getuid() and entry.is_dir(follow_symlinks=False)


def _remove(path: str, process: int, lock: int | None) -> None:
    if os.getpid() != process:
        return
    try:
        for pause in _PAUSES:
            time.sleep(pause)
            shutil.rmtree(path, ignore_errors=True)
            if not os.path.exists(path):
                return
    finally:
        if lock is not None:
            os.close(lock)
