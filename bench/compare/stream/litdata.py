"""litData: StreamingDataset of an S3 bucket, arrays, StreamingDataLoader with a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litdata
import numpy as np
import torch
from botocore.config import Config
from litdata.streaming import downloader
from litdata.streaming.writer import BinaryWriter

from harness.cold import numbered_rows
from harness.data import Batch
from harness.stream import StreamRows

NEEDS = "nginx"
PACKAGE = "litdata"
FORMAT = "litdata"
_WORKERS = 1  # it reads a chunk that two of them share as a whole for each row: 14 k rows/s


def write(data: StreamRows, folder: Path) -> None:
    writer = BinaryWriter(str(folder), chunk_size=-(-data.rows // data.files))
    for row in range(data.rows):
        values = numbered_rows(np.array([row]), data.width)[0]
        writer.add_item(row, torch.from_numpy(values))
    writer.done()
    writer.merge()


def setup(data: StreamRows) -> Any:
    # Its client takes no plain HTTP, and has no option for it.
    downloader._OBSTORE_CLIENT_OPTIONS["allow_http"] = True
    dataset = litdata.StreamingDataset(
        litdata.streaming.resolver.Dir(path=str(data.cache), url=data.s3_url),
        shuffle=False,
        drop_last=False,
        max_cache_size="10GB",
        storage_options={
            "endpoint_url": data.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "unused",
            "aws_secret_access_key": "unused",
            "config": Config(s3={"addressing_style": "path"}),
        },
    )
    return litdata.StreamingDataLoader(
        dataset, batch_size=data.batch_size, num_workers=_WORKERS, drop_last=False
    )


def epoch(loader: Any, number: int) -> Iterator[Batch]:
    for x in loader:
        yield {"x": x}
