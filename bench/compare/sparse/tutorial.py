"""The tutorial: a list of index tensors, DataLoader, its collate_fn (names and offsets repaired).

Its index into the flat batch is repaired in the way nearest to the text: a tensor per row, moved
by the row's place, all of them concatenated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from harness.data import Batch
from harness.sparse import BinaryRows

PASS_ROWS = 204_800

Row = tuple[torch.Tensor, int]


class SimpleDataset(Dataset[Row]):
    """The tutorial's first class: everything in lists."""

    def __init__(self, features: Sequence[torch.Tensor], targets: list[int]) -> None:
        self.features = features
        self.targets = targets

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, idx: int) -> Row:
        return self.features[idx], self.targets[idx]


def collate_fn(data: Sequence[Row]) -> Batch:
    feature_idxs, targets = zip(*data, strict=True)
    bs = len(feature_idxs)
    features = torch.zeros(bs * 1024)
    features[torch.cat([row * 1024 + idxs for row, idxs in enumerate(feature_idxs)])] = 1.0
    return {"x": features.view((bs, 1024)), "y": torch.tensor(targets)}


State = tuple[BinaryRows, SimpleDataset]


def setup(data: BinaryRows) -> State:
    torch.set_num_threads(1)
    x, y = data.arrays()
    indices = torch.from_numpy(x.indices.astype(np.int64))
    features = indices.split(np.diff(x.indptr).tolist())
    return data, SimpleDataset(features, y.tolist())


def epoch(
    state: State, number: int, *, collate: Callable[[Sequence[Row]], Batch] = collate_fn
) -> Iterator[Batch]:
    data, dataset = state
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    loader: DataLoader[Row] = DataLoader(
        dataset, data.batch_size, sampler=order.tolist(), collate_fn=collate
    )
    yield from loader
