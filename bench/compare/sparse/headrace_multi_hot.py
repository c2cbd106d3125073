"""The tutorial's file of float64 indices in place: hr.memmap, multi_hot(columns=1024, pad=-1)."""

from __future__ import annotations

import headrace as hr
from compare.sparse.headrace import close, epoch
from harness.data import read_through
from harness.sparse import BinaryRows

__all__ = ["close", "epoch", "setup"]


def setup(data: BinaryRows) -> hr.Loader:
    data.write_files()
    read_through(data.padded_file())
    rows = hr.memmap({"x": str(data.padded_file())}, dtype="float64", row_shape=(data.most,))
    dataset = hr.zip([rows, hr.from_arrays(y=data.labels())])
    return hr.Loader(
        dataset.multi_hot("x", columns=data.width, pad=-1),
        batch_size=data.batch_size,
        shuffle=True,
        seed=data.seed,
    )
