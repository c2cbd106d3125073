"""Datasets of shards: the rows of the other tasks, and directories of very many shards.

Only our own entries import this, so that no other library runs beside ours.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import numpy as np

import headrace as hr
from harness.data import Data, features_of, write_once
from headrace import _core

_CHUNK_ROWS = 65_536


def write_shards(data: Data) -> Path:
    """Returns a dataset of the rows of `data` in as many shards; writes it once."""
    directory = data.root / f"shards-{data.rows}x{data.width}-files-{data.files}"
    write_once(directory, lambda folder: _write_rows(data, folder))
    return directory


def _write_rows(data: Data, folder: Path) -> None:
    start = 0
    for rows in data.file_rows():
        with hr.Writer(folder, shard_bytes="100GB") as writer:
            for first in range(start, start + rows, _CHUNK_ROWS):
                y = np.arange(first, min(first + _CHUNK_ROWS, start + rows), dtype=np.int64)
                writer.write(x=features_of(y, data.width), y=y)
        start += rows


def write_many(data: Data) -> Path:
    """Returns a dataset of `data.files` shards that are named and empty; writes it once.

    The manifest is a real one. The shards are sparse files, for nothing is read of them.
    """
    directory = data.root / f"shards-{data.rows}-files-{data.files}-empty"
    write_once(directory, lambda folder: _commit_empty(data, folder))
    return directory


def _commit_empty(data: Data, folder: Path) -> None:
    target = _core.Directory(str(folder))
    target.create()
    shards = Path(target.shards)
    entries = []
    for rows in data.file_rows():
        sid = str(uuid.uuid4())
        size = 4096 + rows * (4 * data.width + 8)
        with open(shards / f"{sid}.arrow", "wb") as file:
            os.truncate(file.fileno(), size)
        entries.append(
            {
                "id": sid,
                "rows": rows,
                "batch_rows": max(1, rows // 2),
                "bytes": size,
                "stored_bytes": size,
                "stored_xxh3": 0,
                "encoding": "none",
                "origins": [],
            }
        )
    fields = [hr.Field("x", "float32", (data.width,)), hr.Field("y", "int64")]
    target.commit(entries, [field.to_core() for field in fields])
