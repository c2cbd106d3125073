"""hr.from_arrays, hr.Loader(shuffle=True), threads as it chooses."""

from __future__ import annotations

from collections.abc import Iterable

import headrace as hr
from harness.data import Batch, Data


def setup(data: Data, *, num_threads: int | None = None) -> hr.Loader:
    x, y = data.arrays()
    return hr.Loader(
        hr.from_arrays(x=x, y=y),
        batch_size=data.batch_size,
        shuffle=True,
        seed=data.seed,
        num_threads=num_threads,
    )


def epoch(loader: hr.Loader, number: int) -> Iterable[Batch]:
    loader.set_epoch(number)
    return loader


def close(loader: hr.Loader) -> None:
    loader.close()
