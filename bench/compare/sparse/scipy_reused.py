"""scipy tuned by hand: csr[idx].toarray(out=) into one array, overwritten by the next batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from compare.sparse.scipy_toarray import setup
from harness.data import Batch
from harness.sparse import CsrRows

__all__ = ["epoch", "setup"]


def epoch(data: CsrRows, number: int) -> Iterator[Batch]:
    x, y = data.arrays()
    dense = np.empty((data.batch_size, data.width), np.float32)
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)
    for start in range(0, data.rows, data.batch_size):
        idx = order[start : start + data.batch_size]
        out = dense[: len(idx)]
        x[idx].toarray(out=out)
        yield {"x": torch.from_numpy(out), "y": torch.from_numpy(y[idx])}
