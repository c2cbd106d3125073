"""A loop that appends to a list, numpy.stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Function = Callable[[Path], NDArray[np.float32]]


def load(paths: Sequence[Path], function: Function) -> NDArray[np.float32]:
    rows = []
    for path in paths:
        rows.append(function(path))
    return np.stack(rows)
