"""hr.open of the shards, hr.Loader(shuffle=hr.BlockShuffle()), its defaults."""

from __future__ import annotations

import headrace as hr
from compare.sparse import headrace_shards
from compare.sparse.headrace import close, epoch
from harness.sparse_cold import CsrShards

__all__ = ["close", "epoch", "setup"]

MIXED = False
PASS_SECONDS = 60


def setup(data: CsrShards) -> hr.Loader:
    return headrace_shards.setup(data, shuffle=hr.BlockShuffle())
