"""hr.open of the directory itself: the same shards on the disk, in the page cache."""

from __future__ import annotations

import headrace as hr
from compare.stream.headrace import FORMAT, close, epoch, write
from harness.stream import StreamRows

__all__ = ["FORMAT", "close", "epoch", "setup", "write"]

NEEDS = "nginx"


def setup(data: StreamRows) -> hr.Loader:
    return hr.Loader(hr.open(str(data.stored)), batch_size=data.batch_size, shuffle=False)
