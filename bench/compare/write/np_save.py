"""np.save of each array, fsync; without checksums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.writing import sync


def write(x: Any, y: Any, folder: Path) -> None:
    folder.mkdir()
    for name, array in (("x", x), ("y", y)):
        np.save(folder / f"{name}.npy", array)
        sync(folder / f"{name}.npy")
    sync(folder)


def read(folder: Path) -> tuple[Any, Any]:
    return np.load(folder / "x.npy", mmap_mode="r"), np.load(folder / "y.npy")
