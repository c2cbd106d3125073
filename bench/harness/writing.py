"""How fast rows in memory become files that survive a power cut.

A library of a write task has `write(x, y, folder)`, which returns when what it wrote is durable,
and `read(folder) -> (x, y)`; and `prepare(x, y, folder)`, where something has to be there before.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import process
from harness.data import Data, WrongAnswerError, checksum_of, features_of
from harness.library import Library, Measurement

_CHECK_ROWS = 1 << 14


def sync(path: Path) -> None:
    """Waits until a file or a directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def measure_write(library: Library, data: Data) -> Measurement:
    """Times one write of all rows, from the call until they are durable, and checks every row."""
    x, y = data.arrays()
    data.root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="unfinished-write-", dir=data.root))
    try:
        getattr(library.module, "prepare", lambda x, y, folder: None)(x, y, folder)
        library.module.write(x[:64], y[:64], folder / "first")  # late imports
        process.reset_peak()
        before = process.status_mib("VmRSS")
        start = time.perf_counter()
        library.module.write(x, y, folder / "all")
        seconds = time.perf_counter() - start
        grown = process.status_mib("VmHWM") - before
        found_x, found_y = library.module.read(folder / "all")
        checksum = _check(found_x, found_y, data)
    finally:
        shutil.rmtree(folder)
    metrics = {
        "mb_per_s": (x.nbytes + y.nbytes) / 1e6 / seconds,
        "seconds": seconds,
        "growth_mib": max(0.0, grown),
    }
    return Measurement(data.rows, True, checksum, metrics)


def _check(x: Any, y: NDArray[np.int64], data: Data) -> int:
    if not np.array_equal(y, np.arange(data.rows)):
        raise WrongAnswerError("the labels that were read are not those that were written")
    for start in range(0, data.rows, _CHECK_ROWS):
        part = slice(start, start + _CHECK_ROWS)
        if not np.array_equal(x[part], features_of(y[part], data.width)):
            raise WrongAnswerError(f"features from row {start} on are not what was written")
    return checksum_of(y)
