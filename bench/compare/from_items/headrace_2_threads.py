"""hr.from_items(paths, function, threads=2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compare.from_items import headrace

Function = Callable[[Path], NDArray[np.float32]]


def load(paths: Sequence[Path], function: Function) -> NDArray[np.float32]:
    return headrace.load(paths, function, threads=2)
