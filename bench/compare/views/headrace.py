"""hr.from_arrays, hr.Loader(shuffle=True), the columns as they are stored."""

from __future__ import annotations

from collections.abc import Callable

import headrace as hr
from compare.ram.headrace import close, epoch
from harness.data import Data

__all__ = ["close", "epoch", "loader", "setup"]


def loader(data: Data, view: Callable[[hr.Dataset], hr.Dataset]) -> hr.Loader:
    """Returns the loader of a view of the rows: what the libraries of this task differ in."""
    x, y = data.arrays()
    return hr.Loader(
        view(hr.from_arrays(x=x, y=y)), batch_size=data.batch_size, shuffle=True, seed=data.seed
    )


def setup(data: Data) -> hr.Loader:
    return loader(data, lambda dataset: dataset)
