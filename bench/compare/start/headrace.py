"""hr.memmap over the file, hr.Loader(shuffle=True)."""

from __future__ import annotations

from collections.abc import Iterable

import headrace as hr
from harness.data import Batch, Data


def setup(data: Data) -> hr.Loader:
    dataset = hr.memmap({"x": [str(data.sparse_file())]}, dtype="uint8")
    return hr.Loader(dataset, batch_size=data.batch_size, shuffle=True, seed=data.seed)


def epoch(loader: hr.Loader, number: int) -> Iterable[Batch]:
    loader.set_epoch(number)
    return loader


def close(loader: hr.Loader) -> None:
    loader.close()
