"""A cache much smaller than its dataset, looked at all the time while processes train from it.

A library of this task has PROCESSES, the ranks that train at once, LANES, those of their shuffle,
FORMAT and `write` as in a stream task, and `train(data, rank)`, which returns the numbers of the
rows of the rank's first pass.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import multiprocessing
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import process
from harness.data import Data, WrongAnswerError, check_labels
from harness.library import Library, Measurement
from harness.sampling import Sampling
from harness.stream import StreamRows, made, placed
from harness.web_server import serve

WINDOW = 4
_BLOCK = 4096  # a cache counts in blocks
_PAUSE_SECONDS = 0.0005


@dataclass(frozen=True)
class Rank:
    """Which part of a pass a process has, and how much room all of them have together."""

    rank: int
    processes: int
    lanes: int
    window: int
    cache_bytes: int


def measure_cache_limit(library: Library, data: Data) -> Measurement:
    """Trains for a pass from an empty cache; returns what lay there at most, and what was sent."""
    assert isinstance(data, StreamRows)
    processes, lanes = library.module.PROCESSES, library.module.LANES
    file = str(library.module.__file__)
    whole = made(library, data)
    sizes = [path.stat().st_size for path in whole.shard_files if path.parent.name == "shards"]
    lanes_of_a_rank = lanes // math.gcd(lanes, processes)
    limit = processes * (lanes_of_a_rank * (WINDOW + 1) + 1) * _charged(max(sizes))
    folder = Path(tempfile.mkdtemp(prefix="unfinished-stream-", dir=data.root))
    try:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(serve(data.root))
            rows = placed(whole, server, folder / "cache")
            spawn = multiprocessing.get_context("spawn")
            ranks = [
                stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
                for _ in range(processes)
            ]
            # They have imported all before one of them begins.
            for ready in [rank.submit(Library, Path(file)) for rank in ranks]:
                ready.exception()
            with _Looks(rows.cache) as looks:
                start = time.perf_counter()
                passes = [
                    rank.submit(_train, file, rows, Rank(number, processes, lanes, WINDOW, limit))
                    for number, rank in enumerate(ranks)
                ]
                numbers = np.concatenate([one.result() for one in passes])
                seconds = time.perf_counter() - start
            sent = server.sent_bytes(f"/{whole.stored.name}/shards/")
    finally:
        shutil.rmtree(folder)
    if looks.most > limit:
        raise WrongAnswerError(f"{looks.most:,} bytes lay in a cache of {limit:,}")
    metrics = {
        "most_share": looks.most / limit,
        "looks": float(looks.number),
        "downloads": sent / sum(sizes),
        "again": (sent - sum(sizes)) / max(sizes),
        "room": limit / _charged(max(sizes)),
        "seconds": seconds,
    }
    return Measurement(len(numbers), True, check_labels(numbers, data, complete=True, mixed=False),
                       metrics)  # fmt: skip


def _train(file: str, data: StreamRows, rank: Rank) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = Library(Path(file)).module.train(data, rank)
    return numbers


def _charged(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


class _Looks(Sampling):
    """The most bytes of a cache, of looks that follow each other at once."""

    def __init__(self, cache: Path) -> None:
        super().__init__(_PAUSE_SECONDS)
        self.most = 0
        self.number = 0
        self._cache = cache

    def look(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # the cache is not there yet
            # There should be no removed ones; to look for them takes longer.
            removed = 0 if self.number % 16 else _removed_bytes(self._cache)
            self.most = max(self.most, _bytes_in(self._cache) + removed)
            self.number += 1


def _bytes_in(cache: Path) -> int:
    """Returns what its files take, under the lock around changes: a list is no instant otherwise.

    That lock, of docs/cache.md, is all that is taken from headrace: what it counts is not asked.
    """
    with open(cache / "ledger", "rb") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        folders = [entry.path for entry in os.scandir(cache) if entry.is_dir()]
        files = [file for folder in folders for file in os.scandir(folder)]
        return sum(_charged(file.stat().st_size) for file in files)


def _removed_bytes(cache: Path) -> int:
    """Returns what removed files of it take that a process has mapped."""
    found = 0
    for number in process.tree():
        with contextlib.suppress(OSError):  # it has ended
            for line in Path(f"/proc/{number}/maps").read_text().splitlines():
                if str(cache) in line and line.endswith("(deleted)"):
                    first, last = line.split(maxsplit=1)[0].split("-")
                    found += int(last, 16) - int(first, 16)
    return found
