"""Stores that fsspec knows and obstore does not, for reading."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from headrace.errors import ChangedError, InvalidError, MissingDependencyError, UnsupportedError
from headrace.optional_packages import require
from headrace.stores.object_store import PIECE_BYTES, ObjectInfo, ObjectStore, check_length
from headrace.stores.store_errors import calling
from headrace.stores.store_url import scheme_of


class FsspecStore(ObjectStore):
    """A file system of fsspec. It has no put-if-absent, so that no dataset is written there.

    Args:
        files: One of fsspec's file systems.
        root: The folder there.
        url: Where that is.
    """

    def __init__(self, files: Any, root: str, url: str) -> None:
        super().__init__(url)
        self._files = files
        self._root = root.rstrip("/")

    @classmethod
    def open(cls, url: str, storage_options: dict[str, Any]) -> FsspecStore:
        """Returns the store of a URL; raises as `open_store`."""
        fsspec = require("fsspec", to=f"read {scheme_of(url)}:// URLs")
        failure: InvalidError | MissingDependencyError
        try:
            files, root = fsspec.core.url_to_fs(url, **storage_options)
        except ImportError as error:
            # Its message names the package, and is about nothing else.
            failure = MissingDependencyError(f"{url} cannot be read: {error}", file=url)
        except Exception:  # noqa: BLE001  # its text may hold a value of the options
            names = ", ".join(sorted(storage_options)) or "none"
            failure = InvalidError(
                f"neither obstore nor fsspec takes {url} with these storage_options: {names}; "
                "check the scheme and the names",
                file=url,
            )
        else:
            return cls(files, root, url)
        raise failure

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def pieces(self, key: str) -> Iterator[memoryview]:
        """Yields the bytes of an object in order."""
        info = self.head(key)
        if info.size <= PIECE_BYTES or info.etag is None:
            yield memoryview(self.get(key))
        else:
            yield from self.stream(key, 0, info.size, etag=info.etag)

    def get(self, key: str) -> bytes:
        """Returns the bytes of an object."""
        return calling(
            "read", self.url_of(key), lambda: bytes(self._files.cat_file(self._path(key)))
        )

    def stream(
        self,
        key: str,
        start: int,
        stop: int,
        *,
        etag: str | None = None,
        piece_bytes: int = PIECE_BYTES,
    ) -> Iterator[memoryview]:
        """Yields bytes [start, stop) of an object as they come."""
        url = self.url_of(key)
        for first in range(start, stop, piece_bytes):
            last = min(first + piece_bytes, stop)
            piece = calling(
                "read",
                url,
                lambda: self._files.cat_file(self._path(key), start=first, end=last),  # noqa: B023
            )
            check_length(url, start=first, stop=last, found=len(piece))
            yield memoryview(piece)
        # fsspec has no conditional reads: what changed meanwhile shows afterwards.
        if etag is not None and self.head(key).etag != etag:
            raise ChangedError(
                f"{url} cannot be read: it is another object than when it was first looked at",
                file=url,
            )

    def put(self, key: str, data: bytes | Path) -> None:
        """Raises UnsupportedError."""
        raise self._read_only(key)

    def begin_put(self, key: str, data: bytes | Path) -> Future[None]:
        """Raises UnsupportedError."""
        raise self._read_only(key)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Raises UnsupportedError."""
        raise self._read_only(key)

    def head(self, key: str) -> ObjectInfo:
        """Returns what the store says about an object."""
        path = self._path(key)
        found = calling("read", self.url_of(key), lambda: self._files.info(path))
        return self._info(found)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yields the objects below a folder."""
        found = calling(
            "listed",
            self.url_of(prefix),
            lambda: self._files.find(self._path(prefix), detail=True),
        )
        yield from map(self._info, found.values())

    def begin_delete(self, key: str) -> Future[None]:
        """Raises UnsupportedError."""
        raise self._read_only(key)

    def close(self) -> None:
        """Does nothing."""

    def _info(self, found: Any) -> ObjectInfo:
        name = str(found["name"])
        etag = found.get("ETag") or found.get("etag") or found.get("mtime") or found.get("created")
        return ObjectInfo(
            key=name[len(self._root) + 1 :] if name.startswith(self._root) else name,
            size=int(found["size"]),
            etag=None if etag is None else str(etag),
        )

    def _read_only(self, key: str) -> UnsupportedError:
        url = self.url_of(key)
        return UnsupportedError(
            f"{url} cannot be written: commits need a store that creates an object only if there "
            f"is none, and fsspec has no such thing for {scheme_of(url)}://; write to s3://, "
            "gs://, az:// or a directory, and copy it there",
            file=url,
        )
