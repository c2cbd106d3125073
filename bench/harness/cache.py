"""The page cache: emptied of files, and asked what it holds of them."""

from __future__ import annotations

import bisect
import contextlib
import itertools
import mmap
import os
import random
from collections.abc import Sequence
from pathlib import Path

_DROP = Path("/proc/sys/vm/drop_caches")
_SAMPLES = 1024
_PAGE = mmap.PAGESIZE
_MOST_LEFT = 0.01
# Dropping the caches of the whole machine for less would disturb others for nothing.
_LEAST_BYTES_FOR_ALL = 10**9


class CacheError(RuntimeError):
    """Files that should be cold are in the page cache."""


def _drops_all(total_bytes: int) -> bool:
    return os.geteuid() == 0 and total_bytes >= _LEAST_BYTES_FOR_ALL and os.access(_DROP, os.W_OK)


def how_dropped(total_bytes: int) -> str:
    """Returns how `drop` empties the cache of files of this size together."""
    if _drops_all(total_bytes):
        return "sync and /proc/sys/vm/drop_caches (3) before each run"
    return "fsync and posix_fadvise(DONTNEED) on each file before each run"


def drop(paths: Sequence[Path]) -> None:
    """Takes the files out of the page cache.

    Raises:
        CacheError: more than a hundredth of their pages is still there.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    if _drops_all(sum(path.stat().st_size for path in paths)):
        os.sync()
        _DROP.write_text("3")
    try:
        left = resident_share(paths)
    except OSError as error:
        raise CacheError(
            f"the file system of {paths[0].parent} does not tell what is in the page cache "
            f"({error.strerror}); put the data on a disk: --data"
        ) from error
    if left > _MOST_LEFT:
        raise CacheError(
            f"{left:.0%} of the pages of {paths[0].parent} are still in the page cache: another "
            "process has the files mapped or reads them, or the file system has no cold state"
        )


def resident_share(paths: Sequence[Path]) -> float:
    """Returns the share of the files' pages in the page cache, from a random sample of pages."""
    ends = list(itertools.accumulate(-(-path.stat().st_size // _PAGE) for path in paths))
    chosen = random.sample(range(ends[-1]), min(_SAMPLES, ends[-1]))
    byte = bytearray(1)
    found = 0
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(open(path, "rb", buffering=0)) for path in paths]
        for file in files:
            # Without it each probe of a page that is not there starts a read-ahead of many.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        for page in chosen:
            number = bisect.bisect_right(ends, page)
            offset = (page - (ends[number - 1] if number else 0)) * _PAGE
            with contextlib.suppress(BlockingIOError):
                found += os.preadv(files[number].fileno(), [byte], offset, os.RWF_NOWAIT)
    return found / len(chosen)
