"""The same with ds.cast(x="bfloat16"), for training in mixed precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import headrace as hr
from compare.views.headrace import close, epoch, loader
from harness.data import Data, WrongAnswerError, features_of

__all__ = ["check_x", "close", "epoch", "setup"]


def setup(data: Data) -> hr.Loader:
    return loader(data, lambda dataset: dataset.cast(x="bfloat16"))


def check_x(data: Data, x: Any, labels: NDArray[np.int64]) -> None:
    """Checks that each number is what torch makes of it."""
    expected = torch.from_numpy(features_of(labels, data.width)).to(torch.bfloat16)
    if x.dtype != torch.bfloat16 or not torch.equal(x, expected):
        raise WrongAnswerError("wrong numbers in a batch")
