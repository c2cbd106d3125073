"""WebDataset: tar files by curl, rows from bytes, batches in two workers of WebLoader."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset

from harness.cold import numbered_rows
from harness.data import Batch
from harness.stream import StreamRows

NEEDS = ("nginx", "curl")
PACKAGE = "webdataset"
FORMAT = "webdataset"
ROWS_SHARE = 0.5
_WORKERS = 2


def write(data: StreamRows, folder: Path) -> None:
    start = 0
    for number, rows in enumerate(data.file_rows()):
        with tarfile.open(folder / f"{number:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for row in range(start, start + rows):
                info = tarfile.TarInfo(f"{row:09d}.bin")
                info.size = 4 * data.width
                body = numbered_rows(np.array([row]), data.width).tobytes()
                tar.addfile(info, io.BytesIO(body))
        start += rows


def setup(data: StreamRows) -> Any:
    urls = [f"{data.http_url}/{path.name}" for path in data.shard_files]
    rows = webdataset.WebDataset(
        urls, shardshuffle=False, workersplitter=webdataset.split_by_worker, empty_check=False
    )
    batches = rows.to_tuple("bin").batched(data.batch_size, collation_fn=_collate)
    return webdataset.WebLoader(batches, batch_size=None, num_workers=_WORKERS)


def _collate(rows: list[tuple[bytes]]) -> torch.Tensor:
    values = np.frombuffer(b"".join(row for (row,) in rows), np.float32)
    return torch.from_numpy(values.reshape(len(rows), -1).copy())


def epoch(loader: Any, number: int) -> Iterator[Batch]:
    batches: Iterable[torch.Tensor] = loader
    for x in batches:
        yield {"x": x}
