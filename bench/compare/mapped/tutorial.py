"""The tutorial: np.memmap, dask.array.concatenate, one row at a time, DataLoader.

Repaired where it does not run as printed: a row of a dask array is computed before torch.tensor
takes it. Random rows of the whole dataset, given as a sampler: shuffling all of them for a pass of
few rows would be charged to the few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dask.array
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from harness.data import Batch, Data, memory_map

PASS_ROWS = 2048

da: Any = dask.array  # its functions have no types


class MemmapDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The tutorial's class, with its file lists and shapes taken from `data`."""

    def __init__(self, data: Data) -> None:
        x_paths, y_paths = data.paths()
        features = []
        targets = []
        for x_path, y_path, rows in zip(x_paths, y_paths, data.file_rows(), strict=True):
            features.append(memory_map(x_path, np.float32, (rows, data.width)))
            targets.append(memory_map(y_path, np.int64, (rows,)))
        self.features = da.concatenate([da.from_array(part) for part in features], axis=0)
        self.targets = da.concatenate([da.from_array(part) for part in targets], axis=0)

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def __getitem__(self, idx: int) -> tuple[torch.Tensor, torch.Tensor]:
        return (
            torch.tensor(self.features[idx].compute()),
            torch.tensor(self.targets[idx].compute()),
        )


@dataclass
class State:
    dataset: MemmapDataset
    data: Data


def setup(data: Data) -> State:
    return State(MemmapDataset(data), data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    data = state.data
    random = np.random.default_rng([data.seed, number])
    sampler = random.choice(data.rows, min(PASS_ROWS, data.rows), replace=False).tolist()
    for x, y in DataLoader(state.dataset, batch_size=data.batch_size, sampler=sampler):
        yield {"x": x, "y": y}
