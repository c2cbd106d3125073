"""hr.from_arrays, with_layout(x="csr"), hr.Loader(shuffle=True): torch.sparse_csr tensors."""

from __future__ import annotations

import headrace as hr
from compare.sparse import headrace
from compare.sparse.headrace import close, epoch
from harness.sparse import CsrRows

__all__ = ["close", "epoch", "setup"]


def setup(data: CsrRows) -> hr.Loader:
    return headrace.setup(data, layout="csr")
