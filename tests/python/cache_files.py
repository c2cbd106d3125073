"""What lies in a cache of shards."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOCK = 4096


def cached(cache: Path) -> list[Path]:
    """The shards in a cache."""
    return list(cache.rglob("*.shard"))


def bytes_in(cache: Path) -> int:
    """What shards take on the disk, with those that are on their way."""
    total = 0
    for folder, _, names in os.walk(cache):
        for name in names:
            if name.endswith((".shard", ".part", ".stored")):
                try:
                    total += -(-os.stat(os.path.join(folder, name)).st_size // BLOCK) * BLOCK
                except FileNotFoundError:
                    continue
    return total


@contextmanager
def watched(cache: Path) -> Iterator[list[int]]:
    """Looks into a cache all the time; yields the bytes that were seen."""
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(bytes_in(cache))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
