"""Hugging Face datasets: the same files in one process, whole Arrow batches, arrays of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import torch

from harness.cold import numbered_rows
from harness.data import Batch
from harness.stream import StreamRows

NEEDS = "nginx"
PACKAGE = "datasets"
FORMAT = "arrow"
ROWS_SHARE = 0.25
_CHUNK_ROWS = 1024


@dataclass
class State:
    rows: Any
    data: StreamRows


def write(data: StreamRows, folder: Path) -> None:
    schema = pa.schema([("x", pa.list_(pa.float32(), data.width))])
    start = 0
    for number, rows in enumerate(data.file_rows()):
        path = str(folder / f"{number:06d}.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for first in range(start, start + rows, _CHUNK_ROWS):
                numbers = np.arange(first, min(first + _CHUNK_ROWS, start + rows))
                values = pa.array(numbered_rows(numbers, data.width).ravel())
                x = pa.FixedSizeListArray.from_arrays(values, data.width)
                writer.write_batch(pa.record_batch([x], schema=schema))
        start += rows


def setup(data: StreamRows) -> State:
    urls = [f"{data.http_url}/{path.name}" for path in data.shard_files]
    found = datasets.load_dataset(
        "arrow", data_files=urls, split="train", streaming=True, cache_dir=str(data.cache)
    )
    return State(found.with_format("arrow"), data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    for table in state.rows.iter(batch_size=state.data.batch_size):
        values = table["x"].combine_chunks().flatten().to_numpy()
        x = values.reshape(-1, state.data.width)
        yield {"x": torch.from_numpy(x.copy())}
