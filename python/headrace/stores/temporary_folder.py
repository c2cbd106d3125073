"""Folders that go with the object that made them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable

_PAUSES = (0.0, 0.01, 0.1)  # before the tries: a thread may be making a file there


def make_folder(owner: object, purpose: str) -> tuple[str, Callable[[], object]]:
    """Returns a new folder in TMPDIR, and what removes it; gone with `owner`, or with the process.

    A forked child leaves it to its parent.
    """
    path = tempfile.mkdtemp(prefix=f"headrace-{purpose}-")
    return path, weakref.finalize(owner, _remove, path, os.getpid())


def _remove(path: str, process: int) -> None:
    if os.getpid() != process:
        return
    for pause in _PAUSES:
        time.sleep(pause)
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.exists(path):
            return
