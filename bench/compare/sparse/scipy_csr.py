"""scipy: csr[idx] for each batch, as a scipy matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from compare.sparse.scipy_toarray import setup
from harness.sparse import CsrRows

__all__ = ["epoch", "setup"]


def epoch(data: CsrRows, number: int) -> Iterator[Mapping[str, Any]]:
    x, y = data.arrays()
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)
    for start in range(0, data.rows, data.batch_size):
        idx = order[start : start + data.batch_size]
        yield {"x": x[idx], "y": torch.from_numpy(y[idx])}
