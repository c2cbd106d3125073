"""What headrace asks of a store: whole objects, ranges, puts, lists."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from headrace.errors import CorruptError, TruncatedError

_DELETIONS = 64  # at the same time
PIECE_BYTES = 2**22  # of a stream; large ones cost memory, small ones time


@dataclass(frozen=True)
class ObjectInfo:
    """What a store says about an object.

    Attributes:
        key: Its name below the store's URL.
        size: In bytes.
        etag: What changes when the object does; None where the store has none.
        modified: When it was written, by the store's clock; None where it does not tell.
    """

    key: str
    size: int
    etag: str | None = None
    modified: datetime | None = None


class ObjectStore(abc.ABC):
    """Objects below one URL. Any number of threads; picklable, with its credentials.

    Every method raises a `HeadraceError` and nothing else of the store's: NotFoundError,
    PermissionDeniedError, StoreTimeoutError, ChangedError, UnsupportedError, or IoError for the
    rest. Their messages name the object's URL, without query and credentials.

    Attributes:
        url: Where it is: a URL that may be shown to anybody.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def url_of(self, key: str) -> str:
        """Returns the URL of an object, as messages show it."""
        return f"{self.url}/{key}"

    @abc.abstractmethod
    def pieces(self, key: str) -> Iterator[memoryview]:
        """Yields the bytes of an object in order, and does not hold all of a large one at a time.

        They are those of one moment, whatever is written meanwhile.

        Raises:
            ChangedError: If it was replaced before all had come.
        """

    def get(self, key: str) -> bytes:
        """Returns the bytes of an object; raises as `pieces`."""
        return b"".join(self.pieces(key))

    def get_small(self, keys: Sequence[str], most: int) -> list[bytes | None]:
        """Returns the bytes of objects, None for one of more than `most`; asks for some at once."""
        return [None if self.head(key).size > most else self.get(key) for key in keys]

    @abc.abstractmethod
    def stream(
        self,
        key: str,
        start: int,
        stop: int,
        *,
        etag: str | None = None,
        piece_bytes: int = PIECE_BYTES,
    ) -> Iterator[memoryview]:
        """Yields bytes [start, stop) of an object, in pieces of about that size, as they come.

        Raises:
            ChangedError: If the object is no longer that of `etag`.
            TruncatedError: If it ends before `stop`.
            CorruptError: If more comes.
        """

    @abc.abstractmethod
    def put(self, key: str, data: bytes | Path) -> None:
        """Writes an object, in place of one that there may be: of bytes, or of a local file.

        Large ones go in parts; nobody sees any of it before all is there.
        """

    @abc.abstractmethod
    def begin_put(self, key: str, data: bytes | Path) -> Future[None]:
        """Begins what `put` does; the result raises as that does. Dropped by its cancel()."""

    @abc.abstractmethod
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Writes an object if there is none of this key; returns whether it did.

        Of any number of callers at once, one does. False may also mean that this very call did, and
        that the store's answer was lost.

        Raises:
            UnsupportedError: If the store has no such thing.
        """

    @abc.abstractmethod
    def head(self, key: str) -> ObjectInfo:
        """Returns what the store says about an object."""

    @abc.abstractmethod
    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yields the objects below a folder, in no order."""

    def delete(self, key: str) -> None:
        """Removes an object; fine where there is none."""
        self.begin_delete(key).result()

    def delete_all(self, keys: Sequence[str]) -> None:
        """Removes any number of objects, many at a time; fine where one is not there.

        Where one cannot be removed those that were begun with it end before it raises.
        """
        for start in range(0, len(keys), _DELETIONS):
            begun = [self.begin_delete(key) for key in keys[start : start + _DELETIONS]]
            wait(begun)
            for deletion in begun:
                deletion.result()

    @abc.abstractmethod
    def begin_delete(self, key: str) -> Future[None]:
        """Begins what `delete` does."""

    @abc.abstractmethod
    def close(self) -> None:
        """Wakes all that wait for an answer with CancelledError; the store is of no use then.

        Begun puts and deletes go on, until their own cancel(). Requests through fsspec end by
        themselves.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


def check_length(url: str, *, start: int, stop: int, found: int) -> None:
    """Raises TruncatedError or CorruptError unless `found` bytes came of the range [start, stop).

    Of more bytes those that came first count; the rest need not be waited for.
    """
    wanted = stop - start
    if found < wanted:
        raise TruncatedError(
            f"{url} gave {found} bytes of the {wanted} from byte {start}: it is shorter than its "
            "dataset says, or the connection broke; copy it there again if this stays so",
            file=url,
            offset=start,
        )
    if found > wanted:
        raise CorruptError(
            f"{url} gave {found} bytes or more where {wanted} from byte {start} were asked for; "
            "whatever answers there does not heed ranges of bytes: name a server that does",
            file=url,
            offset=start,
        )
