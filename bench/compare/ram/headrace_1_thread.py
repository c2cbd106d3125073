"""hr.from_arrays, hr.Loader(shuffle=True, num_threads=1)."""

from __future__ import annotations

import headrace as hr
from compare.ram import headrace as in_ram
from compare.ram.headrace import close, epoch
from harness.data import Data

__all__ = ["close", "epoch", "setup"]


def setup(data: Data) -> hr.Loader:
    return in_ram.setup(data, num_threads=1)
