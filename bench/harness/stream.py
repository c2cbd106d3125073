"""Shards in a store: rows that come over HTTP, with a cache on the local disk.

A library of a stream task has FORMAT, the name of what it reads, `write(data, folder)`, which makes
that of the rows in `data.files` shards, and `setup` and `epoch`, or for a limit `limit`. With
WARM = True a pass before has filled the cache. ROWS_SHARE = 0.125 makes the first eighth of the
shards, of the same size, the dataset of a slow one.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness import process
from harness.cold import ColdRows, NumberedRows, Watch
from harness.data import Batch, Data, read_through, write_once
from harness.library import Library, Measurement
from harness.sampling import Sampling
from harness.task import Task
from harness.web_server import WebServer, serve

_WARM_ROWS = 2048
_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class StreamRows(NumberedRows):
    """Rows in a store, and where a library keeps what it fetched.

    Attributes:
        stored: the folder that the store serves as a bucket of its name.
        endpoint: the URL of the store.
        cache: a folder that is empty at first.
    """

    stored: Path = Path()
    endpoint: str = ""
    cache: Path = Path()

    def reduced(self, share: float) -> StreamRows:
        """Returns the rows of the first files, so large a share of all; one file at least."""
        files = max(1, round(self.files * share))
        return replace(self, rows=max(1, self.rows * files // self.files), files=files)

    @property
    def row_bytes(self) -> int:
        """How many bytes of values a row has."""
        return 4 * self.width

    @property
    def http_url(self) -> str:
        """The folder, as a web server has it."""
        return f"{self.endpoint}/{self.stored.name}"

    @property
    def s3_url(self) -> str:
        """The folder, as a bucket of S3 at `endpoint`."""
        return f"s3://{self.stored.name}"

    @property
    def shard_files(self) -> list[Path]:
        """All files of the folder."""
        return sorted(path for path in self.stored.rglob("*") if path.is_file())


def measure_stream(library: Library, data: Data, task: Task) -> Measurement:
    """Runs one pass from the store, and checks every row that came.

    The clock runs from before `setup`. Before that a pass over a few rows of another dataset has
    imported what is imported late.
    """
    assert isinstance(data, StreamRows)
    few = made(library, replace(data, rows=min(_WARM_ROWS, data.rows), files=1))
    whole = made(library, data)
    for path in whole.shard_files:
        read_through(path)
    folder = Path(tempfile.mkdtemp(prefix="unfinished-stream-", dir=data.root))
    try:
        limits = (task.megabytes_per_s, task.connection_megabytes_per_s)
        with serve(data.root, *limits) as server:
            _measure(library, placed(few, server, folder / "few"))
            at_hand = placed(whole, server, folder / "cache")
            if getattr(library.module, "WARM", False):
                _measure(library, at_hand)
            process.back_memory(data.rows * task.row_bytes)
            before = server.sent_bytes(f"/{whole.stored.name}/")
            found = _measure(library, at_hand)
            sent = server.sent_bytes(f"/{whole.stored.name}/") - before
    finally:
        shutil.rmtree(folder)
    if library.limit is not None:
        return found
    stored = sum(path.stat().st_size for path in whole.shard_files)
    return replace(found, metrics={**found.metrics, "downloads": sent / stored})


def made(library: Library, data: StreamRows) -> StreamRows:
    """Returns the rows with the folder that has them, written once."""
    kind = library.module.FORMAT
    folder = data.root / f"streams-{kind}-{data.rows}x{data.width}-files-{data.files}"
    write_once(folder, lambda unfinished: library.module.write(data, unfinished))
    return replace(data, stored=folder)


def placed(data: StreamRows, server: WebServer, cache: Path) -> StreamRows:
    """Returns the rows with the store that serves them, and a new folder for what is fetched."""
    cache.mkdir()
    return replace(data, endpoint=server.url, cache=cache)


def _measure(library: Library, data: StreamRows) -> Measurement:
    anonymous = _tree_anonymous_mib()
    with _Peak() as peak:
        if library.limit is not None:
            metrics = library.limit(data, 0.0)
            return Measurement(data.rows, False, 0, metrics)
        watch, first = Watch(data), _First()
        start = time.perf_counter()
        state = library.setup(data)
        watch.consume(first.of(library.epoch(state, 0), start), start, 0.0)
        library.close(state)
    del state
    metrics = {
        "rows_per_s": watch.rows / watch.seconds,
        "seconds": watch.seconds,
        "first_batch_s": first.seconds,
        # The watch keeps of each row what proves it.
        "anonymous_mib": peak.mib - anonymous - _watched_mib(data),
    }
    return Measurement(watch.rows, True, watch.check(mixed=False), metrics)


def _watched_mib(data: ColdRows) -> float:
    return 12 * data.rows / 2**20


class _First:
    """When the first batch came."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def of(self, batches: Iterable[Batch], start: float) -> Iterator[Batch]:
        for batch in batches:
            if self.seconds == 0:
                self.seconds = time.perf_counter() - start
            yield batch


class _Peak(Sampling):
    """The most anonymous memory of this process and its children, looked at now and then."""

    def __init__(self) -> None:
        super().__init__(_SAMPLE_SECONDS)
        self.mib = 0.0

    def look(self) -> None:
        self.mib = max(self.mib, _tree_anonymous_mib())


def _tree_anonymous_mib() -> float:
    return sum(process.anonymous_mib(number) for number in process.tree())
