"""Hugging Face datasets: Arrow files over HTTP, streaming, torch rows, a DataLoader of two."""

from __future__ import annotations

from typing import Any

import torch

from compare.stream.hf_streaming_arrow import FORMAT, write
from compare.stream.hf_streaming_arrow import setup as setup_arrow
from harness.stream import StreamRows

__all__ = ["FORMAT", "setup", "write"]

NEEDS = "nginx"
PACKAGE = "datasets"
ROWS_SHARE = 0.125
_WORKERS = 2


def setup(data: StreamRows) -> Any:
    rows = setup_arrow(data).rows.with_format("torch")
    return torch.utils.data.DataLoader(rows, batch_size=data.batch_size, num_workers=_WORKERS)


def epoch(loader: Any, number: int) -> Any:
    return loader
