"""The limit: obstore, the same objects to files, eight at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from compare.stream.headrace import FORMAT, write
from harness.stream import StreamRows

__all__ = ["FORMAT", "limit", "write"]

NEEDS = "nginx"
_AT_ONCE = 8
_PIECE_BYTES = 1 << 22


def limit(data: StreamRows, seconds: float) -> dict[str, float]:
    keys = [str(path.relative_to(data.stored)) for path in data.shard_files]
    shards = [key for key in keys if key.startswith("shards/")]
    rest = [key for key in keys if not key.startswith("shards/")]
    start = time.perf_counter()
    store = _store(data)
    for key in (*rest, shards[0]):
        _download(store, key, data.cache / "first")
    first = time.perf_counter() - start
    start = time.perf_counter()
    store = _store(data)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda key: _download(store, key, data.cache / "all"), keys))
    whole = time.perf_counter() - start
    return {"rows_per_s": data.rows / whole, "seconds": whole, "first_batch_s": first}


def _store(data: StreamRows) -> Any:
    return S3Store(
        data.stored.name,
        endpoint=data.endpoint,
        region="us-east-1",
        skip_signature=True,
        client_options={"allow_http": True},
    )


def _download(store: Any, key: str, folder: Path) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb", buffering=0) as file:
        for piece in obstore.get(store, key).stream(min_chunk_size=_PIECE_BYTES):
            file.write(piece)
