"""torch's BatchSampler over its RandomSampler."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.utils.data import BatchSampler, RandomSampler

from harness.data import Data

ROWS_SHARE = 0.02


def sampler(data: Data) -> Iterable[list[int]]:
    generator = torch.Generator()
    generator.manual_seed(data.seed)
    order = RandomSampler(range(data.rows), generator=generator)
    return BatchSampler(order, batch_size=data.batch_size, drop_last=False)
