"""hr.memmap over the files, hr.Loader(shuffle=True): the exact shuffle."""

from __future__ import annotations

from collections.abc import Iterable

import headrace as hr
from harness.cold import NumberedRows
from harness.data import Batch


def setup(data: NumberedRows, *, shuffle: bool | hr.BlockShuffle = True) -> hr.Loader:
    dataset = hr.memmap(
        {"x": [str(path) for path in data.row_files()]}, dtype="float32", row_shape=(data.width,)
    )
    return hr.Loader(dataset, batch_size=data.batch_size, shuffle=shuffle, seed=data.seed)


def epoch(loader: hr.Loader, number: int) -> Iterable[Batch]:
    loader.set_epoch(number)
    return loader


def close(loader: hr.Loader) -> None:
    loader.close()
