"""hr.open of the shards, with_layout(x="csr"), hr.Loader(shuffle=True): the exact shuffle."""

from __future__ import annotations

import headrace as hr
from compare.sparse.headrace import close, epoch
from harness.sparse_cold import CsrShards

__all__ = ["close", "epoch", "setup"]


def setup(data: CsrShards, *, shuffle: bool | hr.BlockShuffle = True) -> hr.Loader:
    dataset = hr.open(str(data.directory)).with_layout(x="csr")
    return hr.Loader(dataset, batch_size=data.batch_size, shuffle=shuffle, seed=data.seed)
