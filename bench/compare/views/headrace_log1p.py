"""The same with hr.log1p as a view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import headrace as hr
from compare.views.headrace import close, epoch, loader
from harness.data import Data, WrongAnswerError, check_dense, features_of

__all__ = ["check_x", "close", "epoch", "setup"]


def setup(data: Data) -> hr.Loader:
    return loader(data, lambda dataset: dataset.with_columns(x=hr.log1p()))


def check_x(data: Data, x: Any, labels: NDArray[np.int64]) -> None:
    """Checks each number to one unit in the last place of a float32."""
    check_dense(x, len(labels), data.width)
    expected = np.log1p(features_of(labels, data.width).astype(np.float64))
    if not (np.abs(x.numpy() - expected) <= np.spacing(expected.astype(np.float32))).all():
        raise WrongAnswerError("wrong logarithms in a batch")
