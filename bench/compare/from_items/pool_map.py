"""ProcessPoolExecutor(2).map with chunksize=64, numpy.stack."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Function = Callable[[Path], NDArray[np.float32]]


def load(paths: Sequence[Path], function: Function) -> NDArray[np.float32]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
        return np.stack(list(executor.map(function, paths, chunksize=64)))
