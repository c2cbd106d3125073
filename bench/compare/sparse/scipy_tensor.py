"""scipy as people write it: torch.tensor(csr[idx].toarray()), fresh memory for each batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from compare.sparse.scipy_toarray import setup
from harness.data import Batch
from harness.sparse import CsrRows

__all__ = ["epoch", "setup"]

PASS_ROWS = 20_480


def epoch(data: CsrRows, number: int) -> Iterator[Batch]:
    x, y = data.arrays()
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    for start in range(0, len(order), data.batch_size):
        idx = order[start : start + data.batch_size]
        yield {"x": torch.tensor(x[idx].toarray()), "y": torch.tensor(y[idx])}
