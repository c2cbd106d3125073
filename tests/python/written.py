"""What tests look at after a dataset was written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from headrace import _core


def read_table(path: Path, version: int = 0) -> pa.Table:
    """Returns the rows of a version through pyarrow, in the order of its manifest."""
    entries = _core.Directory(str(path)).entries(version)
    parts = []
    for entry in entries:
        file = path / "shards" / f"{entry['id']}.arrow"
        assert file.stat().st_size == entry["stored_bytes"]
        parts.append(pa.ipc.open_file(pa.memory_map(str(file))).read_all())
        assert len(parts[-1]) == entry["rows"]
    return pa.concat_tables(parts)


def shard_files(path: Path) -> list[Path]:
    return sorted((path / "shards").glob("*")) if (path / "shards").exists() else []
