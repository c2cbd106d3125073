"""The same with transform=lambda batch: batch."""

from __future__ import annotations

import headrace as hr
from compare.ram.headrace import close, epoch
from harness.data import Data

__all__ = ["close", "epoch", "setup"]


def setup(data: Data, *, transform_threads: int | None = None) -> hr.Loader:
    x, y = data.arrays()
    return hr.Loader(
        hr.from_arrays(x=x, y=y),
        batch_size=data.batch_size,
        shuffle=True,
        seed=data.seed,
        transform=lambda batch: batch,
        transform_threads=transform_threads,
    )
