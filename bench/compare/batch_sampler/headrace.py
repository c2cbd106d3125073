"""hr.BatchSampler(rows, 1024, shuffle=True)."""

from __future__ import annotations

from collections.abc import Iterable

import headrace as hr
from harness.data import Data


def sampler(data: Data) -> Iterable[list[int]]:
    return hr.BatchSampler(data.rows, data.batch_size, shuffle=True, seed=data.seed)
