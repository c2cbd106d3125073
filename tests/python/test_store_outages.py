"""A store that is away for a while, or overloaded, costs time, and no rows and no training."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from object_stores import S3, QuietHandler, serving

import headrace as hr
from headrace import dataset_place, follow
from headrace.stores import patience, uploads

pytest.importorskip("obstore")


@dataclass
class Outage:
    """What fails of the requests to a store.

    Attributes:
        failures: How many of the next ones are answered with a status.
        status: Which.
        part: Only requests of names that have this in them.
    """

    failures: int = 0
    status: int = 503
    part: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, path: str) -> bool:
        """Whether a request fails."""
        with self._lock:
            if self.failures == 0 or self.part not in path:
                return False
            self.failures -= 1
            return True


@contextlib.contextmanager
def failing(s3: S3) -> Iterator[Outage]:
    """Lets requests to a bucket go through a server that fails as it is told."""
    there = urlsplit(s3.options["endpoint"]).netloc
    outage = Outage()

    class Handler(QuietHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if outage.takes(self.path):
                reply = b"" if self.command == "HEAD" else b"<Error><Code>SlowDown</Code></Error>"
                self._reply(outage.status, [("Content-Length", str(len(reply)))], reply)
                return
            connection = http.client.HTTPConnection(there)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self._reply(answer.status, answer.getheaders(), answer.read())
            finally:
                connection.close()

        def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    with serving(Handler) as endpoint:
        s3.options["endpoint"] = endpoint
        yield outage


@pytest.fixture
def outage(s3: S3) -> Iterator[Outage]:
    with failing(s3) as found:
        yield found


def write(s3: S3, first: int, rows: int) -> None:
    with hr.Writer(s3.url(), storage_options=s3.options) as writer:
        writer.write(y=np.arange(first, first + rows))


def test_a_writer_waits_for_a_time_and_not_for_a_number_of_tries(
    s3: S3, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.timedelta(milliseconds=1)
    pauses = {"init_backoff": soon, "max_backoff": 2 * soon, "base": 2}
    patience: dict[str, Any] = {**dataset_place._PATIENCE, "backoff": pauses}
    monkeypatch.setattr(dataset_place, "_PATIENCE", patience)
    for part in ("/shards/", "/manifests/"):
        with hr.Writer(s3.url(), storage_options=s3.options) as writer:
            writer.write(y=np.arange(10))
            outage.part, outage.failures = part, 200
        assert outage.failures == 0
    assert len(hr.open(s3.url(), storage_options=s3.options)) == 20


def test_who_waits_for_an_upload_is_told_so(
    s3: S3, outage: Outage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(uploads, "_TELL_S", 0.2)
    with hr.Writer(s3.url(), storage_options=s3.options) as writer:
        writer.write(y=np.arange(10))
        outage.part, outage.failures = "/shards/", 1_000_000
        threading.Timer(1.0, setattr, (outage, "failures", 0)).start()
    said = capfd.readouterr().err
    assert f"s for the upload of {s3.url()}/shards/" in said
    assert 1 <= said.count("\n") <= 6
    assert len(hr.open(s3.url(), storage_options=s3.options)) == 10


def following(s3: S3, **arguments: Any) -> hr.Loader:
    ds = hr.open(s3.url(), storage_options=s3.options, cache_bytes="10MB", **arguments)
    stages = hr.Follow(stage_rows=10, poll_s=0.02)
    return hr.Loader(ds, batch_size=10, follow=stages, output="numpy")


def test_a_loader_that_follows_outlasts_an_outage(
    s3: S3, outage: Outage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "_TELL_S", 0.5)
    write(s3, 0, 10)
    with following(s3) as loader:
        batches = iter(loader)
        next(batches)
        outage.failures = 10_000
        threading.Timer(1.5, setattr, (outage, "failures", 0)).start()
        threading.Timer(1.6, write, (s3, 10, 10)).start()
        assert next(batches)["y"].tolist() == list(range(10, 20))
    said = capfd.readouterr().err
    assert "10 rows are still to be committed" in said
    assert f"the last look failed: {s3.url()}/latest cannot be read" in said
    assert "(503, SlowDown)" in said


def test_a_loader_that_follows_ends_with_a_store_that_stays_away(s3: S3, outage: Outage) -> None:
    write(s3, 0, 10)
    with following(s3, fetch_timeout=0.5) as loader:
        batches = iter(loader)
        next(batches)
        outage.failures = 1_000_000
        with pytest.raises(hr.IoError, match=r"latest cannot be read.*\(503, SlowDown\)"):
            next(batches)


@pytest.mark.parametrize("status", [429, 503])
def test_who_begins_waits_for_a_store_that_is_overloaded(
    s3: S3, outage: Outage, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage.status = status
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.01)
    s3.options["retry_config"] = {"max_retries": 0}
    outage.failures = 3
    write(s3, 0, 10)
    outage.failures = 3
    ds = hr.open(s3.url(), storage_options=s3.options)
    write(s3, 10, 10)
    outage.failures = 3
    assert len(ds.retain(newest=1)) == 10
    assert outage.failures == 0


def test_a_store_that_stays_overloaded_is_an_error_in_time(
    s3: S3, outage: Outage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(patience, "_TELL_S", 0.2)
    write(s3, 0, 10)
    outage.failures = 1_000_000
    with pytest.raises(hr.IoError, match=r"latest cannot be read.*\(503, SlowDown\)"):
        hr.open(s3.url(), storage_options=s3.options, fetch_timeout=1.5)
    said = capfd.readouterr().err
    assert f"s, and goes on: {s3.url()}/latest cannot be read" in said


def test_a_store_that_cannot_be_reached_is_an_error_at_once(s3: S3) -> None:
    s3.options["endpoint"] = "http://127.0.0.1:1"
    began = time.monotonic()
    with pytest.raises(hr.IoError, match="no connection"):
        hr.open(s3.url(), storage_options=s3.options)
    with pytest.raises(hr.IoError, match="no connection"):
        hr.Writer(s3.url(), storage_options=s3.options)
    assert time.monotonic() - began < 30
