"""hr.open of a dataset of shards, hr.Loader(shuffle=True)."""

from __future__ import annotations

import headrace as hr
from compare.mapped.headrace import close, epoch
from harness.data import Data
from harness.shards import write_shards

__all__ = ["close", "epoch", "setup"]


def setup(data: Data) -> hr.Loader:
    dataset = hr.open(write_shards(data))
    return hr.Loader(dataset, batch_size=data.batch_size, shuffle=True, seed=data.seed)
