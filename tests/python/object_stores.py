"""Servers that stores are tested against, and datasets in them."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import headrace as hr
from headrace.stores import ObjectStore, open_store

_MOTO = """
import logging, sys
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # until the tests end, however they do
"""


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    """Runs a server of S3 in a process of its own; its endpoint."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()  # a worker that was forked meanwhile may hold its end of the pipe open


class S3:
    """A bucket of its own on the server."""

    def __init__(self, endpoint: str) -> None:
        self.bucket = f"b{uuid.uuid4().hex}"
        self.options: dict[str, Any] = {
            "endpoint": endpoint,
            "region": "us-east-1",
            "access_key_id": "AKIACANARY",
            "secret_access_key": "SECRETCANARY",
        }
        request = urllib.request.Request(f"{endpoint}/{self.bucket}", method="PUT")
        urllib.request.urlopen(request).close()

    def url(self, name: str = "data") -> str:
        """A place in the bucket."""
        return f"s3://{self.bucket}/{name}"

    def open(self, name: str = "data") -> ObjectStore:
        """The store of that place."""
        return open_store(self.url(name), self.options)


def download(store: ObjectStore, folder: Path) -> hr.Dataset:
    """Copies all objects of a dataset to a folder, and opens it there."""
    for found in store.list():
        path = folder / found.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(found.key))
    return hr.open(str(folder))


Answer = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def http_server(answer: Callable[[str, str, dict[str, str]], Answer]) -> Iterator[str]:
    """Runs a server that answers (method, path, headers) as it is told; its URL."""

    class Handler(QuietHandler):
        def handle_one(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = answer(self.command, self.path, dict(self.headers))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one  # noqa: N815

    with serving(Handler) as url:
        yield url


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Requests one after another on a connection, of which nothing is printed."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def serving(handler: type[QuietHandler]) -> Iterator[str]:
    """Runs a server in threads of this process; its URL."""

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that went away is no error here."""

    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
