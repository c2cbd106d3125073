"""What is measured without batches of rows: samplers, and work done once per item.

A library of a sampler task has `sampler(data) -> iterable of lists of row numbers`; one of an
items task has `load(paths, function) -> array`, a row per path; one of an open task has
`directory(data) -> path`, which makes it once, and `open_rows(path) -> number of rows`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import process
from harness.data import Data, WrongAnswerError, features_of
from harness.library import Measurement

_BATCHES = 10_000
_WINDOW = 256


def measure_sampler(make: Callable[[Data], Iterable[list[int]]], data: Data) -> Measurement:
    """Times a sampler to its first batch, and per batch after that.

    The rows of all batches that were drawn are checked to be distinct rows of the data.
    """
    before = process.status_mib("RssAnon")
    start = time.perf_counter()
    batches = iter(make(data))
    drawn = [next(batches)]
    seconds = time.perf_counter() - start
    anonymous = process.status_mib("RssAnon") - before
    count, elapsed = 0, 0.0
    # Checked in parts, so that keeping what was drawn is not timed for long.
    while count < _BATCHES:
        start = time.perf_counter()
        part = list(itertools.islice(batches, 100))
        elapsed += time.perf_counter() - start
        if not part:
            break
        count += len(part)
        drawn.append(np.concatenate([np.asarray(batch) for batch in part]).tolist())
    rows = np.concatenate([np.asarray(part, dtype=np.int64) for part in drawn])
    if rows.min() < 0 or rows.max() >= data.rows or len(np.unique(rows)) != len(rows):
        raise WrongAnswerError("the sampler gave a row twice, or one that is none")
    if data.rows > 4 * data.batch_size and (np.diff(rows) == 1).mean() > 0.1:
        raise WrongAnswerError("the sampler does not shuffle")
    metrics = {"start_ms": seconds * 1e3, "anonymous_mib": anonymous}
    if count:
        metrics["us_per_batch"] = elapsed / count * 1e6
    return Measurement(data.rows, False, 0, metrics)


def spectrum(path: Path) -> NDArray[np.float32]:
    """The function per file: the mean magnitude spectrum of overlapping windows of its values."""
    values = np.fromfile(path, dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(values, _WINDOW)[:: _WINDOW // 4]
    magnitudes = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1))
    mean: NDArray[np.float32] = np.log1p(magnitudes.mean(axis=0)).astype(np.float32)
    return mean


def measure_items(load: Callable[[Sequence[Path], Any], Any], data: Data) -> Measurement:
    """Times the function over all feature files, warm, and checks every file's row."""
    data.write_files()
    data.warm_files()
    paths, _ = data.paths()
    load(paths[:8], spectrum)
    start = time.perf_counter()
    found = load(paths, spectrum)
    seconds = time.perf_counter() - start
    if found.shape != (len(paths), _WINDOW // 2 + 1) or found.dtype != np.float32:
        raise WrongAnswerError(f"found {found.dtype} of shape {found.shape}")
    for number, path in enumerate(paths):
        if not np.array_equal(found[number], spectrum(path)):
            raise WrongAnswerError(f"the row of {path} is wrong")
    first = np.fromfile(paths[-1], np.float32)
    labels = np.arange(data.rows - len(first) // data.width, data.rows)
    if not np.array_equal(first, features_of(labels, data.width).ravel()):
        raise WrongAnswerError(f"{paths[-1]} holds something else")
    return Measurement(
        len(paths), False, 0, {"seconds": seconds, "items_per_s": len(paths) / seconds}
    )


def measure_open(directory: Path, open_rows: Callable[[Path], int], data: Data) -> Measurement:
    """Times opening the dataset in `directory`, its manifest warm, and how far memory grows."""
    for path in (directory / "manifests").iterdir():
        path.read_bytes()
    process.reset_peak()
    peak = process.status_mib("VmHWM")
    start = time.perf_counter()
    rows = open_rows(directory)
    milliseconds = (time.perf_counter() - start) * 1e3
    metrics = {"open_ms": milliseconds, "peak_mib": process.status_mib("VmHWM") - peak}
    if rows != data.rows:
        raise WrongAnswerError(f"expected {data.rows} rows, found {rows}")
    return Measurement(data.rows, False, 0, metrics)
