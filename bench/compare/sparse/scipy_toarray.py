"""scipy without a copy: torch.from_numpy(csr[idx].toarray()), numpy's memory for each batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from harness.data import Batch
from harness.sparse import CsrRows


def setup(data: CsrRows) -> CsrRows:
    data.arrays()
    return data


def epoch(data: CsrRows, number: int) -> Iterator[Batch]:
    x, y = data.arrays()
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)
    for start in range(0, len(order), data.batch_size):
        idx = order[start : start + data.batch_size]
        yield {"x": torch.from_numpy(x[idx].toarray()), "y": torch.from_numpy(y[idx])}
