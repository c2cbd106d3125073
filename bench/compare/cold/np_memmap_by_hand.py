"""By hand: np.memmap per file, a global permutation, numpy.take file by file.

As bench/compare/mapped does it, for one column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.cold import NumberedRows
from harness.data import Batch, memory_map

PASS_SECONDS = 15


@dataclass
class State:
    files: list[NDArray[np.float32]]
    ends: NDArray[np.int64]
    data: NumberedRows


def setup(data: NumberedRows) -> State:
    rows = data.file_rows()
    # asarray: indexing a plain array skips the memmap class's work in Python.
    files: list[Any] = [
        np.asarray(memory_map(path, np.float32, (count, data.width)))
        for path, count in zip(data.row_files(), rows, strict=True)
    ]
    return State(files, np.cumsum(rows, dtype=np.int64), data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    data = state.data
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)
    for start in range(0, data.rows, data.batch_size):
        indices = np.sort(order[start : start + data.batch_size])
        x = np.empty((len(indices), data.width), np.float32)
        # Only the files that have a row in the batch.
        files, firsts = np.unique(
            np.searchsorted(state.ends, indices, side="right"), return_index=True
        )
        for file, first, last in zip(
            files.tolist(), firsts.tolist(), [*firsts[1:].tolist(), len(indices)], strict=True
        ):
            local = indices[first:last]
            if file:
                local = local - state.ends[file - 1]
            np.take(state.files[file], local, axis=0, out=x[first:last], mode="clip")
        yield {"x": torch.from_numpy(x)}
