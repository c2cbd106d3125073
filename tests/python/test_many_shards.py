"""Datasets of very many shards: what opening one takes of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from headrace import _core

SHARDS = 100_000
# What a manifest says of a shard takes 57 bytes, and to find its two record batches 32; allocators
# keep some of what the manifest was read with. An object for each record batch would be 300 more.
MOST_BYTES = 200
# An id is an object of 85 bytes and has its place in two lists, and a number stands beside it;
# allocators keep some of what it was made of. A range for each shard would be 150 more.
MOST_BYTES_OF_IDS = 300

# After a small one, so that what is imported and started for the first does not count.
MEASURE = """
import sys
import headrace as hr

def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))

few, many, cache = sys.argv[1:]
options = {"cache": cache, "cache_bytes": "1GB"} if "://" in few else {}
first = hr.open(few, **options)
first.shard_ids
before = anonymous()
ds = hr.open(many, **options)
opened = anonymous()
ids = ds.shard_ids
print(opened - before, anonymous() - opened, len(ds), len(ids))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one shard, and one of which there is only the manifest."""
    folder = tmp_path_factory.mktemp("many")
    with hr.Writer(folder / "few") as writer:
        writer.write(y=np.arange(10))
    (folder / "many").mkdir()
    directory = _core.Directory(str(folder / "many"))
    directory.create()
    entry = {"rows": 100, "batch_rows": 50, "bytes": 4096, "stored_bytes": 4096}
    rest = {"stored_xxh3": 0, "encoding": "none", "origins": ()}
    directory.commit(
        [{"id": f"{i:08x}-0000-4000-8000-000000000000", **entry, **rest} for i in range(SHARDS)],
        [hr.Field("y", "int64").to_core()],
        files_here=False,
    )
    return folder


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_shard_takes_few_bytes(folder: Path, scheme: str, tmp_path: Path) -> None:
    places = [f"{scheme}{folder}/{name}" for name in ("few", "many")]
    command = [sys.executable, "-c", MEASURE, *places, str(tmp_path / "cache")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, by_ids, rows, ids = map(int, answer.stdout.split())
    assert (rows, ids) == (100 * SHARDS, SHARDS)
    assert grown / SHARDS < MOST_BYTES
    assert by_ids / SHARDS < MOST_BYTES_OF_IDS
