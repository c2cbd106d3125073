"""By hand: a global permutation, sorted batches, np.memmap opened for the files of each batch.

np.memmap keeps a descriptor per map, so maps of 20,000 files do not fit under usual limits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data import Batch, Data, memory_map

State = tuple[NDArray[np.int64], Data]


def setup(data: Data) -> State:
    return np.cumsum(data.file_rows(), dtype=np.int64), data


def epoch(state: State, number: int) -> Iterator[Batch]:
    ends, data = state
    x_paths, y_paths = data.paths()
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)
    for start in range(0, data.rows, data.batch_size):
        indices = np.sort(order[start : start + data.batch_size])
        x = np.empty((len(indices), data.width), np.float32)
        y = np.empty(len(indices), np.int64)
        files, firsts = np.unique(np.searchsorted(ends, indices, side="right"), return_index=True)
        for file, first, last in zip(
            files.tolist(), firsts.tolist(), [*firsts[1:].tolist(), len(indices)], strict=True
        ):
            begin = int(ends[file - 1]) if file else 0
            rows = int(ends[file]) - begin
            local = indices[first:last] - begin
            x[first:last] = memory_map(x_paths[file], np.float32, (rows, data.width))[local]
            y[first:last] = memory_map(y_paths[file], np.int64, (rows,))[local]
        yield {"x": torch.from_numpy(x), "y": torch.from_numpy(y)}
