"""Stores that obstore knows."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import datetime
import functools
import math
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from headrace.errors import HeadraceError, InvalidError, IoError
from headrace.optional_packages import require
from headrace.stores import background_loop
from headrace.stores.background_loop import lend
from headrace.stores.object_store import PIECE_BYTES, ObjectInfo, ObjectStore, check_length
from headrace.stores.store_errors import awaiting, calling
from headrace.stores.store_url import local_path, scheme_of

_Result = TypeVar("_Result")

SCHEMES = frozenset(
    {
        *("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl"),
        *("http", "https", "file", "memory"),
    }
)

# The settings that are not those of one kind of store.
_GENERAL = ("client_options", "retry_config", "credential_provider")
# What names an endpoint in the environment; that it may be http:// the client would not see there.
_ENDPOINTS = (
    *("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
    *("AZURE_ENDPOINT", "AZURE_STORAGE_ENDPOINT"),
)
# A request that hangs ends; whoever asked for it decides about trying again, so the client itself
# tries no more often than a lost connection deserves.
_CLIENT: dict[str, Any] = {"connect_timeout": "5s", "timeout": "60s"}
_RETRIES = 3
_RETRY: dict[str, Any] = {"max_retries": _RETRIES, "retry_timeout": datetime.timedelta(seconds=30)}

# What is told of a store that cannot be made.
_NAMES = (
    (
        ("s3", "s3a"),
        "its names for S3 are access_key_id, secret_access_key, session_token, region and endpoint",
    ),
    (
        ("az", "azure", "abfs", "abfss", "adl"),
        "Azure needs account_name, or AZURE_STORAGE_ACCOUNT_NAME in the environment, and "
        "account_key, sas_key or a client's id, secret and tenant",
    ),
    (("gs",), "its names for GCS are service_account (a path) and service_account_key"),
)
_OTHER_NAMES = "web servers have none but client_options and retry_config"

_PART_BYTES = 2**23  # of an upload, and of a download of a large object
_PARTS_AT_ONCE = 4  # of an upload; so much of it is in memory
_AT_ONCE = 16  # small objects

_memory: dict[str, Any] = {}  # by URL: what a process writes there it finds there


class ObstoreStore(ObjectStore):
    """A store behind obstore.

    Args:
        store: One of obstore's.
        url: Where that is.
    """

    def __init__(self, store: Any, url: str) -> None:
        super().__init__(url)
        self._store = store
        self._obstore = _obstore()
        self._requests = background_loop.Requests(self.url)

    @classmethod
    def open(
        cls, url: str, storage_options: dict[str, Any], patience: float | None = None
    ) -> ObstoreStore:
        """Returns the store of a URL; raises as `open_store`."""
        scheme = scheme_of(url)
        if scheme == "memory":
            return cls(_memory.setdefault(url, _stores().MemoryStore()), url)
        if scheme == "file":
            path = local_path(url)
            os.makedirs(path, exist_ok=True)
            return cls(_stores().LocalStore(path), url)
        general = {"client_options": _CLIENT, "retry_config": _RETRY}
        if patience is not None:
            general = _within(patience)
        return cls(_configured(url, storage_options, general), url)

    def pieces(self, key: str) -> Iterator[memoryview]:
        """Yields the bytes of an object in order."""
        result = self._ask("read", key, lambda: lend(self._obstore.get_async(self._store, key)))
        size, etag = result.meta["size"], result.meta.get("e_tag")
        if size <= _PART_BYTES or etag is None:
            yield self._body(key, result, 0, size)
            return
        for start in range(0, size, _PART_BYTES):  # so that no single request takes long
            stop = min(start + _PART_BYTES, size)
            result = self._ask("read", key, self._range_request(key, start, stop, etag))
            yield self._body(key, result, start, stop)

    def get_small(self, keys: Sequence[str], most: int) -> builtins.list[bytes | None]:
        """Returns the bytes of objects, None for one of more than `most`."""

        async def get_all() -> builtins.list[bytes | None]:
            few = asyncio.Semaphore(_AT_ONCE)

            async def get(key: str) -> bytes | None:
                async with few:
                    result = await lend(self._obstore.get_async(self._store, key))
                    if result.meta["size"] > most:
                        return None
                    return bytes(await lend(result.bytes_async()))

            return await asyncio.gather(
                *(awaiting("read", self.url_of(key), functools.partial(get, key)) for key in keys)
            )

        return self._requests.wait_for(get_all)

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
        if start == stop:
            return
        result = self._ask("read", key, self._range_request(key, start, stop, etag))
        pieces = result.stream(min_chunk_size=piece_bytes)
        found = 0
        while (piece := self._ask("read", key, lambda: _next(pieces))) is not None:
            found += len(piece)
            if found > stop - start:
                break
            yield memoryview(piece)
        check_length(url, start=start, stop=stop, found=found)

    def put(self, key: str, data: bytes | Path) -> None:
        """Writes an object."""
        self._ask("written", key, lambda: self._put(key, data))

    def begin_put(self, key: str, data: bytes | Path) -> Future[None]:
        """Begins a put."""
        return self._begin("written", key, lambda: self._put(key, data))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Writes an object if there is none; returns whether it did."""

        async def create() -> bool:
            try:
                body = self._lent(data)
                await lend(self._obstore.put_async(self._store, key, body, mode="create"))
            except self._obstore.exceptions.AlreadyExistsError:
                return False
            return True

        return self._ask("written", key, create)

    def head(self, key: str) -> ObjectInfo:
        """Returns what the store says about an object."""
        try:
            meta = self._ask("read", key, lambda: lend(self._obstore.head_async(self._store, key)))
        except IoError as error:
            if "(400)" in str(error):
                # The answer to HEAD has no body, where S3 says that credentials have expired.
                next(self.stream(key, 0, 1), None)
            raise
        return _info(meta)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yields the objects below a folder."""
        chunks = self._obstore.list(self._store, prefix or None)
        while (chunk := self._ask("listed", prefix, lambda: _next(chunks))) is not None:
            yield from map(_info, chunk)

    def begin_delete(self, key: str) -> Future[None]:
        """Begins to remove an object."""

        async def remove() -> None:
            with contextlib.suppress(FileNotFoundError):  # which some stores tell, and some not
                await lend(self._obstore.delete_async(self._store, key))

        return self._begin("removed", key, remove)

    def close(self) -> None:
        """Ends all that wait for this store."""
        self._requests.close()

    def _range_request(
        self, key: str, start: int, stop: int, etag: str | None
    ) -> Callable[[], Awaitable[Any]]:
        options: dict[str, Any] = {"range": (start, stop)}
        if etag is not None:
            options["if_match"] = etag
        return lambda: lend(self._obstore.get_async(self._store, key, options=options))

    def _body(self, key: str, result: Any, start: int, stop: int) -> memoryview:
        """Returns what came of a request for bytes [start, stop); of a file in one read."""
        data = memoryview(self._ask("read", key, lambda: lend(result.bytes_async())))
        check_length(self.url_of(key), start=start, stop=stop, found=len(data))
        return data

    def _begin(self, doing: str, key: str, request: Callable[[], Awaitable[Any]]) -> Future[None]:
        url = self.url_of(key)

        async def begun() -> None:
            await awaiting(doing, url, request)

        return background_loop.submit(begun)

    def _put(self, key: str, data: bytes | Path) -> Awaitable[Any]:
        body = data if isinstance(data, Path) else self._lent(data)
        found: Awaitable[Any] = self._obstore.put_async(
            self._store, key, body, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )
        return lend(found)

    def _lent(self, data: bytes) -> bytes | memoryview:
        """Returns bytes that are to be put."""
        if not data or scheme_of(self.url) == "memory":
            return data  # obstore takes no empty buffers, and a store in memory keeps what it gets
        return lend(memoryview(data))

    def _ask(self, doing: str, key: str, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Returns what a request gives, whose errors are then headrace's."""
        return calling(doing, self.url_of(key), lambda: self._requests.wait_for(request))

    def __reduce__(self) -> tuple[Any, ...]:
        return ObstoreStore, (self._store, self.url)


