"""hr.memmap over the files, hr.Loader(shuffle=True)."""

from __future__ import annotations

from collections.abc import Iterable

import headrace as hr
from harness.data import Batch, Data


def setup(data: Data) -> hr.Loader:
    x_paths, y_paths = data.paths()
    dataset = hr.memmap(
        {"x": [str(path) for path in x_paths], "y": [str(path) for path in y_paths]},
        dtype={"x": "float32", "y": "int64"},
        row_shape={"x": (data.width,)},
    )
    return hr.Loader(dataset, batch_size=data.batch_size, shuffle=True, seed=data.seed)


def epoch(loader: hr.Loader, number: int) -> Iterable[Batch]:
    loader.set_epoch(number)
    return loader


def close(loader: hr.Loader) -> None:
    loader.close()
