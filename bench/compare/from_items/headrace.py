"""hr.from_items(paths, function): one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import headrace as hr

Function = Callable[[Path], NDArray[np.float32]]


def load(
    paths: Sequence[Path], function: Function, *, threads: int | None = None
) -> NDArray[np.float32]:
    found: NDArray[np.float32] = hr.from_items(paths, function, threads=threads, progress=False)[
        "0"
    ][:]
    return found
