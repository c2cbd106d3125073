"""What a store may do wrong, each as an answer to one request."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable
from email.utils import formatdate

from object_stores import QuietHandler

# Where objects of a redirect are, which has no faults of its own.
ELSEWHERE = "/elsewhere"
_DRIP_BYTES = 64
_DRIP_SECONDS = 0.05
# Linger for no time: closing such a socket resets the connection.
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_INVERTED = bytes(255 - byte for byte in range(256))


class Reply:
    """The answer to one request: `data` is the object, of which bytes [start, stop) were wanted."""

    def __init__(
        self,
        handler: QuietHandler,
        data: bytes,
        etag: str,
        wanted: str | None,
        end: threading.Event,
    ) -> None:
        self._handler = handler
        self._end = end
        self.data = data
        self.etag = etag
        self.is_range = wanted is not None
        self.start, self.stop = _bounds(wanted, len(data))
        self.path = handler.path

    @property
    def body(self) -> bytes:
        """What was wanted."""
        return self.data[self.start : self.stop]

    def head(self, status: int, length: int, **headers: str) -> None:
        """Sends the head of an answer with `length` bytes behind it."""
        self._handler.send_response(status)
        headers.setdefault("ETag", self.etag)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Last-Modified", formatdate(0, usegmt=True))
        self._handler.send_header("Content-Length", str(length))
        self._handler.end_headers()

    def partial(self, length: int, **headers: str) -> None:
        """Sends the head of the right answer, with another length as the case may be."""
        if not self.is_range:
            self.head(200, length, **headers)
            return
        place = f"bytes {self.start}-{self.stop - 1}/{len(self.data)}"
        self.head(206, length, Content_Range=place, **headers)

    def send(self, data: bytes) -> None:
        """Sends bytes of a body."""
        if self._handler.command != "HEAD":
            self._handler.wfile.write(data)
            self._handler.wfile.flush()

    def right(self) -> None:
        """Answers as a store should."""
        self.partial(len(self.body))
        self.send(self.body)

    def error(self, status: int, code: str, **headers: str) -> None:
        """Answers with an error of S3."""
        text = f"<Error><Code>{code}</Code><Message>SIGCANARY</Message></Error>".encode()
        self.head(status, len(text), Content_Type="application/xml", **headers)
        self.send(text)

    def hang_up(self, *, reset: bool = False) -> None:
        """Ends the connection, by a FIN or a RST."""
        if reset:
            connection = self._handler.connection
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        self._handler.close_connection = True

    def pause(self, seconds: float | None = None) -> bool:
        """Says nothing for a while, for ever if not said how long; whether the server ends."""
        return self._end.wait(seconds)


def _missing(reply: Reply) -> None:
    reply.error(404, "NoSuchKey")


def _denied(reply: Reply) -> None:
    reply.error(403, "AccessDenied")


def _expired(reply: Reply) -> None:
    reply.error(400, "ExpiredToken")


def _throttled(reply: Reply) -> None:
    reply.error(429, "TooManyRequests", Retry_After="1")


def _busy(reply: Reply) -> None:
    reply.error(503, "SlowDown", Retry_After="1")


def _broken(reply: Reply) -> None:
    reply.error(500, "InternalError")


def _cut(reply: Reply) -> None:
    """Fewer bytes than announced."""
    reply.partial(len(reply.body))
    reply.send(reply.body[: len(reply.body) // 2])
    reply.hang_up()


def _short(reply: Reply) -> None:
    """An object that is shorter than its dataset says."""
    data = reply.data[: len(reply.data) // 2]
    if reply.start >= len(data):
        reply.error(416, "InvalidRange")
        return
    reply.data, reply.stop = data, min(reply.stop, len(data))
    reply.right()


def _flipped(reply: Reply) -> None:
    body = bytearray(reply.body)
    body[len(body) // 2] ^= 1
    reply.partial(len(body))
    reply.send(bytes(body))


def _too_long(reply: Reply) -> None:
    """More bytes than were wanted, announced as such."""
    more = b"\0" * 1000
    reply.data = reply.data[: reply.stop] + more
    reply.stop += len(more)
    reply.right()


def _endless(reply: Reply) -> None:
    """More bytes than were announced."""
    reply.right()
    reply.send(b"\0" * 1000)


def _stalled(reply: Reply) -> None:
    reply.partial(len(reply.body))
    reply.send(reply.body[: len(reply.body) // 2])
    reply.pause()
    reply.hang_up()


def _silent(reply: Reply) -> None:
    """Not even a head."""
    reply.pause()
    reply.hang_up()


def _reset(reply: Reply) -> None:
    reply.partial(len(reply.body))
    reply.send(reply.body[: len(reply.body) // 2])
    reply.hang_up(reset=True)


def _refused(reply: Reply) -> None:
    """A connection that ends before there is an answer."""
    reply.hang_up(reset=True)


def _changed(reply: Reply) -> None:
    """Another object, of the same size."""
    reply.data, reply.etag = reply.data.translate(_INVERTED), '"changed"'
    reply.right()


def _unranged(reply: Reply) -> None:
    """The whole object, whatever was wanted, by servers that know no ranges."""
    reply.head(200, len(reply.data))
    reply.send(reply.data)


def _empty(reply: Reply) -> None:
    reply.head(200, 0)


def _moved(reply: Reply) -> None:
    """To where it can be had."""
    reply.head(307, 0, Location=ELSEWHERE + reply.path + "?X-Amz-Signature=SIGCANARY")


def _moved_in_circles(reply: Reply) -> None:
    reply.head(307, 0, Location=reply.path)


def _dripping(reply: Reply) -> None:
    """Bytes that come, but in no time that would do."""
    reply.partial(len(reply.body))
    for first in range(0, len(reply.body), _DRIP_BYTES):
        reply.send(reply.body[first : first + _DRIP_BYTES])
        if reply.pause(_DRIP_SECONDS):
            break


Fault = Callable[[Reply], None]

FAULTS: dict[str, Fault] = {
    made.__name__.strip("_"): made
    for made in (
        *(_missing, _denied, _expired, _throttled, _busy, _broken, _cut, _short, _flipped),
        *(_too_long, _endless, _stalled, _silent, _reset, _refused, _changed, _unranged, _empty),
        *(_moved, _moved_in_circles, _dripping),
    )
}


def _bounds(wanted: str | None, size: int) -> tuple[int, int]:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
    if found is None:
        return 0, size
    return int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
