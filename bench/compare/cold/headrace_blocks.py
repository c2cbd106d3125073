"""hr.memmap over the files, hr.Loader(shuffle=hr.BlockShuffle()), its defaults."""

from __future__ import annotations

import headrace as hr
from compare.cold import headrace
from compare.cold.headrace import close, epoch
from harness.cold import NumberedRows

__all__ = ["close", "epoch", "setup"]

MIXED = False
PASS_SECONDS = 60


def setup(data: NumberedRows) -> hr.Loader:
    return headrace.setup(data, shuffle=hr.BlockShuffle())
