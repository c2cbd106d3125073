"""hr.from_arrays, with_layout(x="dense"), hr.Loader(shuffle=True)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import headrace as hr
from harness.data import Batch
from harness.sparse import BinaryRows, CsrRows


def dataset(data: CsrRows) -> hr.Dataset:
    x, y = data.arrays()
    if isinstance(data, BinaryRows):
        x = hr.csr(indptr=x.indptr, indices=x.indices, columns=data.width)
    return hr.from_arrays(x=x, y=y)


def setup(
    data: CsrRows,
    *,
    layout: Literal["dense", "csr"] = "dense",
    output: Literal["torch", "numpy"] = "torch",
) -> hr.Loader:
    return hr.Loader(
        dataset(data).with_layout(x=layout),
        batch_size=data.batch_size,
        shuffle=True,
        seed=data.seed,
        output=output,
    )


def epoch(loader: hr.Loader, number: int) -> Iterable[Batch]:
    loader.set_epoch(number)
    return loader


def close(loader: hr.Loader) -> None:
    loader.close()
