"""A store of ours that fails as it is told: what S3 answers to reads of a folder, and faults.

Any bucket is a view of the same folder, so that cases of a test that run side by side have each
their own faults. An object's faults are for its GET requests, one after another.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from object_stores import QuietHandler, serving
from store_faults import ELSEWHERE, FAULTS, Fault, Reply


@dataclass
class _Faulty:
    """What becomes of the next requests of an object; no `times` is for ever."""

    fault: Fault
    times: int | None
    after: int


@dataclass
class FaultServer:
    """A server that runs.

    Attributes:
        folder: What it serves.
        endpoint: Its URL.
        gets: GET requests by path.
    """

    folder: Path
    endpoint: str = ""
    gets: Counter[str] = field(default_factory=Counter)
    _faulty: dict[str, _Faulty] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)

    @property
    def options(self) -> dict[str, Any]:
        """As storage_options of ``s3://<any bucket>/<path in the folder>``."""
        return {"endpoint": self.endpoint, "region": "us-east-1", "skip_signature": True}

    def inject(
        self, bucket: str, key: str, fault: str, *, times: int | None = None, after: int = 0
    ) -> None:
        """Answers `times` GET requests for an object in this way, `after` so many right ones."""
        with self._lock:
            self._faulty[f"/{bucket}/{key}"] = _Faulty(FAULTS[fault], times, after)

    def repair(self, bucket: str) -> None:
        """Ends all faults of a bucket."""
        with self._lock:
            for path in [path for path in self._faulty if path.startswith(f"/{bucket}/")]:
                del self._faulty[path]

    def downloads(self, bucket: str) -> int:
        """How many GET requests there were for shards."""
        with self._lock:
            return sum(
                count
                for path, count in self.gets.items()
                if path.startswith(f"/{bucket}/") and "/shards/" in path
            )

    def _next_fault(self, path: str) -> Fault | None:
        with self._lock:
            self.gets[path] += 1
            faulty = self._faulty.get(path)
            if faulty is None:
                return None
            if faulty.after > 0:
                faulty.after -= 1
                return None
            if faulty.times is None:
                return faulty.fault
            faulty.times -= 1
            return faulty.fault if faulty.times >= 0 else None

    def _answer(self, handler: QuietHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        is_elsewhere = path.startswith(ELSEWHERE)
        key = path.removeprefix(ELSEWHERE).split("/", 2)[2]
        is_get = handler.command == "GET"
        fault = self._next_fault(path) if is_get and not is_elsewhere else None
        try:
            found = self.folder / key
            data, etag = _read(found, found.stat().st_mtime_ns)
        except OSError:
            fault, data, etag = FAULTS["missing"], b"", ""
        wanted = handler.headers.get("Range") if is_get else None
        reply = Reply(handler, data, etag, wanted, self._end)
        if fault is None and handler.headers.get("If-Match") not in (None, etag):
            reply.error(412, "PreconditionFailed")
            return
        (fault or Reply.right)(reply)


@contextlib.contextmanager
def fault_server(folder: Path) -> Iterator[FaultServer]:
    """Serves a folder; stalled answers end with it."""
    server = FaultServer(folder)

    class Handler(QuietHandler):
        def answer(self) -> None:
            server._answer(self)

        do_GET = do_HEAD = answer  # noqa: N815

    with serving(Handler) as server.endpoint:
        try:
            yield server
        finally:
            server._end.set()


@functools.lru_cache(maxsize=64)
def _read(path: Path, _modified: int) -> tuple[bytes, str]:
    data = path.read_bytes()
    return data, f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
