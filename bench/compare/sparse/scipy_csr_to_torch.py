"""scipy: csr[idx] for each batch, its arrays put into torch.sparse_csr_tensor."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch

from compare.sparse import scipy_csr
from harness.data import Batch
from harness.sparse import CsrRows


def setup(data: CsrRows) -> CsrRows:
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
    return scipy_csr.setup(data)


def epoch(data: CsrRows, number: int) -> Iterator[Batch]:
    for batch in scipy_csr.epoch(data, number):
        rows = batch["x"]
        x = torch.sparse_csr_tensor(
            torch.from_numpy(rows.indptr),
            torch.from_numpy(rows.indices),
            torch.from_numpy(rows.data),
            size=rows.shape,
            check_invariants=False,
        )
        yield {"x": x, "y": batch["y"]}
