"""A program between clients and a server, through which answers go at a limited rate in all.

    python bench/harness/relay.py FD PORT BYTES_PER_S

nginx limits each connection, and a client that opens more of them would get more. FD is a socket
that listens; what comes there goes to PORT of this machine. The bytes of answers stay in the
kernel: splice(2) moves them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time

_BLOCK = 1 << 18
_BURST_SECONDS = 0.01


class Bandwidth:
    """So many bytes a second for all connections together, in the order in which they ask.

    Time in which nobody has asked is not made up for, but for a hundredth of a second.
    """

    def __init__(self, bytes_per_s: float) -> None:
        self._seconds_per_byte = 1 / bytes_per_s
        self._lock = threading.Lock()
        self._free = time.monotonic()

    def take(self, size: int) -> None:
        """Waits until `size` more bytes may have gone."""
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now - _BURST_SECONDS) + size * self._seconds_per_byte
            wait = self._free - now
        if wait > 0:
            time.sleep(wait)


def main(argv: list[str]) -> int:
    """Serves until it is killed."""
    listening, port, bandwidth = int(argv[1]), int(argv[2]), Bandwidth(float(argv[3]))
    with socket.socket(fileno=listening) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, port, bandwidth), daemon=True).start()


def _serve(client: socket.socket, port: int, bandwidth: Bandwidth) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        for connection in (client, server):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking = threading.Thread(target=_ask, args=(client, server), daemon=True)
        asking.start()
        with contextlib.suppress(OSError):
            _answer(server, client, bandwidth)
        for connection in (client, server):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        asking.join()


def _ask(client: socket.socket, server: socket.socket) -> None:
    """Passes requests on."""
    with contextlib.suppress(OSError):
        while request := client.recv(_BLOCK):
            server.sendall(request)
        server.shutdown(socket.SHUT_WR)


def _answer(server: socket.socket, client: socket.socket, bandwidth: Bandwidth) -> None:
    source, sink = os.pipe()
    try:
        while size := os.splice(server.fileno(), sink, _BLOCK):
            bandwidth.take(size)
            while size:
                size -= os.splice(source, client.fileno(), size)
    finally:
        os.close(source)
        os.close(sink)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
