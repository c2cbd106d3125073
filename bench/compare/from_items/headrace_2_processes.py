"""hr.from_items(paths, function, executor=ProcessPoolExecutor(2)), with starting them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import headrace as hr

Function = Callable[[Path], NDArray[np.float32]]


def load(paths: Sequence[Path], function: Function) -> NDArray[np.float32]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
        found: NDArray[np.float32] = hr.from_items(
            paths, function, executor=executor, progress=False
        )["0"][:]
    return found
