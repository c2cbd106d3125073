"""MosaicML Streaming: MDS shards of an S3 bucket, arrays, a DataLoader with two workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from harness.cold import numbered_rows
from harness.data import Batch
from harness.stream import StreamRows

NEEDS = "nginx"
PACKAGE = "streaming"
FORMAT = "mds"
ROWS_SHARE = 0.25
_WORKERS = 2


class _Absent(ModuleType):
    """A module that the package imports for images and text, which are not read here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


_ABSENT = (
    *("torchvision", "torchvision.datasets", "torchvision.transforms"),
    *("torchvision.transforms.functional", "transformers", "transformers.feature_extraction_utils"),
    *("transformers.tokenization_utils_base", "transformers.models", "transformers.models.auto"),
    "transformers.models.auto.tokenization_auto",
)


def _streaming() -> Any:
    for name in _ABSENT:
        sys.modules.setdefault(name, _Absent(name))
    import streaming  # noqa: PLC0415  # after those that it imports

    return streaming


def write(data: StreamRows, folder: Path) -> None:
    limit = -(-data.rows // data.files) * (data.row_bytes + 8)
    columns = {"x": f"ndarray:float32:{data.width}"}
    writer = _streaming().MDSWriter
    with writer(out=str(folder), columns=columns, size_limit=limit, progress_bar=False) as mds:
        for row in range(data.rows):
            mds.write({"x": numbered_rows(np.array([row]), data.width)[0]})


def setup(data: StreamRows) -> Any:
    os.environ.update(
        S3_ENDPOINT_URL=data.endpoint, AWS_ACCESS_KEY_ID="unused", AWS_SECRET_ACCESS_KEY="unused"
    )
    dataset = _streaming().StreamingDataset(
        remote=data.s3_url, local=str(data.cache), shuffle=False, batch_size=data.batch_size
    )
    return DataLoader(dataset, batch_size=data.batch_size, num_workers=_WORKERS)


def epoch(loader: Any, number: int) -> Iterator[Batch]:
    for batch in loader:
        yield {"x": torch.as_tensor(batch["x"])}
