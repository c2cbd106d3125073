"""Files whose pages are not in memory, for tests and the scripts that they run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

_TRIES = 25


def drop_pages(paths: Iterable[str | os.PathLike[str]]) -> bool:
    """Drops what the page cache holds of files; False where the file system does not do so."""
    dropped = [_drop(path) for path in paths]
    return all(dropped)


def _drop(path: str | os.PathLike[str]) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # dirty pages stay
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # a look brings in one page
        for _ in range(_TRIES):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            if not _is_resident(descriptor, os.fstat(descriptor).st_size // 2):
                return True
            time.sleep(0.02)  # pages that are still on their way from the device stay, too
        return False
    finally:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _is_resident(descriptor: int, place: int) -> bool:
    try:
        os.preadv(descriptor, [bytearray(1)], place, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError:  # it cannot be told
        pass
    return True
