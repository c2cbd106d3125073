"""One process, one lane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import headrace as hr
from compare.stream.headrace import FORMAT, options, write
from harness.cache_limit import Rank
from harness.stream import StreamRows

__all__ = ["FORMAT", "LANES", "NEEDS", "PROCESSES", "train", "write"]

NEEDS = "nginx"
PROCESSES = 1
LANES = 1


def train(data: StreamRows, rank: Rank) -> NDArray[np.int64]:
    dataset = hr.open(
        data.s3_url,
        cache=data.cache,
        cache_bytes=rank.cache_bytes,
        storage_options=options(data),
    )
    with hr.Loader(
        dataset,
        batch_size=data.batch_size,
        shuffle=hr.ShardShuffle(window=rank.window, lanes=rank.lanes),
        seed=data.seed,
        rank=rank.rank,
        world_size=rank.processes,
        output="numpy",
    ) as loader:
        numbers: list[NDArray[np.int64]] = [batch["x"][:, 0].astype(np.int64) for batch in loader]
        return np.concatenate(numbers)
