"""What the page cache holds of files, and taking them out of it."""

from __future__ import annotations

import bisect
import errno
import itertools
import mmap
import os
import random
from collections.abc import Sequence
from pathlib import Path

_SAMPLES = 512
_PAGE = mmap.PAGESIZE


def resident_share(files: Sequence[Path]) -> float | None:
    """Returns the share of the files' pages in the page cache, from a random sample of pages.

    None where the file system does not tell (tmpfs, some network file systems).
    """
    ends = list(itertools.accumulate(-(-file.stat().st_size // _PAGE) for file in files))
    pages = random.sample(range(ends[-1]), min(_SAMPLES, ends[-1]))
    try:
        return sum(_is_resident(files, ends, page) for page in pages) / len(pages)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return None
        raise


def _is_resident(files: Sequence[Path], ends: Sequence[int], page: int) -> bool:
    number = bisect.bisect_right(ends, page)
    offset = (page - (ends[number - 1] if number else 0)) * _PAGE
    with open(files[number], "rb", buffering=0) as file:
        # Without it the probe of a page that is not there would start a read-ahead of many.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        try:
            return os.preadv(file.fileno(), [bytearray(1)], offset, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False


def drop(files: Sequence[Path]) -> None:
    """Asks the kernel to forget the files' pages; changes nothing in the files."""
    for file in files:
        with open(file, "rb", buffering=0) as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
