"""hr.from_arrays, with_layout(x="csr"), hr.Loader(shuffle=True, output="numpy"): scipy matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

import headrace as hr
from compare.sparse import headrace
from compare.sparse.headrace import close
from harness.sparse import CsrRows

__all__ = ["close", "epoch", "setup"]


def setup(data: CsrRows) -> hr.Loader:
    return headrace.setup(data, layout="csr", output="numpy")


def epoch(loader: hr.Loader, number: int) -> Iterator[Mapping[str, Any]]:
    for batch in headrace.epoch(loader, number):
        yield {"x": batch["x"], "y": torch.from_numpy(batch["y"])}
