"""Text files that become shards: how fast, and how far memory grows meanwhile.

A library has `convert(paths, folder) -> the Arrow files that it wrote`, a row of column x for each
line of the files, one after the other; and COPIES, how often it is given the text.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.feature_extraction.text import HashingVectorizer

from harness import process
from harness.data import WrongAnswerError
from harness.library import Library, Measurement
from harness.text import OPTIONS, TextRows

_CHECKED_LINES = 2_000


def measure_text_shards(library: Library, data: Any) -> Measurement:
    """Times one conversion, and checks the number of rows and some of them."""
    assert isinstance(data, TextRows)
    data.write_files()
    text, copies = data.directory / "text", library.module.COPIES
    lines = text.read_bytes().splitlines(keepends=True)
    count, checked = len(lines), [line.decode() for line in lines[:_CHECKED_LINES]]
    del lines
    expected = HashingVectorizer(**OPTIONS, dtype=np.float32).transform(checked)
    folder = Path(tempfile.mkdtemp(prefix="unfinished-shards-", dir=data.root))
    try:
        small = folder / "small"
        small.write_text("to be or not to be\n")
        library.module.convert([small], folder / "first")  # late imports
        process.reset_peak()
        before = process.status_mib("VmRSS")
        start = time.perf_counter()
        files = library.module.convert([text] * copies, folder / "all")
        seconds = time.perf_counter() - start
        grown = process.status_mib("VmHWM") - before
        _check(files, copies * count, expected)
    finally:
        shutil.rmtree(folder)
    megabytes = copies * data.size / 1e6
    metrics = {
        "growth_mib": grown,
        "mb_per_s": megabytes / seconds,
        "seconds": seconds,
        "text_mb": megabytes,
    }
    return Measurement(copies * count, False, 0, metrics)


def _check(files: Sequence[Path], rows: int, expected: Any) -> None:
    found = 0
    for file in files:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        for number in range(reader.num_record_batches):
            column = reader.get_batch(number).column("x")
            if found == 0:
                _check_first(column.slice(0, expected.shape[0]), expected)
            found += len(column)
    if found != rows:
        raise WrongAnswerError(f"{rows} lines became {found} rows")


def _check_first(column: Any, expected: Any) -> None:
    rows = column.to_pylist()
    expected.sort_indices()
    for number, row in enumerate(rows):
        part = slice(*expected.indptr[number : number + 2])
        indices = [entry["indices"] for entry in row]
        values = np.array([entry["values"] for entry in row], np.float32)
        if indices != expected.indices[part].tolist() or not np.array_equal(
            values, expected.data[part]
        ):
            raise WrongAnswerError(f"line {number} is not as scikit-learn has it")
