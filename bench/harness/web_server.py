"""nginx over a folder: a store for reads, which gives so many bytes per second as it is told.

Objects are at URL/BUCKET/KEY, where the bucket is a folder; that is what S3 is to who only reads.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import relay

_START_SECONDS = 10.0
_CONFIGURATION = """
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/errors;
events {{ worker_connections 512; }}
http {{
  log_format sent '$request_method $body_bytes_sent $uri';
  access_log {home}/requests sent;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  sendfile on;
  sendfile_max_chunk 1m;
  tcp_nopush on;
  keepalive_requests 1000000;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    limit_rate {limit};
  }}
}}
"""


@dataclass(frozen=True)
class WebServer:
    """A server that runs.

    Attributes:
        url: where it is.
        requests: the file that it adds a line to for each request that ended.
    """

    url: str
    requests: Path

    def sent_bytes(self, prefix: str) -> int:
        """Returns how many bytes of objects below a path went out so far."""
        lines = (line.split(maxsplit=2) for line in self.requests.read_text().splitlines())
        return sum(
            int(sent) for kind, sent, path in lines if kind == "GET" and path.startswith(prefix)
        )


@contextlib.contextmanager
def serve(
    root: Path, megabytes_per_s: int = 0, connection_megabytes_per_s: int = 0
) -> Iterator[WebServer]:
    """Serves a folder on a port of this machine.

    Args:
        root: what is served.
        megabytes_per_s: of all connections together. 0 is no limit.
        connection_megabytes_per_s: of each connection. 0 is no limit.
    """
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-nginx-"))
        port = _free_port()
        file = Path(home, "nginx.conf")
        limit = 1_000_000 * connection_megabytes_per_s  # 0 is none for nginx, too
        configuration = _CONFIGURATION.format(
            home=home, port=port, root=root.resolve(), limit=limit
        )
        file.write_text(configuration)
        program = shutil.which("nginx")
        if program is None:
            raise FileNotFoundError("there is no nginx; install the Debian package nginx")
        command = [program, "-p", home, "-c", str(file), "-e", f"{home}/errors"]
        process = stack.enter_context(_running(command))
        _wait_for(f"http://127.0.0.1:{port}", process, Path(home, "errors"))
        if megabytes_per_s:
            port = stack.enter_context(_relay(port, 1_000_000 * megabytes_per_s))
        yield WebServer(f"http://127.0.0.1:{port}", Path(home, "requests"))


@contextlib.contextmanager
def _relay(port: int, bytes_per_s: int) -> Iterator[int]:
    """Runs what limits the answers of a port; the port to ask instead."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        number = listener.fileno()
        command = [sys.executable, relay.__file__, str(number), str(port), str(bytes_per_s)]
        with _running(command, pass_fds=(number,)):
            found: int = listener.getsockname()[1]
            listener.close()  # connections wait for the program, or fail if it has ended
            yield found


@contextlib.contextmanager
def _running(
    command: list[str], pass_fds: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=pass_fds) as process:
        try:
            yield process
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes], errors: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.HTTPError:
            return  # it answers: there is no page at /
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"nginx does not answer: {errors.read_text()[-2000:]}")
