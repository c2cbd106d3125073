"""Datasets of shards: the rows of the other tasks, and directories of very many shards.

Only our own entries import this, so that no other library runs beside ours.
"""

from __future__ import annotations

import multiprocessing
import os
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr
from harness.data import Data, features_of, write_once
from headrace import _core

_CHUNK_ROWS = 65_536
_CHUNK_SHARDS = 50_000


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
    entries = [_entry(data, rows) for rows in data.file_rows()]
    for entry in entries:
        with open(Path(target.shards, f"{entry['id']}.arrow"), "wb") as file:
            os.truncate(file.fileno(), entry["stored_bytes"])
    target.commit(entries, _fields(data))


def write_manifest(data: Data) -> Path:
    """Returns a dataset of `data.files` shards of which there is only the manifest, a snapshot.

    It is written once, and by another process: what this one gave back of so many entries, it would
    have at hand for what is measured.
    """
    directory = data.root / f"shards-{data.rows}-files-{data.files}-manifest"

    def write(folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as writer:
            writer.submit(_commit_manifest, data, folder).result()

    write_once(directory, write)
    return directory


def _commit_manifest(data: Data, folder: Path) -> None:
    target = _core.Directory(str(folder))
    target.create()
    counts = data.file_rows()
    for first in range(0, data.files, _CHUNK_SHARDS):
        chunk = counts[first : first + _CHUNK_SHARDS]
        target.commit(
            [_entry(data, rows) for rows in chunk],
            _fields(data),
            snapshot=first + len(chunk) == data.files,
            files_here=False,
        )


def _entry(data: Data, rows: int) -> dict[str, Any]:
    """Returns what a manifest says of a shard of two record batches."""
    size = 4096 + rows * (4 * data.width + 8)
    return {
        "id": str(uuid.uuid4()),
        "rows": rows,
        "batch_rows": max(1, rows // 2),
        "bytes": size,
        "stored_bytes": size,
        "stored_xxh3": 0,
        "encoding": "none",
        "origins": [],
    }


def _fields(data: Data) -> list[Any]:
    fields = [hr.Field("x", "float32", (data.width,)), hr.Field("y", "int64")]
    return [field.to_core() for field in fields]
