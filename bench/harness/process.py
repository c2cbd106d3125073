"""What the kernel says about this process."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.hold import available_bytes

_SELF = Path("/proc/self")
_MIB = 1024.0
_CHUNK = 256 << 20


def status_mib(field: str) -> float:
    """Returns a field of /proc/self/status that is given in kB, such as VmRSS, in MiB."""
    for line in (_SELF / "status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / _MIB
    raise KeyError(f"/proc/self/status has no field {field}")


def tree() -> list[int]:
    """Returns the numbers of this process and of all below it."""
    found, waiting = [], [os.getpid()]
    while waiting:
        found.append(waiting.pop())
        with contextlib.suppress(OSError):  # it has ended
            for file in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                waiting += map(int, file.read_text().split())
    return found


def anonymous_mib(number: int) -> float:
    """Returns the anonymous memory of a process, 0 for one that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{number}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / _MIB
    return 0.0


def reset_peak() -> None:
    """Makes VmHWM start again from what is resident now."""
    (_SELF / "clear_refs").write_text("5")


def back_memory(size: int) -> None:
    """Takes `size` bytes of memory, at most half of what is available, and gives them back at once.

    A virtual machine leaves memory that was free for some seconds to its host (free page
    reporting). Whoever takes it next waits for the host, which finds it 4 KiB at a time: 2 s a GB
    where this was written, against 0.07 s for memory that was in use a moment ago. Without this
    call a library would pay for a pause before its run.
    """
    size = min(size, available_bytes() // 2)
    chunks = []
    for start in range(0, size, _CHUNK):
        chunk = mmap.mmap(-1, min(_CHUNK, size - start), flags=mmap.MAP_PRIVATE)
        chunk.madvise(mmap.MADV_HUGEPAGE)
        np.frombuffer(chunk, np.uint8)[:: mmap.PAGESIZE] = 1
        chunks.append(chunk)  # kept, or the next chunk would be the same memory
    for chunk in chunks:
        chunk.close()


@dataclass(frozen=True)
class Counts:
    """What a closed loader must not leave behind.

    Attributes:
        threads: of this process.
        descriptors: that are open.
        file_maps: maps of files; numpy's advice on huge pages splits anonymous maps at will.
    """

    threads: int
    descriptors: int
    file_maps: int

    @classmethod
    def now(cls) -> Counts:
        """Counts after a collection, so that dead objects do not count."""
        gc.collect()
        return cls(
            threads=len(os.listdir(_SELF / "task")),
            descriptors=len(os.listdir(_SELF / "fd")),
            file_maps=sum(" /" in line for line in (_SELF / "maps").read_text().splitlines()),
        )
