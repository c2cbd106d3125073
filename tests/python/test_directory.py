"""The directory of a dataset as Python sees it: versions, entries, commits."""

from __future__ import annotations

import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace import _core
from headrace.errors import CorruptError, InvalidError, NotFoundError
from headrace.shard_builder import ShardBuilder

pa = pytest.importorskip("pyarrow")

Commit = tuple[list[dict[str, Any]], list[Any]]


def built(directory: Path, rows: int, **columns: Any) -> Commit:
    """Writes a shard that is not committed; returns its entries and schema."""
    builder = ShardBuilder(directory)
    builder.write(columns or {"x": np.arange(rows)})
    shards = builder.finish()
    return list(shards.entries), [field.to_core() for field in shards.schema.values()]


def test_versions_are_read_as_they_were_committed(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path / "data"))
    assert directory.newest() == 0
    entries, schema = built(tmp_path / "data", 100)
    assert directory.commit(entries, schema, metadata='{"a": 1}') == 1
    more, _ = built(tmp_path / "data", 7)
    assert directory.commit(more, schema, metadata='{"b": "c"}') == 2
    info = directory.read()
    assert (info["version"], info["rows"], info["shards"]) == (2, 107, 2)
    assert (info["kind"], info["base"]) == ("append", 1)
    assert json.loads(info["metadata"]) == {"a": 1, "b": "c"}
    assert info["schema"] == schema
    assert info["dataset"] == directory.read(1)["dataset"]
    assert directory.entries() == entries + more
    assert directory.entries(1) == entries == pickle.loads(pickle.dumps(entries))


def test_origins_come_back_in_one_array(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path))
    for origins in ([], [1, 2**64 - 1], [3]):
        entries, schema = built(tmp_path, 50)
        directory.commit([dict(entry, origins=origins) for entry in entries], schema)
    found = directory.origins()
    assert found.dtype == np.uint64
    assert found.tolist() == [1, 2**64 - 1, 3]
    assert directory.origins(1).tolist() == []


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path / "data"))
    with pytest.raises(NotFoundError, match="no dataset of shards"):
        directory.read()
    entries, schema = built(tmp_path / "data", 10)
    for change in ({"rows": -1}, {"rows": "ten"}, {"origins": [2**64]}, {"id": 3}):
        with pytest.raises(InvalidError, match=next(iter(change))):
            directory.commit([dict(entries[0], **change)], schema)
    with pytest.raises(InvalidError, match="8 keys, not 7"):
        directory.commit([{k: v for k, v in entries[0].items() if k != "bytes"}], schema)
    with pytest.raises(InvalidError, match="is a UUID"):
        directory.commit([dict(entries[0], id="../../etc/passwd")], schema)
    with pytest.raises(InvalidError, match="JSON object"):
        directory.commit(entries, schema, metadata="[]")
    directory.commit(entries, schema)
    other, other_schema = built(tmp_path / "data", 3, x=np.zeros(3, np.float32))
    with pytest.raises(
        InvalidError, match=r"column 0 is x: float32 in the new shards and x: int64 in the dataset"
    ) as caught:
        directory.commit(other, other_schema)
    assert caught.value.column == "x"
    with pytest.raises(NotFoundError, match=r"no version 2; the newest is 1"):
        directory.entries(2)


def test_removed_versions_name_what_is_left(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path))
    for _ in range(3):
        directory.commit(*built(tmp_path, 10), snapshot=True)
    with pytest.raises(InvalidError, match="newest"):
        directory.bury(3)
    directory.bury(1)
    with pytest.raises(NotFoundError, match="version 1 was removed; the oldest that is left is 2"):
        directory.read(1)
    assert directory.read(2)["rows"] == 20


def test_leftovers_are_collected_by_age(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path))
    directory.commit(*built(tmp_path, 10))
    entries, _ = built(tmp_path, 10)
    path = Path(directory.shards, f"{entries[0]['id']}.arrow")
    assert directory.collect(3600) == (0, 0)
    os.utime(path, (0, 0))
    assert directory.collect(3600) == (1, entries[0]["stored_bytes"])
    assert not path.exists()
    with pytest.raises(InvalidError, match="hundred years"):
        directory.collect(2**63)


def test_a_manifest_is_an_arrow_file_as_the_documentation_says(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path))
    entries, schema = built(tmp_path, 10)
    directory.commit([dict(entries[0], origins=[5, 6])], schema)
    with pa.ipc.open_file(tmp_path / "manifests/00000000000000000001.arrow") as file:
        table = file.read_all()
    assert table.to_pylist() == directory.entries()
    header = json.loads(table.schema.metadata[b"headrace.manifest"])
    assert header["schema"] == [{"name": "x", "kind": "tensor", "dtype": "int64", "shape": []}]
    assert (header["kind"], header["rows"], header["shards"]) == ("snapshot", 10, 1)
    assert (tmp_path / "latest").read_text() == "1\n"


def test_a_damaged_manifest_is_no_dataset(tmp_path: Path) -> None:
    directory = _core.Directory(str(tmp_path))
    directory.commit(*built(tmp_path, 10))
    manifest = tmp_path / "manifests/00000000000000000001.arrow"
    content = bytearray(manifest.read_bytes())
    content[len(content) // 2] ^= 1
    manifest.write_bytes(content)
    with pytest.raises(CorruptError, match=manifest.name):
        directory.entries()


def test_threads_commit_at_the_same_time(tmp_path: Path) -> None:
    def commit(number: int) -> None:
        for _ in range(5):
            directory = _core.Directory(str(tmp_path))
            directory.commit(*built(tmp_path, number))

    threads = [threading.Thread(target=commit, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [entry["rows"] for entry in _core.Directory(str(tmp_path)).entries()]
    assert sorted(rows) == sorted([1, 2, 3, 4] * 5)
