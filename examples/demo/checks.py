"""What a loader delivered, compared by content with what lies in the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from features import COLUMNS
from loaders import Batch, Rows

Hashes = npt.NDArray[np.uint64]

_WEIGHTS = np.random.default_rng(0).integers(1, 2**63, COLUMNS, dtype=np.uint64) | np.uint64(1)
_TARGET_WEIGHT = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(x: npt.NDArray[np.float32], y: npt.NDArray[np.int64]) -> Hashes:
    """Returns a 64-bit hash of each row: of the bits of its features, and its target."""
    mixed = _mixed(np.ascontiguousarray(x), _WEIGHTS)
    total: Hashes = mixed.sum(axis=1, dtype=np.uint64)
    return total + y.astype(np.uint64) * _TARGET_WEIGHT


def sparse_hashes(x: sparse.csr_matrix, y: npt.NDArray[np.int64]) -> Hashes:
    """Returns the hashes of the same rows from their nonzeros: zeros add nothing to a hash."""
    sums = np.zeros(len(x.data) + 1, np.uint64)
    np.cumsum(_mixed(x.data, _WEIGHTS[x.indices]), out=sums[1:])
    total: Hashes = sums[x.indptr[1:]] - sums[x.indptr[:-1]]
    return total + y.astype(np.uint64) * _TARGET_WEIGHT


def _mixed(values: npt.NDArray[np.float32], weights: Hashes) -> Any:
    # A product carries upwards only; the shift lets its high bits count everywhere.
    mixed = values.view(np.uint32).astype(np.uint64) * weights
    mixed ^= mixed >> np.uint64(29)
    return mixed


def batch_digest(x: torch.Tensor, y: torch.Tensor) -> str:
    """Returns a hash of a batch, bit for bit and in its order."""
    digest = hashlib.blake2b(x.numpy().tobytes(), digest_size=8)
    digest.update(y.numpy().tobytes())
    return digest.hexdigest()


def hashes_delivered(batches: Iterable[Batch]) -> Hashes:
    """Returns the hash of each row that a loader hands out, in its order."""
    return np.concatenate([row_hashes(x.numpy(), y.numpy()) for x, y in batches])


def each_row_once(delivered: Hashes, expected: Hashes) -> bool:
    """Whether the same rows came, each as often as it is there: multisets compared by content."""
    return np.array_equal(np.sort(delivered), np.sort(expected))


def split_leaks(
    train: Hashes, test: Hashes, train_files: Iterable[str], test_files: Iterable[str]
) -> list[str]:
    """Returns what is wrong with the split as it was written; nothing if it is right."""
    both = np.concatenate([train, test])
    shared = {
        "files that are in training and in test": len(set(train_files) & set(test_files)),
        "rows of test files in training": len(np.intersect1d(train, test)),
        "rows that are there more than once": len(both) - len(np.unique(both)),
    }
    return [f"{count} {what}" for what, count in shared.items() if count]


def some_rows(total: int, wanted: int, *, seed: int) -> Rows:
    """Returns `wanted` distinct row numbers below `total`, sorted: a part of the rows."""
    return np.sort(np.random.default_rng(seed).choice(total, min(wanted, total), replace=False))
