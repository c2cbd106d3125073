"""By hand: np.memmap per file, a global permutation, sorted batches, numpy.take file by file.

Sorting the indices of a batch keeps which rows it has and makes one take per file enough. Of the
variants tried (numpy.take into one array, fancy indexing and concatenate, torch.index_select into
one tensor, torch.cat) this one was fastest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data import Batch, Data, memory_map


@dataclass
class State:
    features: list[NDArray[np.float32]]
    labels: list[NDArray[np.int64]]
    ends: NDArray[np.int64]
    data: Data


def setup(data: Data) -> State:
    x_paths, y_paths = data.paths()
    rows = data.file_rows()
    pairs = list(zip(x_paths, y_paths, rows, strict=True))
    # asarray: indexing a plain array skips the memmap class's work in Python.
    features: list[Any] = [
        np.asarray(memory_map(x, np.float32, (count, data.width))) for x, _, count in pairs
    ]
    labels: list[Any] = [np.asarray(memory_map(y, np.int64, (count,))) for _, y, count in pairs]
    return State(features, labels, np.cumsum(rows, dtype=np.int64), data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    data = state.data
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)
    for start in range(0, data.rows, data.batch_size):
        indices = np.sort(order[start : start + data.batch_size])
        x = np.empty((len(indices), data.width), np.float32)
        y = np.empty(len(indices), np.int64)
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
            np.take(state.features[file], local, axis=0, out=x[first:last], mode="clip")
            np.take(state.labels[file], local, out=y[first:last], mode="clip")
        yield {"x": torch.from_numpy(x), "y": torch.from_numpy(y)}
