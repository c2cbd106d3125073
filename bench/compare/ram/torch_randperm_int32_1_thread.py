"""By hand, tuned: the same with torch on one thread (torch.set_num_threads(1)).

Beside other work torch's two threads wait for each other at every batch; one thread does not.
"""

from __future__ import annotations

import torch

from compare.ram import torch_randperm_int32
from compare.ram.torch_randperm_int32 import epoch
from harness.data import Data

__all__ = ["epoch", "setup"]


def setup(data: Data) -> torch_randperm_int32.State:
    torch.set_num_threads(1)
    return torch_randperm_int32.setup(data)
