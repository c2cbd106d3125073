"""hr.open of a file:// URL with a cache: the manifest is fetched like that of any store."""

from __future__ import annotations

import tempfile
from pathlib import Path

import headrace as hr
from harness.shards import write_manifest as directory

__all__ = ["directory", "open_rows"]


def open_rows(directory: Path) -> int:
    """Opens the dataset and returns how many rows it has."""
    with tempfile.TemporaryDirectory() as cache:
        return len(hr.open(directory.as_uri(), cache=cache, cache_bytes="1GB"))