async def _next(items: Any) -> Any:
    """Returns the next item of an asynchronous iterator; None behind the last one."""
    try:
        return await lend(items.__anext__())
    except StopAsyncIteration:
        return None


def _info(meta: Any) -> ObjectInfo:
    return ObjectInfo(meta["path"], meta["size"], meta.get("e_tag"), meta.get("last_modified"))


def _within(patience: float) -> dict[str, Any]:
    """Returns settings of a client whose requests take no longer than that, with all retries.

    A body that breaks off, or comes too slowly, goes on where it was with the next try.
    """
    seconds = patience / (_RETRIES + 1)
    timeout = f"{math.ceil(seconds * 1e3)}ms"
    connecting = {"connect_timeout": timeout} if seconds < 5 else {}
    return {
        "client_options": {**_CLIENT, **connecting, "timeout": timeout},
        "retry_config": {**_RETRY, "retry_timeout": datetime.timedelta(seconds=patience)},
    }


def _configured(
    url: str, storage_options: dict[str, Any], defaults: dict[str, dict[str, Any]]
) -> Any:
    """Returns obstore's store for a URL of a cloud, or of a web server."""
    config = {k: v for k, v in storage_options.items() if k not in _GENERAL}
    general = {k: v for k, v in storage_options.items() if k in _GENERAL and v is not None}
    client = {**defaults["client_options"], **general.pop("client_options", {})}
    endpoints = [url, *(value for key, value in config.items() if "endpoint" in key.lower())]
    endpoints += [os.environ.get(name, "") for name in _ENDPOINTS]
    if any(str(endpoint).lower().startswith("http://") for endpoint in endpoints):
        client.setdefault("allow_http", True)
    general.setdefault("retry_config", dict(defaults["retry_config"]))
    stores = _stores()
    # obstore would take web servers of the clouds for their stores; a URL is what it says.
    is_web = scheme_of(url) in ("http", "https")
    make = stores.HTTPStore.from_url if is_web else stores.from_url
    if config and not is_web:
        general["config"] = config
    elif config:
        raise _unknown_options(url, config)
    try:
        return make(url, client_options=client, **general)
    except HeadraceError:
        raise
    except Exception:  # noqa: BLE001  # whatever it is, its text may hold a value of the options
        failure = _unknown_options(url, storage_options)
    raise failure


def _unknown_options(url: str, storage_options: dict[str, Any]) -> InvalidError:
    names = ", ".join(sorted(storage_options)) or "none"
    of = next((names for schemes, names in _NAMES if scheme_of(url) in schemes), _OTHER_NAMES)
    return InvalidError(
        f"obstore takes no store of {url} with these storage_options: {names}; {of}; its "
        "documentation has the others",
        file=url,
    )


def _obstore() -> Any:
    # References that obstore's threads drop go when it is called the next time.
    background_loop.nudge_by(_stores().MemoryStore)
    return require("obstore", to="use object stores")


def _stores() -> Any:
    return require("obstore.store", to="use object stores")
