"""Hugging Face datasets: Arrow files over HTTP, streaming, rows in torch format, a DataLoader."""

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


def setup(data: StreamRows) -> Any:
    # Without workers: those of a fork share connections with this process, and either may hang.
    return torch.utils.data.DataLoader(
        setup_arrow(data).rows.with_format("torch"), batch_size=data.batch_size
    )


def epoch(loader: Any, number: int) -> Any:
    return loader
