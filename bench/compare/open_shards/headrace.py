"""hr.open of the directory: the newest version, from its manifest."""

from __future__ import annotations

from pathlib import Path

import headrace as hr


def open_rows(directory: Path) -> int:
    """Opens the dataset and returns how many rows it has."""
    return len(hr.open(directory))
