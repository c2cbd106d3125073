"""hr.open(url, cache=), an empty cache, hr.Loader in the order of the rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

import headrace as hr
from harness.cold import numbered_rows
from harness.data import Batch
from harness.stream import StreamRows

NEEDS = "nginx"
FORMAT = "headrace"
_CHUNK_ROWS = 8192
# A shard holds a little less than it may, and a short one would come behind the last.
_SPARE_BYTES = 1 << 16


def write(data: StreamRows, folder: Path) -> None:
    shard_bytes = -(-data.rows // data.files) * data.row_bytes + _SPARE_BYTES
    with hr.Writer(folder, shard_bytes=shard_bytes) as writer:
        for first in range(0, data.rows, _CHUNK_ROWS):
            numbers = np.arange(first, min(first + _CHUNK_ROWS, data.rows))
            writer.write(x=numbered_rows(numbers, data.width))


def options(data: StreamRows) -> dict[str, object]:
    return {"endpoint": data.endpoint, "region": "us-east-1", "skip_signature": True}


def setup(data: StreamRows) -> hr.Loader:
    dataset = hr.open(
        data.s3_url,
        cache=data.cache,
        cache_bytes=2 * data.rows * data.row_bytes + (1 << 28),
        storage_options=options(data),
    )
    return hr.Loader(dataset, batch_size=data.batch_size, shuffle=False)


def epoch(loader: hr.Loader, number: int) -> Iterable[Batch]:
    loader.set_epoch(number)
    return loader


def close(loader: hr.Loader) -> None:
    loader.close()
