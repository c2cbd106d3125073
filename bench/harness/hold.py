"""A process that holds memory, so that the page cache has little room.

`Holder(leave)` starts `python -m harness.hold LEAVE` and talks to it by lines: each line of its
standard input makes it take or give back memory until about LEAVE bytes are available, and it
answers with what it holds and what is available. It ends with its standard input, so it never
outlives the runner, and the kernel ends it first when the machine runs out of memory.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

_CHUNK = 256 << 20
_NEAR = 32 << 20
_PAGE = mmap.PAGESIZE


def available_bytes() -> int:
    """Returns what the kernel says is available to programs: free memory and most page cache."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/meminfo has no line MemAvailable")


class Holder:
    """Memory held by another process until `close`."""

    def __init__(self, leave: int, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.hold", str(leave)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environment),
        )  # fmt: skip

    def adjust(self) -> dict[str, int]:
        """Takes or gives back memory; returns {"held": bytes, "available": bytes}.

        Raises:
            RuntimeError: the process has ended, most likely for want of memory.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer = ""
        if self._process.poll() is None:
            self._process.stdin.write("adjust\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"the process that holds memory ended ({self._process.wait()}): other programs "
                "want the memory that it holds; end them and start again"
            )
        found: dict[str, int] = json.loads(answer)
        return found

    def close(self) -> None:
        """Gives all memory back."""
        self._process.kill()  # what was forked meanwhile may hold its end of the pipe open
        self._process.communicate()

    def __enter__(self) -> Holder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _take(size: int) -> mmap.mmap:
    chunk = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    chunk.madvise(mmap.MADV_HUGEPAGE)
    for offset in range(0, size, _PAGE):
        chunk[offset] = 1
    # Without swap touched memory stays anyway, so a limit on locked memory is no failure.
    start = ctypes.c_char.from_buffer(chunk)
    ctypes.CDLL(None).mlock(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size))
    del start
    return chunk


def _adjust(chunks: list[mmap.mmap], leave: int) -> None:
    while (surplus := available_bytes() - leave) > _NEAR:
        chunks.append(_take(min(surplus, _CHUNK) // _PAGE * _PAGE))
    while chunks and leave - available_bytes() > _NEAR:
        chunks.pop().close()


def main(arguments: list[str]) -> None:
    """Adjusts once per line of standard input, until it ends."""
    Path("/proc/self/oom_score_adj").write_text("1000")
    chunks: list[mmap.mmap] = []
    for _ in sys.stdin:
        _adjust(chunks, int(arguments[0]))
        found = {"held": sum(map(len, chunks)), "available": available_bytes()}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
