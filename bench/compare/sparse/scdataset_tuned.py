"""scDataset, the same with torch.from_numpy of toarray, in numpy's memory."""

from __future__ import annotations

import torch

from compare.sparse.scdataset import Fetch, State, epoch
from harness.sparse import CsrRows

__all__ = ["epoch", "setup"]

PACKAGE = "scdataset"
PASS_ROWS = 32_768


def setup(data: CsrRows) -> State:
    return Fetch(*data.arrays(), torch.from_numpy), data
